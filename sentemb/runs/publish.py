"""The trained model is put into the folder of its run, whole or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from sentemb.bars import phase
from sentemb.encoders.loading import bars_hidden
from sentemb.errors import StorageError
from sentemb.runs.checkpoint_commit import OF_A_RUN, sync_all
from sentemb.storage import claim, sync
from sentemb.storage.owned import MODEL_LAST, print_of

if TYPE_CHECKING:
    from torch import nn


PARTIAL = "model.partial"


def publish_model(save: Callable[[Path], object], folder: Path, size: int) -> None:
    """Have a model written beside, and move it into place; on an error it takes no room.

    Args:
        save: Writes the model into a folder.
        folder: Of the run.
        size: Of the model, in bytes.

    Raises:
        StorageError: When it could not be written.
    """
    beside = folder / PARTIAL
    try:
        with told_what_is_free(f"The model in '{folder}'", folder, size):
            claim(folder, [f"{PARTIAL}/"], OF_A_RUN)
            shutil.rmtree(beside, ignore_errors=True)
            with phase("writing the model"), bars_hidden():
                save(beside)
            sync_all(beside)
            _put_in_place(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _put_in_place(beside: Path, folder: Path) -> None:
    """Move every file to its place, so that a model is never there by halves."""
    files = {path.relative_to(beside).as_posix() for path in beside.rglob("*") if path.is_file()}
    claim(folder, {name: print_of(beside / name) for name in sorted(files)}, OF_A_RUN)
    last = [name for name in MODEL_LAST if name in files]
    for name in reversed(last):
        (folder / name).unlink(missing_ok=True)
    for name in [*sorted(files - set(last)), *last]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(beside / name, folder / name)
    for place in {(folder / name).parent for name in files}:
        sync(place)


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
