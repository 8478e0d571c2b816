"""Rows that are decoded window by window, so that an interrupted call continues where it was."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sentemb.encoding.job_folder import clear
from sentemb.encoding.manifest import Done, Manifest
from sentemb.errors import InterruptedRunError, UsageError
from sentemb.interruption import Interruption
from sentemb.storage import json_line, replaced, sha256
from sentemb.types import Vectors

logger = logging.getLogger("sentemb")
ROWS = 256
"""Of a window, all of which are decoded together whatever happened before."""
Row = dict[str, Any]


def windows_of(vectors: Vectors) -> Iterator[Vectors]:
    """Yield consecutive rows that are decoded together."""
    for start in range(0, len(vectors), ROWS):
        yield vectors[start : start + ROWS]


class DecodingJob:
    """The parts of an output, a file of JSON lines each.

    Args:
        folder: Of the job, beside the output.
        options: What the rows depend on.
        overwrite: Whether a job begun otherwise, or of other vectors, makes way.

    Raises:
        UsageError: When there is such a job, and it is not to make way.
    """

    def __init__(self, folder: Path, options: dict[str, Any], *, overwrite: bool) -> None:
        self.folder, self.overwrite = folder, overwrite
        try:
            self.manifest = Manifest(folder, options)
        except UsageError:
            if not overwrite:
                raise
            clear(folder)
            self.manifest = Manifest(folder, options)

    def over(
        self,
        vectors: Vectors,
        decode: Callable[[Vectors, int], list[Row]],
        progress: Callable[[int], object],
    ) -> Iterator[Row]:
        """Yield every row, once all are decoded; what is done is not done again.

        Args:
            vectors: Of length 1, ``[rows, dim]``.
            decode: Gets the vectors of a window, and its number.
            progress: Called with the number of rows done after each window.

        Raises:
            UsageError: When other vectors were decoded in the place of some.
            InterruptedRunError: When SIGINT or SIGTERM came; what was decoded is kept.
        """
        interruption = Interruption()
        if kept := sum(done.rows for done in self.manifest.done.values()):
            logger.info("%s rows were decoded by an earlier run and are kept", f"{kept:,}")
        rows = 0
        with interruption.listening():
            for window, some in enumerate(windows_of(vectors)):
                if not self._has(window, some):
                    self._commit(window, some, decode(some, window))
                rows += len(some)
                progress(rows)
                if interruption.received:
                    raise InterruptedRunError(
                        f"Interrupted after row {rows:,}; everything up to it is saved: give the "
                        "same command to resume.",
                        interruption.received,
                    )
        for number in range(window + 1):
            for line in self._part(number).read_bytes().split(b"\n")[:-1]:
                yield json.loads(line)

    def _part(self, window: int) -> Path:
        return self.folder / f"{window:08}.jsonl"

    def _has(self, window: int, vectors: Vectors) -> bool:
        done, digest = self.manifest.done.get(window), _digest(vectors)
        if done is None:
            return False
        if done.texts != digest:
            if not self.overwrite:
                raise UsageError(
                    f"Vectors from row {window * ROWS + 1:,} on are not those that "
                    f"'{self.folder}' has decoded: restore them to resume, or give "
                    "`overwrite=True` to start afresh."
                )
            return False
        part = self._part(window)
        if part.is_file() and sha256(part) == done.part:
            return True
        logger.warning("%s is damaged or missing: its rows are decoded again.", part)
        return False

    def _commit(self, window: int, vectors: Vectors, rows: list[Row]) -> None:
        content = "".join(map(json_line, rows)).encode()
        with replaced(self._part(window)) as file:
            file.write(content)
        count, digest = len(vectors), hashlib.sha256(content).hexdigest()
        self.manifest.add(Done(window, count, count, _digest(vectors), digest, 0))


def _digest(vectors: Vectors) -> str:
    return hashlib.sha256(vectors.tobytes()).hexdigest()
