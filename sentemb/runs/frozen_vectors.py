"""Vectors of a run's texts by an encoder that does not train: computed once, kept until its end."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.bars import Progress
from sentemb.encoding import encode_file
from sentemb.errors import InputError, InterruptedRunError
from sentemb.runs.checkpoint_commit import OF_A_RUN
from sentemb.runs.run_folder import read_record, write_record
from sentemb.storage import claim, remove_tree, sha256
from sentemb.storage.owned import enlist
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")

FOLDER = "teacher"
"""In the folder of a run."""


def compute_vectors(
    encoder: "SentenceTransformer",
    texts: Iterable[str],
    made_of: Mapping[str, Any],
    folder: Path,
    total: int | None = None,
    name: str = "vectors",
    by: str = "teacher",
) -> None:
    """Encode texts into the folder of a run, unless that is done.

    An interrupted encoding continues where it was, as `sentemb.encoding.encode_file` does. What was
    made of other texts, or by another encoder, is replaced.

    Args:
        encoder: Any encoder.
        texts: One a row.
        made_of: What the vectors depend on, by value, as JSON takes it.
        folder: Of the run, which exists.
        total: How many texts there are, where it is known.
        name: Of the file of vectors, and of its record.
        by: What the log calls the encoder.

    Raises:
        InterruptedRunError: When SIGINT or SIGTERM came; what was encoded is kept.
        StorageError: When the disk is full.
    """
    place = folder / FOLDER
    file, noted = place / f"{name}.npy", place / f"{name}.json"
    if _is_done(file, noted, made_of):
        return
    logger.info("The %s encodes each distinct text once, before the first step.", by)
    claim(folder, [f"{FOLDER}/"], OF_A_RUN)
    place.mkdir(exist_ok=True)
    noted.unlink(missing_ok=True)
    told = Progress(f"the {by} encodes", total, "texts")
    try:
        with told:
            summary = encode_file(encoder, texts, file, overwrite=True, progress=told)
    except InterruptedRunError as error:
        raise InterruptedRunError(
            f"Interrupted after the {by} encoded {told.done:,} texts; their vectors are in "
            f"'{place}': continue with `resume=True`.",
            error.exit_code - 128,
        ) from None
    write_record(noted, {**made_of, "sha256": summary.sha256})
    logger.info(
        "The %s encoded %s texts in %.0f s%s.",
        by,
        f"{summary.rows:,}",
        summary.seconds,
        f", {summary.kept_rows:,} of them in an earlier run" if summary.kept_rows else "",
    )


def open_vectors(folder: Path, name: str = "vectors") -> Vectors:
    """Map the vectors of a run from their file, ``[texts, dim]``."""
    vectors: Vectors = np.load(folder / FOLDER / f"{name}.npy", mmap_mode="r")
    return vectors


def remove_vectors(folder: Path) -> None:
    """Remove the vectors of a run, where it has some, and list them no longer."""
    if (folder / FOLDER).is_dir():
        remove_tree(folder / FOLDER)
        enlist(folder, [], OF_A_RUN)


def _is_done(file: Path, noted: Path, made_of: Mapping[str, Any]) -> bool:
    """Tell whether the vectors are there, undamaged, and made of the same."""
    try:
        record = read_record(noted)
    except InputError:
        return False
    same = all(record.get(name) == value for name, value in made_of.items())
    return same and file.is_file() and sha256(file) == record.get("sha256")
