"""Lines of a file: what ends one, and what is done where one is not text."""

import errno
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from sentemb.datasets.encodings import as_utf8
from sentemb.datasets.faults import Faults
from sentemb.datasets.limits import LONGEST_LINE, whole_characters
from sentemb.datasets.progress import ReadingProgress
from sentemb.errors import InputError, reading

Row = tuple[int, dict[str, Any]]
COMPRESSED = (".gz", ".zst")


def suffixes_of(path: Path) -> list[str]:
    """Return what a file's name says of its format and compression, in lower case.

    Example:
        >>> suffixes_of(Path("my.A.TXT.GZ")), suffixes_of(Path("a.b.csv")), suffixes_of(Path("a"))
        (['.txt', '.gz'], ['.csv'], [])
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2:] if suffixes and suffixes[-1] in COMPRESSED else suffixes[-1:]


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, decompressed where its name says that it is compressed.

    Raises:
        InputError: When there is none, it may not be read, or what is compressed is damaged, also
            later on.
    """
    try:
        with reading():
            if path.is_dir():
                raise InputError(f"{path} is a folder; a file is needed.")
            with _stream(path) as file:
                yield file
    except FileNotFoundError as error:
        raise _no_file(path) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: damaged gzip file ({error}).") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _no_file(path) from error
        if error.errno is None and path.suffix.lower() == ".zst":  # no zstd
            raise InputError(f"{path}: damaged zstd file ({error}).") from error
        raise


def _no_file(path: Path) -> InputError:
    """Say that there is no file; where a path seems to be a text, how texts are given."""
    if " " not in path.name or (path.suffix and " " not in path.suffix):
        return InputError(f"No file '{path}'.")
    name = str(path) if len(str(path)) <= 60 else f"{str(path)[:60]}…"
    return InputError(f"No file '{name}'. Give a file of texts, or in Python a list of texts.")


def _stream(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path)  # type: ignore[return-value]
    if path.suffix.lower() == ".zst":
        import pyarrow

        stream = pyarrow.input_stream(str(path), compression="zstd")
        return io.BufferedReader(stream, 2**18)
    return path.open("rb")


class Line(NamedTuple):
    """A line, or what was found in all lines of a row.

    Args:
        number: Of the row, from 1.
        text: Without its end, and with U+FFFD where it is not UTF-8.
        invalid: What is wrong in such a place; "" where there is none.
        crlf: Whether it ended with CR LF.
        long: Whether it was cut.
    """

    number: int
    text: str
    invalid: str
    crlf: bool
    long: bool = False

    def stays(self, path: Path, faults: Faults) -> bool:
        """Count what is wrong with a row; tell whether it stays.

        Raises:
            InputError: When it is not UTF-8, and that is an error.
        """
        if self.invalid and faults.errors == "strict":
            raise InputError(
                f"{path}, row {self.number}: not UTF-8 ({self.invalid}). Save the file as UTF-8."
            )
        if self.invalid:
            faults.invalid.add(self.number)
            if faults.errors == "skip":
                return False
        if self.crlf:
            faults.crlf.add(self.number)
        if self.long:
            faults.long.add(self.number)
        return True


def lines_of(
    file: IO[bytes], path: Path, faults: Faults, longest: int = LONGEST_LINE
) -> Iterator[Line]:
    """Yield each line.

    Args:
        file: At its beginning.
        path: Its name, in the words of an error.
        faults: Where the encoding of the file, and a byte-order mark, are noted.
        longest: Bytes a line may have; of a text alone, what is more is cut, else it is an error.

    Raises:
        InputError: Names the row.
    """
    number, file, progress = 0, as_utf8(file, path, faults), ReadingProgress(path)
    while line := file.readline(longest + 2):  # with CR LF
        number += 1
        progress.add(len(line), number)
        if number == 1 and line.startswith(b"\xef\xbb\xbf"):
            faults.bom = True
            line = line[3:] if line.endswith(b"\n") else line[3:] + file.readline(3)
        end = line[-2:]
        if end.endswith(b"\n"):
            line = line[: -2 if end == b"\r\n" else -1]
        if long := len(line) > longest:
            if longest == LONGEST_LINE:
                raise InputError(f"{path}, row {number}: longer than {longest:,} bytes.")
            line = whole_characters(line[:longest])
            while not end.endswith(b"\n") and (rest := file.readline(longest)):
                end = (end + rest)[-2:]
        text, invalid = _decoded(line)
        line = b""  # it may be long, and is not needed while the text is
        yield Line(number, text, invalid, end == b"\r\n", long)


def _decoded(line: bytes) -> tuple[str, str]:
    """Return the text of a line, and why it is not UTF-8; "" where it is."""
    try:
        return line.decode(), ""
    except UnicodeDecodeError as error:
        hint = ", it may be UTF-16 without a byte-order mark" if b"\0" in line else ""
        return line.decode(errors="replace"), f"{error.reason}{hint}"
