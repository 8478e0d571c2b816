"""What every loader runs inside: whatever a model's parts raise becomes one line that names it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sentemb.bars import phase
from sentemb.encoders.weights import weights_compared
from sentemb.errors import (
    InputError,
    SentembError,
    TokenizerError,
    is_out_of_memory,
    panics_refused,
)
from sentemb.safety.file_names import read_json

logger = logging.getLogger("sentemb")
CLASSIFIERS = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")


@contextmanager
def loading(model: str | os.PathLike[str], needed: str = "") -> Iterator[None]:
    """Load a model inside: its weights are compared with its config, its tokenizer may panic.

    Args:
        model: Its name, for messages.
        needed: A sentence on what kind of model the caller needs.

    Raises:
        InputError: When anything goes wrong but a lack of memory.
    """
    name = f"Cannot load model '{os.fspath(model)}'"
    try:
        with (
            phase("loading the model"),
            load_report_hidden(),
            bars_hidden(),
            panics_refused(),
            weights_compared(model, needed),
        ):
            yield
    except TokenizerError as error:
        raise InputError(f"{name}: {error}") from error
    except SentembError:
        raise
    except Exception as error:  # a damaged model raises whatever its parts raise
        if is_out_of_memory(error):
            raise
        raise InputError(f"{name}: {cause_of(error)}" + (f" {needed}" if needed else "")) from error


def cause_of(error: Exception) -> str:
    """Return the first line of an error, and the second where the first announces it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    announced = lines and lines[0].endswith(":")
    return " ".join(lines[: 2 if announced else 1]) or type(error).__name__


@contextmanager
def load_report_hidden() -> Iterator[None]:
    """Hide the report that a masked-language head was not wanted and a pooler not found."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def bars_hidden() -> Iterator[None]:
    """Hide transformers' own bars, of weights loaded and files written; downloads keep theirs."""
    from transformers.utils import logging

    def hidden(make: Any, args: Any, options: Any) -> Any:
        return make(*args, **{**options, "disable": True})

    before = logging.set_tqdm_hook(hidden)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def reads_images(folder: str) -> bool:
    """Tell whether the model of a folder has a part for images, as CLIP."""
    file = Path(folder) / "config.json"
    return file.is_file() and "vision_config" in read_json(file)


def warn_of_a_classifier(folder: str, model: str | os.PathLike[str]) -> None:
    """Warn where a raw folder was fine-tuned to give labels, not vectors."""
    config: Any = read_json(Path(folder) / "config.json")
    names = config.get("architectures") if isinstance(config, dict) else None
    kind = next((str(name) for name in names or () if str(name).endswith(CLASSIFIERS)), None)
    if kind is not None:
        logger.warning(
            "Model '%s' is a classifier (%s): its vectors are the mean of an encoder that was "
            "never trained to embed sentences. sentemb predict gives its labels.",
            os.fspath(model), kind,
        )  # fmt: skip
