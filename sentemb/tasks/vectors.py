"""Texts and their unit vectors: what every task starts from."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.faults import Faults
from sentemb.datasets.in_memory import Container
from sentemb.datasets.omitted import tell_faults
from sentemb.datasets.source import Source, as_source
from sentemb.datasets.texts import read_text_rows
from sentemb.encoding.kept_columns import EMBEDDING
from sentemb.errors import InputError, reading
from sentemb.inference.shaping import shaped
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.encoder import Encoder

    AnyEncoder = str | os.PathLike[str] | SentenceTransformer | Encoder

VECTORS_ALONE = (".npy", ".safetensors")
"""What `encode` writes without texts."""
SAMPLED, ALIKE = 8, 0.95
"""Rows whose vectors are made again to know their model, and the least cosine with them."""


@dataclass(frozen=True, repr=False)
class TextTable:
    """Rows of texts, with vectors where their file has some.

    Args:
        texts: One a row; none is blank.
        numbers: Of the rows, by the source's own count.
        columns: The other columns, by name.
        source: What the rows were read from, as messages call it.
        vectors: As they were made, ``[rows, dim]``; None where they are to be made.
    """

    texts: list[str]
    numbers: list[int]
    columns: Mapping[str, list[Any]]
    source: str
    vectors: Vectors | None = None


@dataclass(frozen=True, repr=False)
class Embedded:
    """Texts with a vector each.

    Args:
        texts: One a row; none is blank.
        vectors: Of length 1, ``[rows, dim]`` in float32.
        model: Name of the model that made the vectors.
        columns: The other columns of the rows, by name.
        source: What the rows were read from, as messages call it.
    """

    texts: list[str]
    vectors: Vectors
    model: str
    columns: Mapping[str, list[Any]]
    source: str

    def __repr__(self) -> str:
        rows, dim = self.vectors.shape
        return f"Embedded({rows:,} texts of {self.source}, {dim} numbers each, by {self.model!r})"


def embedded(
    data: "str | os.PathLike[str] | Container | Embedded",
    model: "AnyEncoder" = "mini-sentemb",
    *,
    column: str = "text",
    vectors: "str | os.PathLike[str] | Vectors | None" = None,
    device: str | None = None,
    batch_tokens: int | None = None,
    batch_size: int | None = None,
    prompt: str | None = None,
) -> Embedded:
    """Return texts with their unit vectors; vectors that are there are not made again.

    Args:
        data: A file, a hub data set or rows in memory, as `Encoder.encode_file` reads them; where
            they have a column ``embedding``, as in the .jsonl, .parquet and .csv files that it
            writes, that is the vectors. An `Embedded` is returned as it is.
        model: A bundled encoder, a folder, a hub id, a `SentenceTransformer` or an `Encoder`.
        column: The column of the texts.
        vectors: Of the rows, in their order: a .npy or .safetensors file, or an array.
        device: As in `sentemb.load`.
        batch_tokens: As in `Encoder.encode`.
        batch_size: As in `Encoder.encode`.
        prompt: As in `Encoder.encode`.

    Raises:
        InputError: When the data cannot be read or a text is blank, names the row; when vectors are
            not those of the model.

    Example:
        >>> embedded(["A sentence.", "Another one."])
        Embedded(2 texts of data, 192 numbers each, by 'mini-sentemb')
    """
    if isinstance(data, Embedded):
        return data
    table = read_table(data, column, vectors)
    from sentemb.encoder import load  # torch: a file that cannot be read is told of without it

    encoder = load(model, device)
    if table.vectors is not None:
        require_made_by(encoder, table, prompt)
        made = table.vectors
    else:
        made = encoder.encode(
            table.texts, batch_tokens=batch_tokens, batch_size=batch_size, prompt=prompt
        )
    unit = unit_vectors(replace(table, vectors=made))
    return Embedded(table.texts, unit, encoder.name, table.columns, table.source)


def read_table(
    data: "str | os.PathLike[str] | Container",
    column: str = "text",
    vectors: "str | os.PathLike[str] | Vectors | None" = None,
) -> TextTable:
    """Read texts, their columns, and vectors where there are some.

    Args:
        data: As in `embedded`.
        column: The column of the texts.
        vectors: As in `embedded`.

    Raises:
        InputError: When the data cannot be read, a text is blank or a vector is missing; names the
            row. When there are more or fewer vectors than rows.
    """
    source, faults = as_source(data), Faults()
    _require_texts(source)
    texts, numbers, rows = [], [], []
    for place, row in enumerate(read_text_rows(source, column, faults), start=1):
        numbers.append(faults.row_of(place))
        if not row.text.strip():
            raise InputError(
                f"{source}, row {numbers[-1]:,} is blank: remove it, or name another `column`."
            )
        texts.append(row.text)
        rows.append({name: value for name, value in row.columns.items() if name != column})
    tell_faults(source, faults)
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names if name != EMBEDDING}
    table = TextTable(texts, numbers, columns, str(source))
    if vectors is not None:
        return replace(table, vectors=_given(vectors, table))
    if EMBEDDING in names:
        return replace(table, vectors=_stacked([row.get(EMBEDDING) for row in rows], table))
    return table


def unit_vectors(table: TextTable) -> Vectors:
    """Return the vectors of rows at length 1.

    Raises:
        InputError: When one is not finite or has length 0; names the row.
    """
    assert table.vectors is not None  # noqa: S101 -- the caller has seen to it
    unit = shaped(table.vectors, normalize=True)
    wrong = ~np.isfinite(unit).all(axis=1) | ~unit.any(axis=1)
    if wrong.any():
        raise InputError(
            f"{table.source}, row {table.numbers[int(wrong.argmax())]:,}: its vector has no "
            "direction (zeros, or numbers that are not finite): encode it again, or remove it."
        )
    return unit


def require_made_by(encoder: "Encoder", table: TextTable, prompt: str | None = None) -> None:
    """Raise unless the vectors of rows are an encoder's, or the first numbers of its vectors.

    A few rows are encoded again and compared.

    Args:
        encoder: What is to have made them.
        table: Rows with vectors.
        prompt: What it put before the texts; by default its default prompt.

    Raises:
        InputError: When they are another model's; names a row.
    """
    assert table.vectors is not None  # noqa: S101 -- the caller has seen to it
    rows, width = table.vectors.shape
    if width > encoder.dim:
        raise InputError(
            f"The vectors of {table.source} have {width} numbers, those of model "
            f"'{encoder.name}' {encoder.dim}: name the `model` that made them."
        )
    places = np.unique(np.linspace(0, rows - 1, min(SAMPLED, rows)).astype(int))
    texts = [table.texts[place] for place in places]
    again = encoder.encode(texts, dims=width, normalize=True, prompt=prompt)
    cosines = (again * shaped(table.vectors[places], normalize=True)).sum(axis=1)
    worst = int(cosines.argmin())
    if not cosines[worst] >= ALIKE:
        raise InputError(
            f"The vectors of {table.source} are not those of model '{encoder.name}': the vector of "
            f"row {table.numbers[places[worst]]:,} has a cosine of {cosines[worst]:.2f} with the "
            "model's own. Name the `model` that made them, and the prompt."
        )


def _require_texts(source: Source) -> None:
    if isinstance(source, str | os.PathLike) and Path(source).suffix in VECTORS_ALONE:
        raise InputError(
            f"'{source}' holds vectors alone: give the file of their texts, and this one as "
            f"`vectors={source}`."
        )


def _given(vectors: "str | os.PathLike[str] | Vectors", table: TextTable) -> Vectors:
    """Read vectors from a file where they are named, and compare their number with the rows."""
    named = isinstance(vectors, str | os.PathLike)
    found = read_vectors(Path(vectors)) if named else np.asarray(vectors, np.float32)  # type: ignore[arg-type]
    name = f"'{vectors}'" if named else "vectors"
    if found.ndim != 2 or len(found) != len(table.texts):
        shape = " x ".join(map(str, found.shape))
        raise InputError(
            f"{name} is {shape}; {table.source} has {len(table.texts):,} rows, and a vector for "
            "each is needed: encode the file again."
        )
    return found


def read_vectors(path: Path) -> Vectors:
    """Read the vectors of a .npy or .safetensors file, as `encode` writes them.

    Raises:
        InputError: When it is missing, damaged or another kind of file.
    """
    try:
        with reading():
            if path.suffix == ".npy":
                mapped: Vectors = np.load(path, mmap_mode="r", allow_pickle=False)
                return mapped
            if path.suffix == ".safetensors":
                from safetensors.numpy import load_file

                read: Vectors = load_file(path)["embeddings"]
                return read
    except FileNotFoundError as error:
        raise InputError(f"No file '{path}'.") from error
    except Exception as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"'{path}' is not a file of vectors, or a damaged one ({error})."
        ) from error
    raise InputError(
        f"'{path}' is not a file of vectors: give a {' or '.join(VECTORS_ALONE)} file of `encode`."
    )


def _stacked(values: list[Any], table: TextTable) -> Vectors:
    """Return the vectors that the rows hold, lists or, of csv, their JSON."""
    found: list[NDArray[np.float32]] = []
    for value, number in zip(values, table.numbers, strict=True):
        try:
            vector = np.asarray(json.loads(value) if isinstance(value, str) else value, np.float32)
            if vector.ndim != 1 or vector.shape != (found or [vector])[0].shape:
                raise ValueError(f"{vector.size} numbers")
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{table.source}, row {number:,}: column '{EMBEDDING}' holds no vector of numbers, "
                f"or one of another width ({error}): encode the file again."
            ) from error
        found.append(vector)
    return np.stack(found)
