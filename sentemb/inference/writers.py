"""Embedding files, written as they come and put in place when they are whole."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from sentemb.errors import UsageError
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
    """A matrix ``[rows, dim]`` in float32; the row count is filled in at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.shape = (0, 0)

    def write(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Append rows."""
        if not self.shape[0]:
            self._header((0, vectors.shape[1]))
        self.shape = (self.shape[0] + len(vectors), vectors.shape[1])
        self.file.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())

    def close(self) -> None:
        """Fill the row count in: numpy pads the header so that it keeps its length."""
        self.file.seek(0)
        self._header(self.shape)

    def _header(self, shape: tuple[int, int]) -> None:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.file, header)


class SafetensorsWriter:
    """One tensor ``embeddings`` in float32: its size stands at the front, so it waits in a npy."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.matrix_path = Path(f"{file.name}.npy")
        self.matrix_file = self.matrix_path.open("w+b")
        self.matrix = NpyWriter(self.matrix_file)

    def write(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Append rows."""
        self.matrix.write(texts, vectors)

    def close(self) -> None:
        """Copy the matrix behind its header."""
        with self.matrix_file:
            self.matrix.close()
            self.matrix_file.flush()
            rows, dim = self.matrix.shape
            entry = {"dtype": "F32", "shape": [rows, dim], "data_offsets": [0, 4 * rows * dim]}
            header = json.dumps({"embeddings": entry}).encode()
            header += b" " * (-len(header) % 8)
            self.file.write(len(header).to_bytes(8, "little") + header)
            if rows:
                self.file.write(memoryview(np.load(self.matrix_path, mmap_mode="r")).cast("B"))
        self.matrix_path.unlink()


class JsonlWriter:
    """A line ``{"text": …, "embedding": […]}`` a row."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def write(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Append rows."""
        for text, vector in zip(texts, vectors, strict=True):
            row = {"text": text, "embedding": [float(str(number)) for number in vector]}
            self.file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """Do nothing: every line is whole."""


class ParquetWriter:
    """Columns ``text`` and ``embedding``, a list of fixed size in float32."""

    def __init__(self, file: IO[bytes]) -> None:
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
            self.writer.close()


WRITERS: dict[str, Callable[[IO[bytes]], Writer]] = {
    ".npy": NpyWriter,
    ".jsonl": JsonlWriter,
    ".parquet": ParquetWriter,
    ".safetensors": SafetensorsWriter,
}


def check_format(path: Path) -> None:
    """Raise unless the file's suffix names a format that can be written.

    Raises:
        UsageError: When it does not.
    """
    if path.suffix not in WRITERS:
        raise UsageError(
            f"Cannot write '{path.suffix or path.name}'; allowed: {', '.join(WRITERS)}."
        )


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Write beside the file, sync, and rename at the end; on an error nothing is left."""
    check_format(path)
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            with closing(WRITERS[path.suffix](file)) as writer:
                yield writer
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        for leftover in (partial, Path(f"{partial}.npy")):
            leftover.unlink(missing_ok=True)
