"""Pictures and sounds where tasks take texts: rows of an index, and parts of a query."""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sentemb.datasets.source import as_source
from sentemb.encoding.kept_columns import EMBEDDING
from sentemb.errors import InputError, UsageError
from sentemb.inference.shaping import shaped
from sentemb.modalities.cells import SUFFIXES_OF
from sentemb.tasks.beside import vectors_beside
from sentemb.tasks.vectors import Embedded, TextTable
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentemb.encoder import Encoder
    from sentemb.modalities.cells import Modality
    from sentemb.modalities.tower_encoder import TowerEncoder

KINDS: dict[str, "Modality | None"] = {
    "text": None, "image": "picture", "picture": "picture", "audio": "sound", "sound": "sound",
}  # fmt: skip
"""What stands before the colon of a part of a query."""
PREFIXED = " Before each part stands image:, audio: or text:."
PART = re.compile(rf"({'|'.join(KINDS)}):")


class QueryPart(NamedTuple):
    """A part of a query.

    Args:
        sign: 1, or −1 for what is taken away.
        modality: Of what is named; None of a text.
        value: The text, or the name of the file.
    """

    sign: int
    modality: "Modality | None"
    value: str


def parts_of(query: str) -> list[QueryPart]:
    """Read a query: a text, or parts with ``image:``, ``audio:`` or ``text:`` before each.

    Between two parts stands `` + `` or `` - ``.

    Raises:
        InputError: When a part is blank.

    Example:
        >>> parts_of("a red bus")
        [QueryPart(sign=1, modality=None, value='a red bus')]
        >>> [part.value for part in parts_of("image:dog.png + text:beach")]
        ['dog.png', 'beach']
    """
    if not PART.match(query):
        return [QueryPart(1, None, query)]
    words = re.split(rf" ([+-]) (?={PART.pattern})", query)
    signs, pieces = ["+", *words[1::3]], words[0::3]
    found = []
    for sign, piece in zip(signs, pieces, strict=True):
        kind, _, value = piece.partition(":")
        if not value.strip():
            raise InputError(f"Query '{query}': there is nothing behind '{kind}:'.")
        found.append(QueryPart(1 if sign == "+" else -1, KINDS[kind], value.strip()))
    return found


def query_vectors(
    queries: Sequence[str], encoder: "Encoder", dims: int, prompt: str | None = None
) -> Vectors:
    r"""Return a vector of length 1 for each query, ``[queries, dims]``.

    .. math:: q = \frac{\sum_i \pm u_i}{\lVert \sum_i \pm u_i \rVert}

    where each u is the vector of a part at length 1: without that, a modality whose vectors are
    longer would decide alone.

    Args:
        queries: Each a text, or as ``image:dog.png + text:beach``; see `parts_of`.
        encoder: Of the texts; its towers are loaded where a query needs one.
        dims: Numbers of a vector.
        prompt: What is put before texts.

    Raises:
        InputError: When a file cannot be read, or the model does not read its modality; when the
            parts of a query cancel each other.
    """
    parts = [_parts_for(encoder, query) for query in queries]
    texts = list(dict.fromkeys(p.value for each in parts for p in each if p.modality is None))
    words: Any = encoder.encode(texts, dims=dims, normalize=True, prompt=prompt) if texts else []
    known: dict[tuple[Any, str], Vectors] = {
        (None, t): v for t, v in zip(texts, words, strict=True)
    }
    towers: dict[str, TowerEncoder] = {}
    for each in parts:
        for part in each:
            if part.modality is None or part[1:] in known:
                continue
            if part.modality not in towers:
                towers[part.modality] = encoder.tower(part.modality)
            try:
                known[part[1:]] = towers[part.modality].encode([Path(part.value)])[0, :dims]
            except InputError as error:
                hint = PREFIXED if re.search(r" [+-]( |$)", part.value) else ""
                raise InputError(
                    f"Query part '{part.value}': {error.__cause__ or error}.{hint}"
                ) from error
    sums = [sum(part.sign * _unit(known[part[1:]]) for part in each) for each in parts]
    found = np.stack(sums).astype(np.float32)
    for query, vector in zip(queries, found, strict=True):
        if not np.linalg.norm(vector) > 1e-6:
            raise InputError(f"Query '{query}': its parts cancel each other.")
    unit: Vectors = shaped(found, normalize=True)
    return unit


def _parts_for(encoder: "Encoder", query: str) -> list[QueryPart]:
    """Read a query; for a model of texts alone it is a text, unless it names a file."""
    parts = parts_of(query)
    names_file = any(
        part.modality and Path(part.value).suffix.lower() in SUFFIXES_OF[part.modality]
        for part in parts
    )
    return parts if names_file or encoder.modalities() else [QueryPart(1, None, query)]


def _unit(vector: Vectors) -> Any:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def signal_table(
    data: Any,
    encoder: "Encoder",
    modality: "Modality",
    column: str,
    vectors: object = None,
    chunk: str | None = None,
) -> tuple[TextTable, list[str]]:
    """Return the names of pictures or sounds in the place of texts, and a hash of what each holds.

    Nothing is encoded; `signal_vectors` does that.

    Args:
        data: A folder, or a table of them.
        encoder: Of a model with a tower of them.
        modality: What they are.
        column: Of the table; ``text`` for the first of the usual names. What the table itself has
            in a column ``text`` is called ``row_text``, as in hits.
        vectors: Not of these.
        chunk: Not of these.

    Raises:
        UsageError: When ``vectors`` or ``chunk`` is given.
        InputError: When a row holds none; names the row.
    """
    if vectors is not None or chunk is not None:
        raise UsageError(f"`vectors` and `chunk` are of texts, not of {modality}s: leave them out.")
    own, tower = None if column == "text" else column, encoder.tower(modality)
    found = []
    for row in tower.rows_of(as_source(data), own):
        tower.pending.clear()
        found.append(row)
    rows = [row.columns for row in found]
    columns = _columns(rows)
    columns.pop(EMBEDDING, None)
    names, own_values = _names(rows), columns.pop(column, None)
    if own_values not in (None, names) and own is None:
        columns[f"row_{column}"] = own_values
    numbers = list(range(1, len(rows) + 1))
    table = TextTable(names, numbers, columns, str(as_source(data)))
    return table, [row.text.rpartition(" ")[2] for row in found]


def signal_vectors(
    data: Any,
    encoder: "Encoder",
    modality: "Modality",
    column: str,
    file: Path,
    hashes: Sequence[str],
) -> Vectors:
    """Return a tower's vectors of all rows, from a file that is kept until its user is done.

    Args:
        data: As of `signal_table`.
        encoder: As of `signal_table`.
        modality: As of `signal_table`.
        column: As of `signal_table`.
        file: A .npy file; an interrupted call continues with it.
        hashes: As `signal_table` returns them.

    Raises:
        InputError: When one cannot be read; names the row.
    """
    from sentemb.encoding.fingerprint import fingerprint  # torch

    digest = sha256("".join(hashes).encode()).hexdigest()
    made_of = {"signals": digest, "model": fingerprint(encoder.tower(modality))}
    how: dict[str, Any] = {"column": column, "modality": modality, "normalize": True}
    return vectors_beside(
        file, made_of, lambda: encoder.encode_file(data, file, overwrite=True, **how)
    )


def distinct(names: Sequence[str], taken: Iterable[str] = ()) -> list[str]:
    """Return names of which none comes twice: further ones have their row behind them.

    Args:
        names: One a row.
        taken: Names that none of them may have.

    Example:
        >>> distinct(["a", "b", "a"])
        ['a', 'b', 'a (row 3)']
    """
    seen = set(taken)
    found = []
    for row, name in enumerate(names, start=1):
        one, more = name, 1
        while one in seen:
            one = f"{name} (row {row})" if more == 1 else f"{name} (row {row}, {more})"
            more += 1
        found.append(one)
        seen.add(one)
    return found


def signals_embedded(data: Any, encoder: "Encoder", modality: "Modality", column: str) -> Embedded:
    """Return pictures or sounds with their unit vectors, named as texts are.

    Args:
        data: A folder, or a table of them.
        encoder: Of a model with a tower of them.
        modality: What they are.
        column: Of the table; ``text`` for the first of the usual names.
    """
    rows, made = encoder.tower(modality).of_source(data, None if column == "text" else column)
    columns = _columns(rows)
    if len(named_by := {next(iter(row)) for row in rows}) == 1:
        columns.pop(*named_by)
    return Embedded(_names(rows), made, encoder.name, columns, str(as_source(data)))


def _names(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the names of pictures or sounds, which stand first in their rows."""
    return distinct([str(row[next(iter(row))]) for row in rows])


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns that some of the rows have."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
