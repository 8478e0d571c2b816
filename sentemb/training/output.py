"""The output folder of a run: what is in it, and when it counts as one."""

import logging
import os
import shutil
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sentemb.errors import FinishedError, UsageError
from sentemb.storage import locked
from sentemb.training.commit import (
    committed,
    newest_whole,
    remove_set_aside,
    step_of,
    sync_all,
)
from sentemb.training.disk import size_of, told_what_is_free

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.method import Method

logger = logging.getLogger("sentemb")

CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"
RUN = "run.json"
LOCK = ".lock"
COMMIT_LAST = "modules.json"
"""Without it a folder is no sentence-transformers model, so it is put there last."""


def check_output(
    folder: Path,
    *,
    resume: bool | None,
    overwrite: bool,
    seeds: Collection[int] | None = None,
) -> None:
    """Raise unless a run may write here; writes nothing.

    Args:
        folder: Of the run.
        resume: Whether a run is to go on; None where such runs cannot.
        overwrite: Whether an earlier run is to be replaced.
        seeds: Of the runs, each in a folder of its own; None for one run in the folder itself.

    Raises:
        LockedError: When another run writes here.
        UsageError: When the folder holds something that is not to be lost, or nothing to resume.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"Output '{folder}' is a file; a folder is needed.")
    if (folder / LOCK).exists():
        with locked(folder / LOCK, folder):
            pass
    _check_contents(folder, resume=resume, overwrite=overwrite, seeds=seeds)


def _check_contents(
    folder: Path,
    *,
    resume: bool | None,
    overwrite: bool,
    seeds: Collection[int] | None = None,
) -> None:
    one, several = ((CHECKPOINTS, METRICS, RUN), ("seed-*", "seeds.json"))
    holds_one, holds_several = (any(any(folder.glob(n)) for n in names) for names in (one, several))
    empty = not folder.exists() or all(path.name == LOCK for path in folder.iterdir())
    if resume and overwrite:
        raise UsageError("--resume goes on and --overwrite starts afresh: give one of them.")
    if resume and not (folder.exists() and (empty or holds_one or holds_several)):
        what = "holds no run of sentemb" if folder.exists() else "is no folder"
        raise UsageError(f"Nothing to resume: '{folder}' {what}.{_meant(folder)}")
    if resume and seeds is None and holds_several and not holds_one:
        raise UsageError(
            f"'{folder}' holds runs of several seeds: give the same --seeds, or one of its folders "
            "as --output."
        )
    if resume and seeds is not None and holds_one and not holds_several:
        raise UsageError(f"'{folder}' holds one run: leave --seeds out to resume it.")
    if overwrite and not (empty or holds_one or holds_several):
        raise UsageError(f"'{folder}' is not empty and holds no run of sentemb: not overwritten.")
    if overwrite and seeds is not None:
        replaced = {f"seed-{seed}" for seed in seeds}
        others = sorted(path.name for path in folder.glob("seed-*") if path.name not in replaced)
        if holds_one or others:
            raise UsageError(
                f"'{folder}' holds {others[0] if others else 'one run'}, which these --seeds would "
                "leave beside their own: remove it, or give another folder."
            )
    if not (empty or resume or overwrite):
        ours = holds_one or holds_several
        goes_on = "" if resume is None else ", or resume the run in it (--resume)"
        ways = f"{goes_on}, or start afresh (--overwrite)" if ours else ""
        raise UsageError(f"Output folder '{folder}' is not empty: give another{ways}.")


def _meant(folder: Path) -> str:
    """Name the run that a folder is part of."""
    checkpoints = folder if step_of(folder) is None else folder.parent
    is_part = folder.exists() and checkpoints.name == CHECKPOINTS
    return f" Did you mean '{checkpoints.parent}'?" if is_part else ""


def prepare_output(
    folder: Path,
    held: ExitStack,
    *,
    resume: bool,
    overwrite: bool,
    steps: int,
    check: Callable[[Path], None],
) -> None:
    """Lock the folder and make it ready; a damaged checkpoint is set aside.

    Args:
        folder: Of the run.
        held: Holds the lock.
        resume: Whether a run is to go on.
        overwrite: Whether an earlier run is to be replaced.
        steps: That the run is to take.
        check: Called with the checkpoint a run is to go on from.

    Raises:
        LockedError: When another run writes here.
        UsageError: As `check_output`.
        FinishedError: When the run to resume has come to its end.
    """
    check_output(folder, resume=resume, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    held.enter_context(locked(folder / LOCK, folder))
    _check_contents(folder, resume=resume, overwrite=overwrite)
    if overwrite:
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
    if not resume:
        return
    checkpoint = newest_whole(folder / CHECKPOINTS)
    ended = (folder / RUN).exists()
    if checkpoint is not None:
        check(checkpoint)
        remove_set_aside(folder / CHECKPOINTS)
        if ended and (step_of(checkpoint) or 0) >= steps:
            raise FinishedError(
                f"The run in '{folder}' has taken all of its {steps} steps: nothing is left to "
                "resume."
            )
    elif ended:
        raise FinishedError(
            f"The run in '{folder}' has ended, and none of its checkpoints is left to compare with "
            "or to resume."
        )
    else:
        logger.warning("'%s' holds no whole checkpoint: the run starts at step 0.", folder)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end, by step."""
    return next(iter(committed(folder / CHECKPOINTS)), None)


def publish(method: "Method", folder: Path) -> None:
    """Put the trained encoder into the folder, and into folders in it what else is deployed.

    Raises:
        StorageError: When it could not be written.
    """
    from sentemb.twins import EncoderTwin  # torch: outputs are checked before it is imported

    towers = method.twin.towers() if isinstance(method.twin, EncoderTwin) else {}
    with told_what_is_free(f"The model in '{folder}'", folder, size_of(method)):
        for name, encoder in towers.items():
            _put(encoder, folder / name)
        _put(method.encoder, folder)


def _put(encoder: "SentenceTransformer", folder: Path) -> None:
    from sentemb.training.checkpoints import save_encoder

    folder.mkdir(exist_ok=True)
    partial = folder / "model.partial"
    shutil.rmtree(partial, ignore_errors=True)
    save_encoder(encoder, partial)
    put_in_place(partial, last=COMMIT_LAST)


def put_in_place(partial: Path, last: str) -> None:
    """Move what is in a folder up, so that it is never there by halves.

    Args:
        partial: A folder in the one that it is for.
        last: Without this file it does not count.
    """
    sync_all(partial)
    for path in sorted(partial.iterdir(), key=lambda path: path.name == last):
        target = partial.parent / path.name
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(path, target)
    partial.rmdir()
