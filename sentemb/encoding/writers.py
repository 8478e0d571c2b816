"""Embedding files, written window by window."""

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sentemb.encoding.kept_columns import EMBEDDING, SPAN, Columns, array_of, as_text
from sentemb.storage import json_line
from sentemb.types import Vectors

Shape = tuple[int, int]
Rows = Sequence[dict[str, Any]]


class Writer(Protocol):
    """Takes windows of rows and their vectors, in order."""

    def write(self, rows: Rows, vectors: Vectors) -> None:
        """Append rows."""
        ...

    def close(self) -> None:
        """Complete the file."""
        ...


class NpyWriter:
    """A matrix ``[rows, dim]`` in float32."""

    def __init__(self, file: IO[bytes], shape: Shape, columns: Columns) -> None:
        self.file = file
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)

    def write(self, rows: Rows, vectors: Vectors) -> None:
        """Append rows."""
        self.file.write(np.ascontiguousarray(vectors, dtype="<f4").data)

    def close(self) -> None:
        """Do nothing: the rows are behind their header."""


class SpansWriter:
    """A matrix ``[chunks, 4]`` in int64: row, start, end and tokens of each chunk."""

    def __init__(self, file: IO[bytes], chunks: int) -> None:
        self.file = file
        header = {"descr": "<i8", "fortran_order": False, "shape": (chunks, len(SPAN))}
        np.lib.format.write_array_header_1_0(file, header)

    def write(self, rows: Rows, vectors: Vectors) -> None:
        """Append rows."""
        self.file.write(_spans(rows))

    def close(self) -> None:
        """Have it on the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())


class SafetensorsWriter:
    """One tensor ``embeddings`` in float32; of chunks, another ``spans``, as `SpansWriter` has."""

    def __init__(self, file: IO[bytes], shape: Shape, columns: Columns) -> None:
        self.file = file
        self.spans: list[bytes] | None = [] if SPAN[0] in columns else None
        size, more = 4 * shape[0] * shape[1], 8 * shape[0] * len(SPAN)
        found = {"embeddings": {"dtype": "F32", "shape": list(shape), "data_offsets": [0, size]}}
        if self.spans is not None:
            places = [size, size + more]
            found["spans"] = {
                "dtype": "I64",
                "shape": [shape[0], len(SPAN)],
                "data_offsets": places,
            }
        header = json.dumps(found).encode()
        header += b" " * (-len(header) % 8)
        file.write(len(header).to_bytes(8, "little") + header)

    def write(self, rows: Rows, vectors: Vectors) -> None:
        """Append rows."""
        self.file.write(np.ascontiguousarray(vectors, dtype="<f4").data)
        if self.spans is not None:
            self.spans.append(_spans(rows))

    def close(self) -> None:
        """Write the spans behind the vectors, where there are some."""
        self.file.writelines(self.spans or [])


class JsonlWriter:
    """A line ``{"text": …, "embedding": […]}`` a row; a vector of NaN is null."""

    def __init__(self, file: IO[bytes], shape: Shape, columns: Columns) -> None:
        self.file = file

    def write(self, rows: Rows, vectors: Vectors) -> None:
        """Append rows."""
        for row, vector in zip(rows, vectors, strict=True):
            self.file.write(json_line({**row, EMBEDDING: _numbers(vector)}).encode())

    def close(self) -> None:
        """Do nothing: every line is whole."""


class CsvWriter:
    """Columns ``text`` and ``embedding``, a list as JSON has it; a vector of NaN is empty."""

    def __init__(self, file: IO[bytes], shape: Shape, columns: Columns) -> None:
        self.file = file
        self.names = [*columns]
        self._write([[*self.names, EMBEDDING]])

    def write(self, rows: Rows, vectors: Vectors) -> None:
        """Append rows."""
        self._write(
            [*(as_text(row.get(name)) for name in self.names), as_text(_numbers(vector))]
            for row, vector in zip(rows, vectors, strict=True)
        )

    def _write(self, lines: Any) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(lines)
        self.file.write(text.getvalue().encode())

    def close(self) -> None:
        """Do nothing: every line is whole."""


class ParquetWriter:
    """Columns ``text`` and ``embedding``, a list of fixed size in float32."""

    def __init__(self, file: IO[bytes], shape: Shape, columns: Columns) -> None:
        self.file = file
        self.columns = columns
        self.writer: Any = None

    def write(self, rows: Rows, vectors: Vectors) -> None:
        """Append rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1))
        embedding = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        found = {
            name: array_of([row.get(name) for row in rows], kind)
            for name, kind in self.columns.items()
        }
        table = pa.table({**found, EMBEDDING: embedding})
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.file, table.schema)
        self.writer.write_table(table)

    def close(self) -> None:
        """Write the footer."""
        if self.writer is not None:
            try:
                self.writer.close()
            finally:
                self.writer.is_open = False  # else its destructor tries again


def _spans(rows: Rows) -> bytes:
    return np.array([[row[name] for name in SPAN] for row in rows], dtype="<i8").tobytes()


def _numbers(vector: NDArray[Any]) -> list[float] | None:
    """Return the shortest numbers that stand for a vector; None for one of NaN."""
    return None if np.isnan(vector[0]) else [float(str(number)) for number in vector]


WRITERS: dict[str, Callable[[IO[bytes], Shape, Columns], Writer]] = {
    ".npy": NpyWriter,
    ".jsonl": JsonlWriter,
    ".parquet": ParquetWriter,
    ".csv": CsvWriter,
    ".safetensors": SafetensorsWriter,
}
SHOWS_TEXTS = (".jsonl", ".parquet", ".csv")
NAMES_COLUMNS = (".parquet", ".csv", ".safetensors")
"""Formats whose columns must be known before the first row is written."""
