"""Which texts came before: each distinct text is embedded once, however many rows there are."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import StorageError

AT_ONCE = 16_384
"""Values of a query: SQLite takes 32,766."""
PRAGMAS = ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-16384")


class DistinctTexts:
    """Numbers distinct texts in the order in which they are first seen.

    What was seen is in a file, as 128-bit hashes, so that memory does not grow with the texts. The
    file loses its name at once: nothing else can change it, and it ends with the process.

    Args:
        file: Where; what is there is replaced.

    Raises:
        StorageError: When there is no room for it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.count = 0
        file.unlink(missing_ok=True)
        with self._writing():
            self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            try:
                for pragma in PRAGMAS:
                    self._database.execute(f"PRAGMA {pragma}")
                self._database.execute(
                    "CREATE TABLE seen (digest BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID"
                )
            finally:
                file.unlink(missing_ok=True)

    def numbers(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
        """Return the number of each text, and those that are new, in the order of their numbers.

        Raises:
            StorageError: When there is no room for what was seen.
        """
        by_digest = {_digest(text): text for text in dict.fromkeys(texts)}
        with self._writing():
            known = self._known(list(by_digest))
            new = [digest for digest in by_digest if digest not in known]
            added = dict(zip(new, range(self.count, self.count + len(new)), strict=True))
            self._insert(added)
        self.count += len(new)
        known |= added
        of_text = {text: known[digest] for digest, text in by_digest.items()}
        numbers = np.fromiter((of_text[text] for text in texts), np.int64, len(texts))
        return numbers, [by_digest[digest] for digest in new]

    def close(self) -> None:
        """Give the file's room back."""
        self._database.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(
                f"Cannot write '{self.file}' ({error}): is the disk full?"
            ) from error

    def _insert(self, added: dict[bytes, int]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO seen VALUES (?, ?)", added.items())
        self._database.execute("COMMIT")

    def _known(self, digests: list[bytes]) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for start in range(0, len(digests), AT_ONCE):
            some = digests[start : start + AT_ONCE]
            places = ",".join("?" * len(some))
            query = f"SELECT digest, number FROM seen WHERE digest IN ({places})"  # noqa: S608
            found.update(self._database.execute(query, some))
        return found


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
