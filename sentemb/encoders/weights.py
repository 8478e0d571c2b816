"""Weights against config: what is missing or of another size is refused before it is made up.

transformers draws a missing weight at random and says so in a report that nobody reads.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

import torch

from sentemb.errors import InputError
from sentemb.safety import stored_shapes

logger = logging.getLogger("sentemb")
_one_at_a_time = RLock()
NUMBER = re.compile(r"\.\d+\.")
SHOWN = 3


@contextmanager
def weights_compared(model: str | os.PathLike[str], needed: str = "") -> Iterator[None]:
    """Have transformers load a model only if the folder has every weight of its encoder.

    Inside, ``from_pretrained`` first builds the model without memory (on torch's ``meta`` device)
    from the shapes in the headers of the files. Heads may be missing, and BERT's pooler: both are
    drawn afresh where they are trained, and dropped where nothing reads them.

    Args:
        model: Whose name errors and warnings show.
        needed: A sentence on what kind of model the caller needs.

    Raises:
        InputError: When a weight is missing or has another shape than the config asks for.
    """
    from transformers import PreTrainedConfig, PreTrainedModel

    base: Any = PreTrainedModel
    load = base.from_pretrained.__func__

    def compared(cls: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        config, folder = kwargs.get("config"), Path(path, kwargs.get("subfolder") or "")
        if isinstance(config, PreTrainedConfig) and not hasattr(config, "quantization_config"):
            try:
                _compare(model, partial(load, cls), stored_shapes(folder), config)
            except InputError as error:
                raise InputError(f"{error} {needed}".strip()) from error
        return load(cls, path, *args, **kwargs)

    with _one_at_a_time:
        base.from_pretrained = classmethod(compared)
        try:
            yield
        finally:
            base.from_pretrained = classmethod(load)


def _compare(
    model: str | os.PathLike[str],
    load: Callable[..., Any],
    shapes: dict[str, tuple[int, ...]],
    config: Any,
) -> None:
    """Build a model without memory and look at the report of what its weights lack."""
    stored = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    built, report = load(
        None,
        config=config,
        state_dict=stored,
        device_map="meta",
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    prefix = built.base_model_prefix
    inner = f"{prefix}." if prefix and hasattr(built, prefix) else ""
    missing = sorted(name for name in report["missing_keys"] if _is_encoder(name, inner))
    if missing:
        raise InputError(
            f"Cannot load model '{os.fspath(model)}': its weights lack {_shown(missing)}, which "
            "its config asks for and which would be random numbers. Fetch the model again, or "
            "correct its config.json (its number of layers, for example)."
        )
    for name, found, wanted in sorted(report["mismatched_keys"]):
        if _is_encoder(name, inner):
            raise InputError(
                f"Cannot load model '{os.fspath(model)}': its weights and its config do not fit. "
                f"{name} has the shape {list(found)}, and the config asks for {list(wanted)}. "
                "Fetch the model again, or correct its config.json."
            )
    known = {NUMBER.sub(".N.", name) for name in built.state_dict()}
    unused = sorted(
        name
        for name in report["unexpected_keys"]
        if NUMBER.sub(".N.", name) in known
        or NUMBER.sub(".N.", name.removeprefix(f"{prefix}.")) in known
    )
    if unused:
        logger.warning(
            "Model '%s': its config asks for fewer layers than its weights have. Not used: %s.",
            os.fspath(model),
            _shown(unused),
        )


def _is_encoder(name: str, inner: str) -> bool:
    """Tell whether a weight is the encoder's, not a head's or a pooler's."""
    return name.startswith(inner) and not name.removeprefix(inner).startswith("pooler.")


def _shown(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more tensors" if more > 0 else "")
