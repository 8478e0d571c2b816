"""The output folder of a run: what is in it, and when it counts as one."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sentemb.errors import UsageError
from sentemb.method import Method
from sentemb.training.checkpoints import save_encoder
from sentemb.twins import EncoderTwin

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"
RUN = "run.json"
WRITTEN_LAST = "trainer_state.json"
"""transformers writes it when the rest of a checkpoint is there."""
COMMIT_LAST = "modules.json"
"""Without it a folder is no sentence-transformers model, so it is put there last."""


def check_output(folder: Path, *, resume: bool | None, overwrite: bool) -> None:
    """Raise unless a run may write here; touches nothing.

    Args:
        folder: Of the run.
        resume: Whether a run is to go on; None where such runs cannot.
        overwrite: Whether an earlier run is to be replaced.

    Raises:
        UsageError: When the folder holds something that is not to be lost, or nothing to resume.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"Output '{folder}' is a file; a folder is needed.")
    holds_run = any(any(folder.glob(name)) for name in (CHECKPOINTS, METRICS, RUN, "seed-*"))
    empty = not folder.exists() or not any(folder.iterdir())
    if resume and overwrite:
        raise UsageError("--resume goes on and --overwrite starts afresh: give one of them.")
    if resume and last_checkpoint(folder) is None:
        raise UsageError(
            f"Nothing to resume: '{folder}' holds no whole checkpoint. Start afresh, with "
            "--overwrite where the folder is not empty."
        )
    if overwrite and not (empty or holds_run):
        raise UsageError(f"'{folder}' is not empty and holds no run of sentemb: not overwritten.")
    if not (empty or resume or overwrite):
        goes_on = "" if resume is None else "resume the run in it (--resume), or "
        raise UsageError(
            f"Output folder '{folder}' is not empty: give another, or {goes_on}start afresh "
            "(--overwrite)."
        )


def prepare_output(folder: Path, *, resume: bool, overwrite: bool, steps: int) -> None:
    """Make the folder ready.

    Raises:
        UsageError: As `check_output`, and when the run to resume has taken all its steps.
    """
    check_output(folder, resume=resume, overwrite=overwrite)
    if overwrite and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = last_checkpoint(folder) if resume else None
    if checkpoint is not None and _step(checkpoint) >= steps:
        raise UsageError(
            f"The run in '{folder}' has taken all of its {steps} steps: nothing is left to resume."
        )


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end, by step."""
    whole = [file.parent for file in folder.glob(f"{CHECKPOINTS}/checkpoint-*/{WRITTEN_LAST}")]
    return max(whole, key=_step, default=None)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def publish(method: Method, folder: Path) -> None:
    """Put the trained encoder into the folder, and into folders in it what else is deployed."""
    towers = method.twin.towers() if isinstance(method.twin, EncoderTwin) else {}
    for name, encoder in towers.items():
        _put(encoder, folder / name)
    _put(method.encoder, folder)


def _put(encoder: "SentenceTransformer", folder: Path) -> None:
    """Put an encoder into a folder, so that it is never there by halves."""
    folder.mkdir(exist_ok=True)
    partial = folder / "model.partial"
    shutil.rmtree(partial, ignore_errors=True)
    save_encoder(encoder, partial)
    for path in sorted(partial.iterdir(), key=lambda path: path.name == COMMIT_LAST):
        target = folder / path.name
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(path, target)
    partial.rmdir()
