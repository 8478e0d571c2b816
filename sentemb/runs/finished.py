"""Finished runs: their checkpoints are removed, and the conditions of the run are kept.

``run.json`` marks a run as finished. The file of conditions is written after it, and before the
first checkpoint is removed, so it marks a removal that has begun.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.errors import FinishedError, InputError
from sentemb.runs.checkpoint_commit import OF_A_RUN, read_commit
from sentemb.runs.run_folder import (
    CHECKPOINTS,
    CONDITIONS,
    RUN,
    known_checkpoints,
    read_record,
    write_record,
)
from sentemb.storage import claim
from sentemb.storage.owned import remove_part

if TYPE_CHECKING:
    from sentemb.runs.conditions import ResumeCheck

logger = logging.getLogger("sentemb")


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a finished run, after noting its conditions.

    A failure is a warning: the model is there, and resuming the run removes the rest.

    Args:
        folder: Of a run that has its ``run.json``.
    """
    if (folder / CHECKPOINTS).is_symlink():
        logger.warning("'%s' is a link: the checkpoints are not removed.", folder / CHECKPOINTS)
        return
    try:
        _note_conditions(folder)
        remove_part(folder, CHECKPOINTS)
    except OSError as error:
        logger.warning(
            "The run in '%s' has finished, but its checkpoints could not be removed: %s. Resume it "
            "(`resume=True`) to remove them.",
            folder,
            str(error).rstrip("."),
        )


def refuse_finished(folder: Path, step: int, steps: int) -> None:
    """Raise where a run is finished whose newest checkpoint is still there.

    The checkpoints are removed if the run was to remove them, but was interrupted before.

    Args:
        folder: Of a run whose record and model are whole.
        step: Of the newest checkpoint.
        steps: That the resumed run is to take.

    Raises:
        FinishedError: When nothing is left to do.
    """
    record = read_record(folder / RUN)
    taken, settings = record.get("steps"), record.get("settings")
    is_earlier = isinstance(taken, int) and taken < step  # until an extended run has finished
    if steps > step or is_earlier:
        return
    if isinstance(settings, dict) and settings.get("keep_checkpoints") is False:
        remove_checkpoints(folder)
    raise _nothing_left(folder, steps)


def refuse_without_checkpoints(folder: Path, steps: int, check: "ResumeCheck") -> None:
    """Raise where the checkpoints of a finished run were removed; complete the removal first.

    Args:
        folder: Of a run whose record and model are whole.
        steps: That the resumed run is to take.
        check: Compares the resumed run with the finished one.

    Raises:
        UsageError: When the run is to be extended, or was started under other conditions.
        FinishedError: When nothing is left to do.
    """
    noted = _noted_conditions(folder)
    if noted is None:
        return
    remove_checkpoints(folder)
    check.of_finished(folder, noted["conditions"], more_steps=steps > noted["step"])
    raise _nothing_left(folder, noted["step"])


def _nothing_left(folder: Path, steps: int) -> FinishedError:
    """Return the error of a run that has taken all of its steps."""
    return FinishedError(
        f"The run in '{folder}' has taken all of its {steps} steps: nothing is left to resume."
    )


def _note_conditions(folder: Path) -> None:
    """Write down what the newest checkpoint notes of the conditions, unless it was done before."""
    known = known_checkpoints(folder)
    if not known or _noted_conditions(folder) is not None:
        return
    content = read_commit(known[0])
    claim(folder, [CONDITIONS], OF_A_RUN)
    write_record(
        folder / CONDITIONS, {"step": content["step"], "conditions": content["conditions"]}
    )


def _noted_conditions(folder: Path) -> dict[str, Any] | None:
    """Return the step and the conditions of a run whose checkpoints were removed; else None."""
    try:
        content = read_record(folder / CONDITIONS)
    except InputError:
        return None
    whole = isinstance(content.get("step"), int) and isinstance(content.get("conditions"), dict)
    return content if whole else None
