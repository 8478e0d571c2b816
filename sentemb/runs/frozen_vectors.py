"""Vectors of a run's texts by an encoder that does not train: computed once.

A teacher's are kept in the cache, for every run with the same teacher and texts; those of a decoder
in the run's folder, until its end.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from sentemb.bars import Progress
from sentemb.encoding import encode_file
from sentemb.errors import InputError, InterruptedRunError, StorageError
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
CACHE = "teachers"
"""In the part of the hub's cache that is ours."""
LOCK = "lock"


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
    file = folder / FOLDER / f"{name}.npy"
    if not _is_done(file, made_of):
        claim(folder, [f"{FOLDER}/"], OF_A_RUN)
        file.parent.mkdir(exist_ok=True)
        _compute(encoder, texts, made_of, file, total, by)


def cached_vectors(
    encoder: "SentenceTransformer", texts: Iterable[str], made_of: Mapping[str, Any], total: int
) -> Vectors:
    """Map a teacher's vectors, ``[texts, dim]``, from the cache; they are computed if not there.

    The folder is named by a hash of what the vectors depend on, so no teacher is taken for another.
    An interrupted encoding continues where it was, in whatever run; where another run encodes, this
    one waits for it.

    Args:
        encoder: The teacher.
        texts: As in `compute_vectors`.
        made_of: As in `compute_vectors`.
        total: As in `compute_vectors`.

    Raises:
        InterruptedRunError: As `compute_vectors`.
        StorageError: When the disk is full, or the cache cannot be written.
    """
    with _held(hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]) as place:
        file = place / "vectors.npy"
        if not _is_done(file, made_of):
            _compute(encoder, texts, made_of, file, total, "teacher")
        vectors: Vectors = np.load(file, mmap_mode="r")
    logger.info(
        "The teacher's vectors of %s texts, %.1f MB, are in the cache, '%s': runs with the same "
        "teacher and texts read them there.",
        f"{total:,}",
        file.stat().st_size / 1e6,
        place,
    )
    return vectors


def open_vectors(folder: Path, name: str = "vectors") -> Vectors:
    """Map the vectors of a run from their file, ``[texts, dim]``."""
    vectors: Vectors = np.load(folder / FOLDER / f"{name}.npy", mmap_mode="r")
    return vectors


def remove_vectors(folder: Path) -> None:
    """Remove the vectors of a run, where it has some, and list them no longer."""
    if (folder / FOLDER).is_dir():
        remove_tree(folder / FOLDER)
        enlist(folder, [], OF_A_RUN)


@contextmanager
def _held(name: str) -> Iterator[Path]:
    """Make a folder in the cache, and hold it for a while; wait where another process does.

    Raises:
        StorageError: When it cannot be written.
    """
    from huggingface_hub import cached_assets_path

    try:
        place = cached_assets_path("sentemb", namespace=CACHE, subfolder=name)
        lock = FileLock(place / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.info("Another process uses the teacher's vectors: waiting for it ('%s').", place)
            lock.acquire()
    except (OSError, ValueError) as error:
        raise StorageError(
            f"The cache of teachers' vectors cannot be written ({error}): name another folder in "
            "the environment variable HF_ASSETS_CACHE."
        ) from error
    try:
        yield place
    finally:
        lock.release()


def _compute(
    encoder: "SentenceTransformer",
    texts: Iterable[str],
    made_of: Mapping[str, Any],
    file: Path,
    total: int | None,
    by: str,
) -> None:
    """Encode texts into a file, and note what the vectors are made of once it is whole."""
    noted = file.with_suffix(".json")
    if file.exists():
        logger.warning(
            "'%s' is damaged, or not of this %s and these texts: it is made again.", file, by
        )
    logger.info("The %s encodes each distinct text once, before the first step.", by)
    noted.unlink(missing_ok=True)
    told = Progress(f"the {by} encodes", total, "texts")
    try:
        with told:
            summary = encode_file(encoder, texts, file, overwrite=True, progress=told)
    except InterruptedRunError as error:
        raise InterruptedRunError(
            f"Interrupted after the {by} encoded {told.done:,} texts; their vectors are in "
            f"'{file.parent}': continue with `resume=True`.",
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


def _is_done(file: Path, made_of: Mapping[str, Any]) -> bool:
    """Tell whether the vectors are there, undamaged, and made of the same."""
    try:
        record = read_record(file.with_suffix(".json"))
    except InputError:
        return False
    same = all(record.get(name) == value for name, value in made_of.items())
    return same and file.is_file() and sha256(file) == record.get("sha256")
