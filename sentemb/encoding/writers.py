"""Embedding files, written window by window."""

import json
from collections.abc import Callable, Sequence
from typing import IO, Any, Protocol

import numpy as np

from sentemb.storage import json_line
from sentemb.types import Vectors


class Writer(Protocol):
    """Takes windows of texts and their vectors, in order."""

    def write(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Append rows."""
        ...

    def close(self) -> None:
        """Complete the file."""
        ...


class NpyWriter:
    """A matrix ``[rows, dim]`` in float32."""

    def __init__(self, file: IO[bytes], rows: int, dim: int) -> None:
        self.file = file
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, dim)}
        np.lib.format.write_array_header_1_0(file, header)

    def write(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Append rows."""
        self.file.write(np.ascontiguousarray(vectors, dtype="<f4").data)

    def close(self) -> None:
        """Do nothing: the rows are behind their header."""


class SafetensorsWriter:
    """One tensor ``embeddings`` in float32."""

    def __init__(self, file: IO[bytes], rows: int, dim: int) -> None:
        self.file = file
        entry = {"dtype": "F32", "shape": [rows, dim], "data_offsets": [0, 4 * rows * dim]}
        header = json.dumps({"embeddings": entry}).encode()
        header += b" " * (-len(header) % 8)
        file.write(len(header).to_bytes(8, "little") + header)

    def write(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Append rows."""
        self.file.write(np.ascontiguousarray(vectors, dtype="<f4").data)

    def close(self) -> None:
        """Do nothing: the rows are behind their header."""


class JsonlWriter:
    """A line ``{"text": …, "embedding": […]}`` a row; a vector of NaN is null."""

    def __init__(self, file: IO[bytes], rows: int = 0, dim: int = 0) -> None:
        self.file = file

    def write(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Append rows."""
        for text, vector in zip(texts, vectors, strict=True):
            numbers = [float(str(number)) for number in vector]
            row = {"text": text, "embedding": None if np.isnan(vector[0]) else numbers}
            self.file.write(json_line(row).encode())

    def close(self) -> None:
        """Do nothing: every line is whole."""


class ParquetWriter:
    """Columns ``text`` and ``embedding``, a list of fixed size in float32."""

    def __init__(self, file: IO[bytes], rows: int, dim: int) -> None:
        self.file = file
        self.writer: Any = None

    def write(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Append rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1))
        embedding = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        table = pa.table({"text": pa.array(texts, pa.string()), "embedding": embedding})
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


WRITERS: dict[str, Callable[[IO[bytes], int, int], Writer]] = {
    ".npy": NpyWriter,
    ".jsonl": JsonlWriter,
    ".parquet": ParquetWriter,
    ".safetensors": SafetensorsWriter,
}
SHOWS_TEXTS = (".jsonl", ".parquet")
