"""Rows of parquet and arrow files, a bounded number of bytes at a time."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sentemb.datasets.faults import Faults
from sentemb.datasets.limits import LONGEST_TEXT
from sentemb.datasets.lines import Row
from sentemb.datasets.progress import ReadingProgress
from sentemb.datasets.tables import require_distinct
from sentemb.errors import InputError

AT_ONCE = 2**24
"""Bytes of rows that are held at once."""
ROWS = 2**14
"""Rows that are held at once, at most."""


def read_parquet(file: IO[bytes], path: Path, _faults: Faults) -> Iterator[Row]:
    """Read a parquet file. Texts that repeat are held once, as the file holds them."""
    import pyarrow
    import pyarrow.parquet

    with _seekable(file) as whole, _named(path, "parquet"):
        schema = pyarrow.parquet.ParquetFile(whole).schema_arrow
        texts = [field.name for field in schema if _is_text(field.type)]
        whole.seek(0)
        table = pyarrow.parquet.ParquetFile(whole, read_dictionary=texts)
        require_distinct(schema.names, path)
        groups = [table.metadata.row_group(n) for n in range(table.num_row_groups)]
        width = max((g.total_byte_size // max(g.num_rows, 1) for g in groups), default=0)
        batches = table.iter_batches(batch_size=max(1, min(ROWS, AT_ONCE // max(width, 1))))
        yield from _rows(batches, path)


def read_arrow(file: IO[bytes], path: Path, _faults: Faults) -> Iterator[Row]:
    """Read an arrow file, as feather or as a stream, which is how ``datasets`` keeps its own."""
    import pyarrow
    import pyarrow.ipc

    with _seekable(file) as whole, _named(path, "arrow"):
        try:
            table: Any = pyarrow.ipc.open_file(whole)
            batches = (table.get_batch(n) for n in range(table.num_record_batches))
        except pyarrow.ArrowInvalid:
            whole.seek(0)
            table = batches = pyarrow.ipc.open_stream(whole)
        require_distinct(table.schema.names, path)
        yield from _rows(batches, path)


@contextmanager
def _seekable(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Give a file that can be read in any order: what is decompressed on the way is copied."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as whole:
        shutil.copyfileobj(file, whole)
        whole.seek(0)
        yield whole


@contextmanager
def _named(path: Path, what: str) -> Iterator[None]:
    """Make an input error of what pyarrow raises."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, UnicodeError) as error:
        if getattr(error, "errno", None) is not None:  # the disk's
            raise
        said = str(error).strip().partition("\n")[0]
        raise InputError(f"{path}: not {'an' if what == 'arrow' else 'a'} {what} file, or a "
                         f"damaged one ({said}).") from error  # fmt: skip


def _is_text(kind: Any) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def _rows(batches: Any, path: Path) -> Iterator[Row]:
    number, progress = 0, ReadingProgress(path, "rows")
    for batch in batches:
        step = max(1, min(ROWS, batch.num_rows * AT_ONCE // max(_bytes_of(batch), 1)))
        for start in range(0, batch.num_rows, step):
            part = _cut(batch.slice(start, step))
            yield from enumerate(_values(part, path, number), start=number + 1)
            number += part.num_rows
            progress.add(part.nbytes, number)


def _bytes_of(batch: Any) -> int:
    """Return the bytes of a batch were texts that repeat not held once."""
    import pyarrow
    import pyarrow.compute

    total = 0
    for column in batch.columns:
        if pyarrow.types.is_dictionary(column.type) and _is_text(column.type.value_type):
            lengths = pyarrow.compute.binary_length(column.dictionary).take(column.indices)
            total += pyarrow.compute.sum(lengths).as_py() or 0
        else:
            total += column.nbytes
    return total


def _cut(batch: Any) -> Any:
    """Cut texts in a batch to one character above the limit, by which they are known as long."""
    import pyarrow
    import pyarrow.compute

    columns = []
    for column in batch.columns:
        texts = column.dictionary if pyarrow.types.is_dictionary(column.type) else column
        if not _is_text(texts.type):
            columns.append(column)
            continue
        longest = pyarrow.compute.max(pyarrow.compute.binary_length(texts)).as_py() or 0
        if longest > LONGEST_TEXT:
            texts = pyarrow.compute.utf8_slice_codeunits(texts, 0, LONGEST_TEXT + 1)
        if texts is not column and longest > LONGEST_TEXT:
            same = pyarrow.types.is_dictionary(column.type)
            column = pyarrow.DictionaryArray.from_arrays(column.indices, texts) if same else texts
        columns.append(column)
    return pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _values(batch: Any, path: Path, before: int) -> list[dict[str, Any]]:
    """Return the rows of a batch; ``before`` it there are so many."""
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except ValueError:  # no UTF-8, or a time that Python has not
        for place in range(batch.num_rows):
            try:
                batch.slice(place, 1).to_pylist()
            except ValueError as error:
                raise InputError(f"{path}, row {before + place + 1}: {error}.") from error
        raise
    return rows
