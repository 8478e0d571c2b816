"""The trained model is put into the folder of its run, whole or not at all."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sentemb.method import Method
from sentemb.storage import claim, sync
from sentemb.storage.owned import MODEL_LAST, print_of
from sentemb.training.checkpoints import save_encoder
from sentemb.training.commit import OF_A_RUN, sync_all
from sentemb.training.disk import size_of, told_what_is_free

PARTIAL = "model.partial"


def publish(method: Method, folder: Path) -> None:
    """Put the trained encoder into the folder, and into folders in it what else is deployed.

    Raises:
        StorageError: When it could not be written.
    """
    publish_model(partial(_save, method), folder, size_of(method))


def _save(method: Method, folder: Path) -> None:
    save_encoder(method.encoder, folder)
    for name, encoder in method.twin.other_encoders().items():
        save_encoder(encoder, folder / name)


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
