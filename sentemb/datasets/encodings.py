"""Bytes of text files in UTF-8, whatever Unicode encoding the file is in."""

import codecs
import io
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sentemb.datasets.faults import Faults
from sentemb.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NOT_TEXT = {
    b"PK\x03\x04": "a zip archive, as .xlsx and .ods are: save the sheet as csv in UTF-8",
    b"\xd0\xcf\x11\xe0": "an Office file, as .xls is: save the sheet as csv in UTF-8",
    b"\x1f\x8b": "compressed by gzip: add .gz to its name",
    b"\x28\xb5\x2f\xfd": "compressed by zstd: add .zst to its name",
    b"PAR1\x15": "a parquet file: let its name end in .parquet",
    b"ARROW1\0\0": "an arrow file: let its name end in .arrow",
    b"\x93NUMPY": "a NumPy array: give a file of texts",
    b"%PDF-": "a PDF: extract its text first",
    b"\x89PNG\r\n": "a picture: give a file of texts",
    b"\xff\xd8\xff": "a picture: give a file of texts",
}
BINARY = 0.05
"""The share of control characters from which on a file of `SAMPLE` bytes is no text."""
CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
SAMPLE = 4096
"""Bytes by which a file is judged."""
ZEROS = 0.75
"""The least share of zeros among every other byte that makes UTF-16 of a file without a mark."""


def as_utf8(file: IO[bytes], path: Path, faults: Faults) -> io.BufferedReader:
    """Return a file's text in UTF-8, at its beginning.

    A byte-order mark of UTF-16 or UTF-32 says what a file is. Without one it is UTF-16 where most
    of every other byte is zero, and none of the others. The encoding is noted in ``faults``.

    Raises:
        InputError: When it is not a text file but one of `NOT_TEXT`, or full of control characters.
    """
    buffered: io.BufferedReader = file if hasattr(file, "peek") else io.BufferedReader(file)  # type: ignore
    head = buffered.peek(SAMPLE)[:SAMPLE]
    for magic, what in NOT_TEXT.items():
        if head.startswith(magic):
            raise InputError(f"{path} is not a text file but {what}.")
    for mark, encoding in BOMS:
        if head.startswith(mark):
            buffered.read(len(mark))
            faults.bom, faults.encoding = True, encoding[:6]
            return _recoded(buffered, encoding, path)
    unmarked = _unmarked(head)
    if unmarked is None:
        controls = len(head) - len(head.translate(None, CONTROLS))
        if len(head) == SAMPLE and controls > BINARY * SAMPLE:
            raise InputError(
                f"{path} is not a text file: {controls} of its first {SAMPLE} bytes are control "
                "characters. Give a file of texts in UTF-8."
            )
        return buffered
    faults.encoding = unmarked[:6]
    return _recoded(buffered, unmarked, path)


def _unmarked(head: bytes) -> str | None:
    """Return which UTF-16 a file without a byte-order mark is in, if that is beyond doubt."""
    head = head[: len(head) // 2 * 2]
    first, second = head[::2], head[1::2]
    for zeros, others, encoding in ((second, first, "utf-16-le"), (first, second, "utf-16-be")):
        if len(head) >= 8 and zeros.count(0) >= ZEROS * len(zeros) and not others.count(0):
            text = head.decode(encoding, "replace")
            return encoding if any(character.isalnum() for character in text) else None
    return None


def _recoded(file: IO[bytes], encoding: str, path: Path) -> io.BufferedReader:
    return io.BufferedReader(_Recoded(file, encoding, path), 2**16)


class _Recoded(io.RawIOBase):
    """A file of another encoding, read as UTF-8; half a surrogate pair stays what it is."""

    def __init__(self, file: IO[bytes], encoding: str, path: Path) -> None:
        self._file, self._path, self._encoding = file, path, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._ready = b""

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill a buffer as far as one chunk of the file goes."""
        more = True
        while not self._ready and more:
            chunk = self._file.read(2**16)
            more = bool(chunk)
            try:
                text = self._decoder.decode(chunk, final=not more)
            except UnicodeDecodeError as error:
                reason = f"{self._path}: damaged {self._encoding[:6].upper()} ({error.reason})."
                raise InputError(reason) from error
            self._ready = text.encode("utf-8", "surrogatepass")
        view = memoryview(buffer)
        count = min(len(view), len(self._ready))
        view[:count], self._ready = self._ready[:count], self._ready[count:]
        return count
