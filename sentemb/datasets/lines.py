"""Lines of a file: what ends one, and what is done where one is not text."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sentemb.datasets.faults import Faults
from sentemb.errors import InputError

COMPRESSED = (".gz", ".zst")
LONGEST_TEXT = 2**20
LONGEST_LINE = 2**26


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, decompressed where its name says that it is compressed.

    Raises:
        InputError: When there is none, or what is compressed is damaged, also later on.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; a file is needed.")
    try:
        with _stream(path) as file:
            yield file
    except FileNotFoundError as error:
        raise InputError(f"No file '{path}'.") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: damaged gzip file ({error}).") from error
    except OSError as error:
        if error.errno is None and path.suffix == ".zst":  # pyarrow's words for what is no zstd
            raise InputError(f"{path}: damaged zstd file ({error}).") from error
        raise


def _stream(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.open(path)  # type: ignore[return-value]
    if path.suffix == ".zst":
        import pyarrow

        stream = pyarrow.input_stream(str(path), compression="zstd")
        return io.BufferedReader(stream, 2**18)
    return path.open("rb")


def lines_of(
    file: IO[bytes], path: Path, faults: Faults, longest: int = LONGEST_LINE
) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, without its end.

    Args:
        file: At its beginning.
        path: Its name, in the words of an error.
        faults: What is done with lines that are not UTF-8, and where things are counted.
        longest: Bytes a line may have; of a text alone, what is more is cut, else it is an error.

    Raises:
        InputError: Names the row.
    """
    number = 0
    while line := file.readline(longest + 2):  # with CR LF
        number += 1
        if number == 1 and line.startswith(b"\xef\xbb\xbf"):
            faults.bom = True
            line = line[3:] if line.endswith(b"\n") else line[3:] + file.readline(3)
        if ended := line.endswith(b"\n"):
            line = line[:-1]
            if line.endswith(b"\r"):
                faults.crlf.add(number)
                line = line[:-1]
        if len(line) > longest:
            if longest == LONGEST_LINE:
                raise InputError(f"{path}, row {number}: longer than {longest:,} bytes.")
            faults.long.add(number)
            line = _whole_characters(line[:longest])
            while not ended and (rest := file.readline(longest)):
                ended = rest.endswith(b"\n")
        if (text := _decoded(line, path, number, faults)) is not None:
            if "\0" in text:
                faults.nul.add(number)
            yield number, text


def _whole_characters(line: bytes) -> bytes:
    """Drop the beginning of a character from the end of a line that was cut."""
    for back in (1, 2, 3):
        if line[-back] >= 0xC0:  # it begins a character, of two to four bytes
            whole = 2 + (line[-back] >= 0xE0) + (line[-back] >= 0xF0)
            return line if whole == back else line[:-back]
    return line


def _decoded(line: bytes, path: Path, number: int, faults: Faults) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        if faults.errors == "strict":
            raise InputError(f"{path}, row {number}: not UTF-8 ({error.reason}).") from error
    faults.invalid.add(number)
    return line.decode(errors="replace") if faults.errors == "replace" else None
