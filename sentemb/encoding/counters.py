"""What is counted over the windows of an input."""

from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from sentemb.datasets.faults import Faults
from sentemb.datasets.texts import TextRow
from sentemb.encoding.distinct_texts import DistinctTexts
from sentemb.encoding.manifest import Counts
from sentemb.encoding.windows import Window, windows


class Counters:
    """Counts windows as they come.

    Args:
        faults: Where the reader of the texts counts what was wrong with them.
    """

    def __init__(self, faults: Faults | None) -> None:
        self._faults = faults
        self._windows = self._empty = 0
        self._hashes = sha256()
        self.rows = 0

    def add(self, window: Window) -> None:
        """Count a window."""
        self._windows += 1
        self.rows += len(window.texts)
        self._empty += window.empty_rows
        self._hashes.update(window.digest.encode())

    def counts(self, distinct: int) -> Counts:
        """Return what was counted, when all windows were."""
        return Counts(
            windows=self._windows,
            rows=self.rows,
            distinct=distinct,
            empty=self._empty,
            texts=self._hashes.hexdigest(),
            faults=asdict(self._faults) if self._faults else {},
        )


def counted(
    texts: Iterable[str | TextRow], faults: Faults | None, file: Path, *, keep_columns: bool
) -> Counts:
    """Count texts that need not be encoded.

    Args:
        texts: One a row.
        faults: Of their reader.
        file: Where it is noted meanwhile which texts were seen.
        keep_columns: Whether the input's columns are kept, and so are a part of its hash.
    """
    tally, seen = Counters(faults), DistinctTexts(file)
    try:
        for window in windows(texts, seen, keep_columns=keep_columns):
            tally.add(window)
        return tally.counts(seen.count)
    finally:
        seen.close()
