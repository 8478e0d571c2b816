"""What `decode` is given: vectors, texts, a midpoint, or pictures and sounds."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.in_memory import Container
from sentemb.datasets.source import Source, as_source, read_source
from sentemb.encoding.kept_columns import EMBEDDING
from sentemb.errors import InputError, UsageError
from sentemb.inference.shaping import shaped
from sentemb.modalities.cells import MODALITIES, Modality, modality_of, naming
from sentemb.modalities.decoded import Signals
from sentemb.modalities.readers import read_signal, require_reader
from sentemb.modalities.signal_rows import signal_rows
from sentemb.modalities.towers import TowerConfig
from sentemb.tasks.beside import encoded_beside
from sentemb.tasks.beyond_text import signal_vectors
from sentemb.tasks.vectors import VECTORS_ALONE, read_table, read_vectors
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentemb.encoder import Encoder

Given = str | os.PathLike[str] | Container | Vectors


@dataclass(frozen=True)
class ToDecode:
    """Rows to decode.

    Args:
        source: What messages call them.
        names: The texts, or the names of the files; None of vectors and of a midpoint.
        rows: Makes what a decoder reads, ``[rows, …]``; from a file where work may be kept.
        modality: Of files; None of anything else.
        is_encoded: Whether `rows` needs the encoder.
    """

    source: str
    names: Sequence[str] | None
    rows: Callable[["Encoder | None", Path | None], Any]
    modality: Modality | None = None
    is_encoded: bool = True


def vectors_to_decode(
    data: Given | None,
    column: str,
    midpoint: tuple[str, str] | None,
    modality: Modality | None,
) -> ToDecode:
    """Return what a decoder of vectors is given.

    Args:
        data: As of `decode`.
        column: As of `decode`.
        midpoint: As of `decode`.
        modality: As of `decode`.

    Raises:
        UsageError: When the midpoint has a blank text, or vectors are given a modality.
        InputError: When the data cannot be read.
    """
    is_file = isinstance(data, str | os.PathLike) and Path(data).suffix in VECTORS_ALONE
    if modality is not None and (midpoint or is_file or isinstance(data, np.ndarray)):
        raise UsageError("`modality` has no effect on vectors and midpoints: leave it out.")
    if midpoint is not None:
        return _of_midpoint(midpoint)
    if isinstance(data, np.ndarray):
        array = np.atleast_2d(data)
        return ToDecode("the array", None, lambda _, __: array, is_encoded=False)
    if is_file:
        found = read_vectors(Path(str(data)))
        return ToDecode(f"'{data}'", None, lambda _, __: found, is_encoded=False)
    if (held := modality or modality_of(data)) is not None:
        return _of_signals(data, held, column)
    table = read_table(data, _names(data, column))  # type: ignore[arg-type]  # no array
    if (made := table.vectors) is not None:
        return ToDecode(table.source, table.texts, lambda _, __: made, is_encoded=False)
    return ToDecode(table.source, table.texts, lambda e, file: _encoded(table.texts, e, file))


def _names(data: Any, column: str) -> str:
    """Return the column that names rows; the first beside vectors that are of no texts."""
    if column != "text" or (isinstance(data, str | os.PathLike) and os.fspath(data) == "-"):
        return column
    present, _ = read_source(as_source(data))
    if EMBEDDING not in present or column in present:
        return column
    return next((name for name in present if name != EMBEDDING), column)


def _of_midpoint(midpoint: tuple[str, str]) -> ToDecode:
    if len(midpoint) != 2 or not all(text.strip() for text in midpoint):
        raise UsageError("midpoint needs two texts that are not blank.")

    def rows(encoder: "Encoder | None", file: Path | None) -> Vectors:
        summed: Vectors = _encoded(midpoint, encoder, file).sum(axis=0, keepdims=True)
        return summed

    return ToDecode("the midpoint", None, rows)


def _encoded(texts: Sequence[str], encoder: "Encoder | None", file: Path | None) -> Vectors:
    assert encoder is not None  # noqa: S101 -- the caller has loaded it
    if file is None:
        return encoder.encode(texts, normalize=True)
    return encoded_beside(texts, encoder, file, {})


def _of_signals(data: Any, modality: Modality, column: str) -> ToDecode:
    """Return pictures or sounds, which the tower of the encoder makes vectors of."""
    source: Any = signals_of(data, modality)
    own = None if column == "text" else column

    def rows(encoder: "Encoder | None", file: Path | None) -> Vectors:
        assert encoder is not None  # noqa: S101 -- the caller has loaded it
        tower = encoder.tower(modality)
        if file is None:
            return tower.of_source(source, own)[1]
        hashes = []
        for row in tower.rows_of(source, own):
            hashes.append(row.text)
            tower.pending.clear()
        return signal_vectors(source, encoder, modality, column, file, hashes)

    return ToDecode(str(source), names_of(source, modality, own), rows, modality)


def pictures_to_decode(
    data: Given | None, column: str, modality: Modality | None, config: TowerConfig
) -> ToDecode:
    """Return what a decoder of pictures is given.

    Args:
        data: As of `decode`.
        column: As of `decode`.
        modality: As of `decode`.
        config: Of the tower that reads them.

    Raises:
        UsageError: When no pictures are given.
        InputError: When one cannot be read; names the row.
    """
    if (modality or modality_of(data)) != "picture":
        raise UsageError(
            "This decoder reads pictures: give a folder of them, or a table with "
            "`modality='picture'`."
        )
    require_reader("picture")
    source, own = signals_of(data, "picture"), None if column == "text" else column

    def rows(_: "Encoder | None", __: Path | None) -> StoredRows:
        signals = Signals(config.shape, config.dtype)
        numbers = []
        for number, content, _columns in signal_rows(source, "picture", own):
            with naming(source, number):
                numbers.append(signals.add(read_signal(content, config)))
        return StoredRows(signals, numbers)

    names = names_of(source, "picture", own)
    return ToDecode(str(source), names, rows, "picture", is_encoded=False)


@dataclass(frozen=True)
class StoredRows:
    """Rows of decoded pictures, read from their file where they are needed.

    Args:
        signals: Has them.
        numbers: Of the rows.
    """

    signals: Signals
    numbers: Sequence[int]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        found: NDArray[Any] = self.signals.of(self.numbers[rows]).numpy()
        return found


def signals_of(data: Any, modality: Modality) -> Source:
    """Return pictures or sounds as a source; a list may hold files, or what is in them.

    Raises:
        UsageError: When there is no such modality.
    """
    if modality not in MODALITIES:
        raise UsageError(f"modality is one of {', '.join(MODALITIES)}; got {modality!r}.")
    if isinstance(data, list | tuple) and all(
        isinstance(one, str | bytes | os.PathLike) for one in data
    ):
        data = [{modality: os.fspath(one)} for one in data]
    return as_source(data)


def names_of(source: Source, modality: Modality, column: str | None) -> list[str]:
    """Return the names of a source's pictures or sounds."""
    rows = (columns for _, _, columns in signal_rows(source, modality, column))
    return [str(columns[next(iter(columns))]) for columns in rows]


def unit_vectors(vectors: Vectors, dim: int, source: str, encoder: str) -> Vectors:
    """Return vectors at length 1.

    Raises:
        InputError: When they have another width, or one is not finite or of length 0; names the
            row.
    """
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        shape = " x ".join(map(str, vectors.shape))
        raise InputError(
            f"{source} is {shape}; the decoder reads vectors of {dim} numbers, as '{encoder}' "
            "makes them."
        )
    if not len(vectors):
        raise InputError(f"{source} holds no vector.")
    given = np.asarray(vectors, np.float32)
    wrong = ~np.isfinite(given).all(axis=1) | ~given.any(axis=1)
    if wrong.any():
        raise InputError(
            f"{source}, row {int(wrong.argmax()) + 1:,}: the vector has no direction (zeros, or "
            "numbers that are not finite): encode it again, or remove it."
        )
    return shaped(given, normalize=True)
