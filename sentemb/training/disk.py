"""Say what was needed and what is free where a disk is full."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from sentemb.errors import StorageError

if TYPE_CHECKING:
    from torch import nn

OF_LIBRARIES = ("PytorchStreamWriter", "inline_container", "iostream", "os error", "No space left")
"""What torch.save and tokenizers say when a write came up short; the latter in a bare Exception."""


@contextmanager
def told_what_is_free(what: str, folder: Path, needed: int) -> Iterator[None]:
    """Translate what safetensors, torch and tokenizers say when they cannot write.

    Args:
        what: Is written.
        folder: It is written into; it exists.
        needed: Bytes it takes, about.

    Raises:
        StorageError: When it could not be written.
    """
    free = _free(folder)
    try:
        yield
    except Exception as error:
        is_known = isinstance(error, OSError | SafetensorError)
        if not is_known and not any(word in str(error) for word in OF_LIBRARIES):
            raise
        reason = " ".join(str(error).split())[:160]
        if free < needed:
            reason = "the disk is full"
        raise StorageError(
            f"{what} could not be written: {reason}. It needs about {_megabytes(needed)}; "
            f"{_megabytes(free)} were free in '{folder}'."
        ) from error


def size_of(module: "nn.Module") -> int:
    """Return the bytes of a module's state."""
    return sum(t.numel() * t.element_size() for t in module.state_dict().values())


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
