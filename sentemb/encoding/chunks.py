"""A part holds what was embedded with a window; rows are gathered from all of them."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from sentemb.encoders.lengths import Reading
from sentemb.encoders.tokenising import TextCounts
from sentemb.encoding.kept_columns import SPAN, Columns, columns_of
from sentemb.encoding.manifest import Done
from sentemb.encoding.windows import Window
from sentemb.errors import StorageError
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentemb.inference.chunked import ChunkTokens

Numbers = NDArray[np.int64]
Tensors = dict[str, NDArray[Any]]
DTYPES = {"F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "u1"}
"""What parts hold, by safetensors' names."""
COUNTED = {"cut": np.uint8, "unknown": np.int32, "known": np.int32, "unread": np.uint8}
"""What a part holds of `TextCounts`."""


@dataclass(frozen=True)
class Rows:
    """Rows of a window, whole.

    Args:
        vectors: ``[rows, dim]``, or ``[chunks, dim]``.
        reading: How much of them was read and known, as far as the encoder tells.
        columns: Those of each row that the output shows beside its vector; where a row has several
            vectors, those of each chunk, its span among them.
    """

    vectors: Vectors
    reading: Reading
    columns: list[dict[str, Any]]


def part_of(
    window: Window,
    vectors: Vectors,
    counts: TextCounts | None,
    chunks: "ChunkTokens | None" = None,
    *,
    keeps_texts: bool,
) -> bytes:
    """Return the bytes of a part.

    Args:
        window: Of rows.
        vectors: Of its new texts, ``[new, dim]`` in float32, or of their chunks.
        counts: What is counted of each of them; None where it is not known.
        chunks: Where a text may have several vectors: which they are of.
        keeps_texts: Whether the output shows the texts; where it shows all columns of the input,
            each row is kept whole instead.
    """
    tensors: dict[str, NDArray[Any]] = {
        "numbers": window.numbers,
        "vectors": np.ascontiguousarray(vectors, dtype=np.float32),
    }
    if counts is not None:
        tensors |= {name: np.array(x, dtype=COUNTED[name]) for name, x in counts._asdict().items()}
    if chunks is not None:
        tensors |= {"spans": chunks.spans, "span_ends": chunks.ends}
    if window.columns:
        tensors |= _stored("columns", "column_ends", window.columns)
        tensors["column"] = np.frombuffer(window.column.encode(), dtype=np.uint8)
    elif keeps_texts:
        tensors |= _stored("texts", "ends", window.new)
    return save(tensors)


def _stored(name: str, ends: str, texts: list[str]) -> Tensors:
    encoded = [text.encode() for text in texts]
    return {
        name: np.frombuffer(b"".join(encoded), dtype=np.uint8),
        ends: np.cumsum([0, *map(len, encoded)], dtype=np.int64),
    }


class DamagedPartError(StorageError):
    """A part is missing, or its bytes are not those that were written.

    Args:
        file: Of the part.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"'{file}' was damaged or removed after it was written: give the same command again to "
            "encode its rows again, and check the disk."
        )
        self.file = file


class Chunks:
    """The parts of an input's first windows, in order; each file is opened when it is needed.

    The bytes of a part are compared with the hash in the manifest before any of them is used, and
    again whenever the file has changed since.

    Attributes:
        dim: Width of the embeddings.
        tell_counts: Whether the encoder reports which texts it cut, and what it knows of them.
        chunked: Whether a text may have several vectors.
    """

    def __init__(self) -> None:
        self._files: list[tuple[Path, str]] = []
        self._compared: dict[int, tuple[int, ...]] = {}
        self._starts = [0]
        self._first_rows = [1]
        self.dim = 0
        self.tell_counts = self.chunked = False

    def add(self, file: Path, done: Done) -> None:
        """Take the part of the next window.

        Args:
            file: Of the part.
            done: What the manifest holds of it.

        Raises:
            DamagedPartError: When the bytes are not those that were written.
        """
        self._files.append((file, done.part))
        self._starts.append(self._starts[-1] + done.new)
        self._first_rows.append(self._first_rows[-1] + done.rows)
        if done.new and not self.dim:
            part = self._tensors(len(self._files) - 1)
            self.dim = part["vectors"].shape[1]
            self.tell_counts, self.chunked = "cut" in part, "spans" in part

    def known(self, reading: Reading) -> Reading | None:
        """Return what was read and known of texts; None where the encoder does not tell."""
        return reading if self.tell_counts else None

    def __iter__(self) -> Iterator[Rows]:
        return map(self.rows, range(len(self._files)))

    def rows(self, window: int) -> Rows:
        """Return the rows of a window, of which earlier windows may have embedded some.

        Raises:
            DamagedPartError: When a part that is needed is not as it was written.
        """
        numbers = self._tensors(window)["numbers"]
        distinct, places = np.unique(numbers, return_inverse=True)
        homes = np.searchsorted(self._starts, distinct, side="right") - 1
        several = self._several(distinct)
        firsts = np.cumsum(several) - several
        vectors = np.empty((several.sum(), self.dim), dtype=np.float32)
        spans = np.empty((len(vectors) if self.chunked else 0, 3), dtype=np.int64)
        counted = {name: np.zeros(len(distinct), dtype) for name, dtype in COUNTED.items()}
        texts: list[str] = []
        for home in np.unique(homes):
            here = homes == home
            local = distinct[here] - self._starts[home]
            part = self._tensors(home)
            to = ranges(firsts[here], several[here])
            taken = ranges(part["span_ends"][local], several[here]) if self.chunked else local
            vectors[to] = part["vectors"][taken]
            if self.chunked:
                spans[to] = part["spans"][taken]
            for name in counted.keys() & part.keys():
                counted[name][here] = part[name][local]
            if "texts" in part:
                texts += _texts_of(part["texts"], part["ends"], local)
        reading = _reading({name: values[places] for name, values in counted.items()})
        columns = self.columns(window) or [{"text": texts[i]} for i in places if texts]
        if not self.chunked:
            return Rows(vectors[places], reading, columns)
        each = ranges(firsts[places], several[places])
        rows = np.repeat(np.arange(len(places)), several[places])
        name = bytes(self._tensors(window).get("column", b"text")).decode()
        shown = [
            _of_chunk(columns[row] if columns else {}, name, self._first_rows[window] + row, span)
            for row, span in zip(rows.tolist(), spans[each].tolist(), strict=True)
        ]
        return Rows(vectors[each], reading, shown)

    def vectors(self) -> int:
        """Return how many vectors all rows have.

        Raises:
            DamagedPartError: When a part is not as it was written.
        """
        each = (self._tensors(window)["numbers"] for window in range(len(self._files)))
        return int(sum(self._several(numbers).sum() for numbers in each))

    def _several(self, numbers: Numbers) -> Numbers:
        """Return how many vectors each text has, by the numbers of the texts."""
        several = np.ones(len(numbers), dtype=np.int64)
        if not self.chunked:
            return several
        homes = np.searchsorted(self._starts, numbers, side="right") - 1
        for home in np.unique(homes):
            here = homes == home
            ends, local = self._tensors(home)["span_ends"], numbers[here] - self._starts[home]
            several[here] = ends[local + 1] - ends[local]
        return several

    def columns(self, window: int) -> list[dict[str, Any]]:
        """Return the rows of a window with the input's columns; none where these are not kept.

        Raises:
            DamagedPartError: When the part is not as it was written.
        """
        part = self._tensors(window)
        if "columns" not in part:
            return []
        rows = np.arange(len(part["numbers"]))
        stored = _texts_of(part["columns"], part["column_ends"], rows)
        return [json.loads(row) for row in stored]

    def written_columns(self) -> Columns:
        """Return the columns beside the vectors: those of the input where they are kept."""
        kept = columns_of(map(self.columns, range(len(self._files)))) or {"text": None}
        if not self.chunked:
            return kept
        import pyarrow

        return {**kept, **dict.fromkeys(SPAN, pyarrow.int64())}

    def _tensors(self, window: int) -> Tensors:
        """Map the tensors of a part, of which only what is used is read."""
        file, expected = self._files[window]
        try:
            with file.open("rb") as opened:
                found = os.fstat(opened.fileno())
                data = mmap(opened.fileno(), 0, access=ACCESS_READ)
        except (FileNotFoundError, ValueError) as error:  # ValueError: the file is empty
            raise DamagedPartError(file) from error
        state = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if self._compared.get(window) != state:
            if sha256(data).hexdigest() != expected:
                raise DamagedPartError(file)
            self._compared[window] = state
        return _mapped(data)


def ranges(starts: Numbers, counts: Numbers) -> Numbers:
    """Return the numbers from each start on, as many as are counted.

    Example:
        >>> ranges(np.array([10, 20]), np.array([2, 3])).tolist()
        [10, 11, 20, 21, 22]
    """
    behind = np.cumsum(counts)
    return np.repeat(starts - (behind - counts), counts) + np.arange(
        behind[-1] if len(counts) else 0
    )


def _of_chunk(row: dict[str, Any], column: str, number: int, span: list[int]) -> dict[str, Any]:
    """Return a row for a chunk of it: with its own text, where the row has one, and its span."""
    start, end, _ = span
    text = {column: row[column][start:end]} if row else {}
    return {**row, **text, **dict(zip(SPAN, (number, *span), strict=True))}


def _reading(counted: dict[str, NDArray[Any]]) -> Reading:
    return Reading(
        texts=len(counted["cut"]),
        truncated=int(counted["cut"].sum()),
        unknown_texts=int((counted["unknown"] > 0).sum()),
        unread_texts=int(counted["unread"].sum()),
        unknown_tokens=int(counted["unknown"].sum(dtype=np.int64)),
        known_tokens=int(counted["known"].sum(dtype=np.int64)),
    )


def _mapped(data: mmap) -> Tensors:
    """Return the tensors of a safetensors file without copying them."""
    length = int.from_bytes(data[:8], "little")
    entries = json.loads(data[8 : 8 + length])
    return {
        name: np.ndarray(
            entry["shape"], DTYPES[entry["dtype"]], data, 8 + length + entry["data_offsets"][0]
        )
        for name, entry in entries.items()
    }


def _texts_of(stored: NDArray[Any], ends: NDArray[Any], rows: Numbers) -> list[str]:
    return [stored[ends[row] : ends[row + 1]].tobytes().decode() for row in rows]
