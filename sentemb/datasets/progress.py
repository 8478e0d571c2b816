"""How far reading is, for those who wait for it."""

import logging
import time
from pathlib import Path

EVERY = 10.0
"""Seconds between two lines of the log."""
LINES, BYTES = 2**18, 2**26
"""After so many lines, or bytes, the time is looked at."""
logger = logging.getLogger("sentemb")


class ReadingProgress:
    """Logs how many rows have been read, at most every ten seconds.

    A reader that is waited on by something slower, which shows its own progress, logs nothing: then
    single looks at the clock are that far apart.

    Args:
        path: Of the file.
        what: What is counted.
    """

    def __init__(self, path: Path, what: str = "lines") -> None:
        self._path, self._what = path, what
        self._looked = self._logged = time.monotonic()
        self._lines = self._bytes = 0

    def add(self, size: int, number: int) -> None:
        """Note that a line of a size has been read, with its number."""
        self._lines += 1
        self._bytes += size
        if self._lines >= LINES or self._bytes >= BYTES:
            self._look(number)

    def _look(self, number: int) -> None:
        now = time.monotonic()
        if now - self._looked >= EVERY:
            self._logged = now
        elif now - self._logged >= EVERY:
            logger.info("%s: %s %s read.", self._path, f"{number:,}", self._what)
            self._logged = now
        self._looked, self._lines, self._bytes = now, 0, 0
