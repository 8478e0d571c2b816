"""LoRA: an encoder is trained by small matrices beside its layers, merged when it is saved."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from sentemb.errors import UsageError, install_command

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn

EXAMPLE = "r=16,alpha=32,dropout=0.05"
ADAPTER = "adapter"
"""Folder beside a model that was trained by LoRA, for peft."""
NAME = "default"
"""What peft calls an adapter that has no name."""
OF_BERT = {"query", "value"}


@dataclass(frozen=True)
class Lora:
    r"""Low-rank adaptation: what is trained of a layer is the product of two small matrices.

    .. math:: h = W x + \frac{\alpha}{r} B A x

    W stays as it is. A, ``[r, in]``, is drawn at random, and B, ``[out, r]``, begins at 0, so that
    the encoder begins where it was. In attention of BERT's names, the query and value layers are
    adapted, in other models every linear layer.

    Args:
        r: Rank of the product; the most that is learned of each layer.
        alpha: Scale of the product; by default 2 r.
        dropout: On x, in the product alone, a rate in [0, 1).

    Raises:
        UsageError: When a number is out of its range.

    Source: Hu et al., 2021, LoRA (arXiv:2106.09685). Deviation: B A is scaled by 2 by default, and
        decoders are adapted in every layer, as in LLM2Vec (arXiv:2404.05961).
    """

    r: int
    alpha: float | None = None
    dropout: float = 0.05

    def __post_init__(self) -> None:
        if not (self.r >= 1 and (self.alpha is None or self.alpha > 0) and 0 <= self.dropout < 1):
            raise UsageError(
                "`lora` needs r of at least 1, alpha above 0 and dropout in [0, 1); got "
                f"{', '.join(f'{k}={v}' for k, v in asdict(self).items() if v is not None)}."
            )

    @property
    def scale(self) -> float:
        """What B A is multiplied by before it is divided by r."""
        return 2 * self.r if self.alpha is None else self.alpha

    @classmethod
    def parse(cls, words: str) -> Self:
        """Read ``r=16,alpha=32,dropout=0.05``, of which ``r`` is needed.

        Raises:
            UsageError: When it is something else.

        Example:
            >>> Lora.parse("r=16,dropout=0")
            Lora(r=16, alpha=None, dropout=0.0)
        """
        found: dict[str, Any] = {}
        for part in words.split(","):
            name, _, value = part.strip().partition("=")
            try:
                if name in found:
                    raise ValueError
                found[name] = {"r": int, "alpha": float, "dropout": float}[name](value)
            except (KeyError, ValueError):
                raise UsageError(f"`lora` takes {EXAMPLE}; got '{words}'.") from None
        if "r" not in found:
            raise UsageError(f"`lora` needs the rank, as {EXAMPLE}; got '{words}'.")
        return cls(**found)

    def __str__(self) -> str:
        """Return the words that `parse` reads."""
        return f"r={self.r},alpha={self.scale:g},dropout={self.dropout:g}"


def require_peft() -> None:
    """Raise where the library that adapts layers is not installed.

    Raises:
        UsageError: Says how to install it.
    """
    if find_spec("peft") is None:
        raise UsageError(f"`lora` needs peft: {install_command('lora')}.")


def add_lora(encoder: "SentenceTransformer", lora: Lora) -> None:
    """Adapt an encoder's layers: of its transformer, nothing but the new matrices trains.

    Heads behind the transformer train as before. The vectors stay what they were.

    Args:
        encoder: A sentence-transformers model, which is changed.
        lora: How.

    Raises:
        UsageError: When peft is not installed, or the encoder has been adapted, or has no linear
            layer.
    """
    require_peft()
    from sentemb.encoders.hooks import name_of

    model: Any = getattr(encoder[0], "auto_model", None)
    targets = _targets(model)
    if not targets:
        raise UsageError(f"{name_of(encoder)} has no linear layers that `lora` could adapt.")
    if is_adapted(encoder):
        raise UsageError(f"{name_of(encoder)} is adapted by `lora` already.")
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=lora.r,
        lora_alpha=cast(int, lora.scale),
        lora_dropout=lora.dropout,
        target_modules=sorted(targets),
    )
    inject_adapter_in_model(config, model)


def is_adapted(encoder: "SentenceTransformer") -> bool:
    """Tell whether an encoder has LoRA's matrices beside its layers."""
    return "peft_config" in vars(getattr(encoder[0], "auto_model", encoder))


def described_lora(encoder: "SentenceTransformer") -> str | None:
    """Say how an encoder is adapted, in the words of `Lora`; None where it is not."""
    if not is_adapted(encoder):
        return None
    config: Any = cast(Any, encoder[0]).auto_model.peft_config[NAME]
    return str(Lora(config.r, config.lora_alpha, config.lora_dropout))


def is_frozen(name: str) -> bool:
    """Tell by its name whether a tensor of an adapted encoder's state stays as it is."""
    return name.startswith("0.") and ".lora_" not in name


def _targets(model: Any) -> set[str]:
    """Return the names of the layers that are adapted."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D  # which GPT-2 has for linear layers

    modules = model.named_modules() if isinstance(model, nn.Module) else ()
    names = {name for name, module in modules if isinstance(module, nn.Linear | Conv1D)}
    last = {name.rpartition(".")[2] for name in names}
    return OF_BERT if last >= OF_BERT else names


def _adapted(encoder: "SentenceTransformer") -> "Iterator[tuple[nn.Module, str, Any]]":
    """Yield each adapted layer with the module that it is in, and its name there."""
    model: Any = getattr(encoder[0], "auto_model", None)
    if not is_adapted(encoder):
        return
    from peft.tuners.lora import LoraLayer

    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, LoraLayer):
                yield parent, name, layer


@contextmanager
def merged(encoder: "SentenceTransformer") -> Iterator[None]:
    """Put plain layers in the place of adapted ones for a while: W + α/r·BA, added in float32.

    Args:
        encoder: Any; one that is not adapted stays as it is.
    """
    import torch

    layers = list(_adapted(encoder))
    for parent, name, layer in layers:
        plain = deepcopy(layer.get_base_layer())
        with torch.no_grad():
            change = layer.get_delta_weight(NAME).float()
            plain.weight.copy_(plain.weight.float() + change)
        setattr(parent, name, plain)
    try:
        yield
    finally:
        for parent, name, layer in layers:
            setattr(parent, name, layer)


def save_merged(encoder: "SentenceTransformer", folder: Path) -> None:
    """Write an encoder as a plain model folder, its matrices merged; any encoder is saved so.

    Args:
        encoder: Any; one that is not adapted is saved as it is.
        folder: Is made.
    """
    with merged(encoder):
        encoder.save_pretrained(os.fspath(folder), create_model_card=False)


def save_adapter(encoder: "SentenceTransformer", folder: Path) -> None:
    """Write an encoder's matrices as peft reads them; nothing where it is not adapted.

    ``PeftModel.from_pretrained(transformer, folder)`` puts them beside the layers of the
    transformer that training began with.

    Args:
        encoder: A sentence-transformers model.
        folder: Is made.
    """
    if not is_adapted(encoder):
        return
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    model: Any = encoder[0].auto_model
    state = get_peft_model_state_dict(model, adapter_name=NAME)
    folder.mkdir(parents=True)
    named = {f"base_model.model.{name}": tensor.contiguous() for name, tensor in state.items()}
    save_file(named, os.fspath(folder / "adapter_model.safetensors"), metadata={"format": "pt"})
    config = deepcopy(model.peft_config[NAME])
    config.inference_mode = True
    config.save_pretrained(os.fspath(folder))
