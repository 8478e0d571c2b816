"""The output folder of a run: what may be written there, and what is removed of it."""

import logging
import os
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.errors import FinishedError, InputError, UsageError
from sentemb.runs.checkpoint_commit import (
    OF_A_RUN,
    committed,
    newest_whole,
    remove_set_aside,
    step_of,
)
from sentemb.runs.finished import refuse_finished, refuse_without_checkpoints
from sentemb.runs.run_folder import (
    CHECKPOINTS,
    CONDITIONS,
    METRICS,
    RUN,
    adopt,
    holds_run,
    holds_seeds,
    is_record,
    owned_by_run,
    seed_folders,
)
from sentemb.storage import claim, locked, read_owned, remove_own
from sentemb.storage.owned import LOCK, MANIFEST, damage, own_paths

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.runs.conditions import ResumeCheck

logger = logging.getLogger("sentemb")


NO_CONTENT = (LOCK, f"{MANIFEST}.partial")
"""What a run that was cut in its first moment leaves."""


def check_output(
    folder: Path,
    *,
    resume: bool | None,
    overwrite: bool,
    seeds: Collection[int] | None = None,
    reads: Iterable[str | Path] = (),
) -> None:
    """Raise unless a run may write here; writes nothing.

    Args:
        folder: Of the run.
        resume: Whether to resume a run; None where such runs cannot.
        overwrite: Whether an earlier run is to be replaced.
        seeds: Of the runs, each in its own folder; None for one run in the folder itself.
        reads: Files and folders that the run reads, which are never removed.

    Raises:
        LockedError: When another run writes here.
        UsageError: When the folder holds something that is not to be lost, or nothing to resume.
    """
    _check_name(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"Output '{folder}' is a file; a folder is needed.")
    if (folder / LOCK).exists():
        with locked(folder / LOCK, folder):
            pass
    _check_contents(folder, resume=resume, overwrite=overwrite, seeds=seeds, reads=reads)


def _check_name(folder: Path) -> None:
    """Raise where a path is not UTF-8, which neither safetensors nor JSON can write."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"The name of the output folder {str(folder)!a} is not valid UTF-8: give another "
            "`output`."
        ) from None


def _check_contents(
    folder: Path,
    *,
    resume: bool | None,
    overwrite: bool,
    reads: Iterable[str | Path],
    seeds: Collection[int] | None = None,
) -> None:
    one, several = holds_run(folder), holds_seeds(folder)
    empty = not folder.exists() or all(path.name in NO_CONTENT for path in folder.iterdir())
    if resume and overwrite:
        raise UsageError(
            "`resume=True` continues a run and `overwrite=True` starts afresh: give one of them."
        )
    if resume and not (folder.exists() and (empty or one or several)):
        what = "holds no run of sentemb" if folder.exists() else "is not a folder"
        raise UsageError(f"Nothing to resume: '{folder}' {what}.{_meant(folder)}")
    if resume and seeds is None and several and not one:
        raise UsageError(
            f"'{folder}' holds runs of several seeds: give the same `seeds`, or one of its "
            "folders as `output`."
        )
    if resume and seeds is not None and one and not several:
        raise UsageError(f"'{folder}' holds one run: leave `seeds` out to resume it.")
    if overwrite and not (empty or one or several):
        raise UsageError(
            f"'{folder}' is not empty and holds no run of sentemb: not overwritten. Give another "
            "`output`."
        )
    if overwrite and seeds is None and several and not one:
        raise UsageError(
            f"'{folder}' holds runs of several seeds, which one run does not replace: give the "
            "same `seeds`, or another `output`."
        )
    if overwrite and seeds is not None:
        replaced = {f"seed-{seed}" for seed in seeds}
        others = [path.name for path in seed_folders(folder) if path.name not in replaced]
        if one or others:
            raise UsageError(
                f"'{folder}' holds {others[0] if others else 'one run'}, which these `seeds` would "
                "not replace: remove it, or give another folder."
            )
    if overwrite:
        for run in [folder] if seeds is None else [folder / f"seed-{seed}" for seed in seeds]:
            _refuse_to_remove(run, reads)
    if not (empty or resume or overwrite):
        goes_on = "" if resume is None else ", or resume the run in it (`resume=True`)"
        ways = f"{goes_on}, or start afresh (`overwrite=True`)" if one or several else ""
        raise UsageError(f"Output folder '{folder}' is not empty: give another{ways}.")


def _refuse_to_remove(folder: Path, reads: Iterable[str | Path]) -> None:
    """Raise where something that the run reads is among what ``overwrite`` would remove."""
    if (folder / CHECKPOINTS).is_symlink():
        raise UsageError(
            f"'{folder / CHECKPOINTS}' is a link, and `overwrite=True` removes nothing behind one: "
            "remove the link, or give another `output`."
        )
    removed = {
        Path(os.path.realpath(path.parent), path.name)
        for path in own_paths(folder, owned_by_run(folder))
    }
    for read in reads:
        for place in {Path(os.path.abspath(read)), *_behind(Path(read))}:
            if any(path == place or place in path.parents for path in removed):
                raise UsageError(
                    f"'{read}' is read by this run, and `overwrite=True` would remove it with the "
                    f"earlier run in '{folder}': give another `output`."
                )


def _behind(path: Path) -> set[Path]:
    """Return where a path leads: itself, and every link on the way to what is read."""
    found: set[Path] = set()
    place = Path(os.path.realpath(path.parent), path.name)
    while os.path.lexists(place) and place not in found:
        found.add(place)
        if place.is_symlink():
            target = Path(place.parent, os.readlink(place))
            place = Path(os.path.realpath(target.parent), target.name)
    return found


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
    check: "ResumeCheck",
    reads: Iterable[str | Path] = (),
) -> None:
    """Lock the folder and make it ready; a damaged checkpoint is set aside.

    What an earlier run made is removed, and that alone. An interrupted removal is finished by the
    next run, with ``overwrite`` or ``resume``.

    Args:
        folder: Of the run.
        held: Holds the lock.
        resume: Whether to resume a run.
        overwrite: Whether an earlier run is to be replaced.
        steps: That the run is to take.
        check: Compares a resumed run with the one that was started.
        reads: As in `check_output`.

    Raises:
        LockedError: When another run writes here.
        UsageError: As `check_output`, or when the run to resume was started otherwise, or its
            checkpoints were removed.
        InputError: When the run to resume has ended, and its folder is damaged beyond repair.
        FinishedError: When the run to resume has already finished.
    """
    check_output(folder, resume=resume, overwrite=overwrite, reads=reads)
    folder.mkdir(parents=True, exist_ok=True)
    held.enter_context(locked(folder / LOCK, folder))
    _check_contents(folder, resume=resume, overwrite=overwrite, reads=reads)
    adopt(folder)
    owned = read_owned(folder)
    if overwrite:
        remove_own(folder)
    elif owned and owned.removing:
        logger.warning(
            "'%s' was being overwritten: the removal of the earlier run is finished.", folder
        )
        remove_own(folder)
    if resume:
        _check_resumed(folder, steps, check)
    claim(folder, [METRICS, CONDITIONS], OF_A_RUN)
    (folder / CONDITIONS).unlink(missing_ok=True)  # of a run that is continued: not finished


def _check_resumed(folder: Path, steps: int, check: "ResumeCheck") -> None:
    """Check the checkpoint that a run resumes from, and raise if the run has ended."""
    ended = (folder / RUN).exists()
    damaged = _damage_of_ended(folder) if ended else None
    if ended and not damaged:
        refuse_without_checkpoints(folder, steps, check)
    checkpoint = newest_whole(folder / CHECKPOINTS)
    if checkpoint is None and damaged:
        raise InputError(
            f"The run in '{folder}' has ended, but {damaged}, and no checkpoint is left to restore "
            "it from: start afresh (`overwrite=True`)."
        )
    if damaged:
        logger.warning("'%s' is made again from its last checkpoint: %s.", folder, damaged)
    if checkpoint is not None:
        check.of_checkpoint(checkpoint)
        remove_set_aside(folder / CHECKPOINTS)
        if ended and not damaged:
            refuse_finished(folder, step_of(checkpoint) or 0, steps)
    elif ended:
        raise FinishedError(
            f"The run in '{folder}' has ended, and none of its checkpoints is left to compare with "
            "or to resume."
        )
    else:
        logger.warning("'%s' holds no whole checkpoint: the run starts at step 0.", folder)


def _damage_of_ended(folder: Path) -> str | None:
    """Say what is wrong with the record or the model of a run that has ended."""
    return damage(folder) if is_record(folder / RUN) else f"{RUN} is damaged"


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end, by step."""
    return next(iter(committed(folder / CHECKPOINTS)), None)


def read_by(data: "TrainingData", *tokenizers: Any) -> list[str]:
    """Return the paths that rows, and the models of tokenizers, are from; some may be hub ids."""
    models = [str(getattr(one, "name_or_path", "") or "") for one in tokenizers]
    cached = [str(file["filename"]) for file in data.rows.cache_files]
    sources = [str(part.source) for _, part in getattr(data, "parts", ())] or [str(data.source)]
    return [path for path in (*sources, *models, *cached) if path]
