"""The output folder of a run: what is in it, and when it counts as one."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sentemb.errors import UsageError
from sentemb.training.checkpoints import save_encoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"
RUN = "run.json"
COMMIT_LAST = "modules.json"
"""Without it a folder is no sentence-transformers model, so it is put there last."""


def check_output(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise unless a run may write here; touches nothing.

    Raises:
        UsageError: When the folder holds something that is not to be lost, or nothing to resume.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"Output '{folder}' is a file; a folder is needed.")
    holds_run = any((folder / name).exists() for name in (CHECKPOINTS, METRICS, RUN))
    empty = not folder.exists() or not any(folder.iterdir())
    if resume and not list(folder.glob(f"{CHECKPOINTS}/checkpoint-*")):
        raise UsageError(f"Nothing to resume: '{folder}' holds no checkpoint.")
    if overwrite and not (empty or holds_run):
        raise UsageError(f"'{folder}' is not empty and holds no run of sentemb: not overwritten.")
    if not (empty or resume or overwrite):
        raise UsageError(
            f"Output folder '{folder}' is not empty: give another --output, --resume to go on, "
            "or --overwrite to start afresh."
        )


def prepare_output(folder: Path, *, resume: bool, overwrite: bool) -> str | None:
    """Make the folder ready and return the checkpoint to resume from, if any.

    Raises:
        UsageError: As `check_output`.
    """
    from transformers.trainer_utils import get_last_checkpoint

    check_output(folder, resume=resume, overwrite=overwrite)
    if overwrite and folder.exists() and not resume:
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        return None
    checkpoint: str | None = get_last_checkpoint(folder / CHECKPOINTS)  # type: ignore[no-untyped-call]
    return checkpoint


def publish(encoder: "SentenceTransformer", folder: Path) -> None:
    """Put the trained encoder into the folder, so that it is never there by halves."""
    partial = folder / "model.partial"
    shutil.rmtree(partial, ignore_errors=True)
    save_encoder(encoder, partial)
    for path in sorted(partial.iterdir(), key=lambda path: path.name == COMMIT_LAST):
        target = folder / path.name
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(path, target)
    partial.rmdir()
