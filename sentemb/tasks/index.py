"""`index`: a file of texts to an index that `search` reads."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.datasets.in_memory import Container
from sentemb.encoders.chunking import Chunk
from sentemb.encoding.kept_columns import array_of, as_json, columns_of
from sentemb.encoding.output_file import spans_file
from sentemb.errors import InputError, UsageError
from sentemb.storage import check_output
from sentemb.tasks.approximate import (
    FIRST_PASSES,
    FirstPass,
    SearchMethod,
    measure_recall,
)
from sentemb.tasks.beside import Beside, encoded_beside
from sentemb.tasks.beyond_text import distinct, signal_table, signal_vectors
from sentemb.tasks.graph import Graph, require_usearch
from sentemb.tasks.index_files import OF_CHUNKS, RECORD, Index, is_index
from sentemb.tasks.vectors import (
    Embedded,
    TextTable,
    read_table,
    require_made_by,
    unit_vectors,
)
from sentemb.types import Vectors
from sentemb.values import require_kind

if TYPE_CHECKING:
    import pyarrow

    from sentemb.encoder import Encoder
    from sentemb.modalities.cells import Modality
    from sentemb.tasks.vectors import AnyEncoder

LARGE = 1_000_000
"""More texts than that are searched by a graph, unless another method is named."""
logger = logging.getLogger("sentemb")


def index(
    data: str | os.PathLike[str] | Container,
    output: str | os.PathLike[str],
    model: "AnyEncoder | None" = None,
    *,
    column: str | None = None,
    vectors: str | os.PathLike[str] | Vectors | None = None,
    method: SearchMethod | None = None,
    add: bool = False,
    device: str | None = None,
    batch_tokens: int | None = None,
    batch_size: int | None = None,
    prompt_name: str | None = None,
    chunk: str | None = None,
    modality: "Modality | None" = None,
    overwrite: bool = False,
) -> Index:
    """Make an index of texts, as ``sentemb index`` does; an interrupted one continues.

    Each distinct text is encoded and found once, with the number of its rows; of long texts, each
    chunk is, as a part of its row. Called again with the same rows, nothing is done; with other
    rows, the difference is an error. What was encoded before an interruption is kept beside the
    output until the index is whole.

    Args:
        data: Texts, as `sentemb.tasks.vectors.embedded` reads them: vectors that the rows have are
            not made again.
        output: Folder of the index.
        model: What encodes them; by default ``mini-sentemb``, and with ``add`` the index's own.
        column: The column of the texts; by default ``text``, and with ``add`` the index's own.
        vectors: Of the rows: a .npy or .safetensors file that `encode` wrote, or an array.
        method: How the index is searched: ``exact`` compares a query with every text, ``int8`` with
            a byte of each number first, ``binary`` with a bit of it, ``hnsw`` follows a graph. The
            last three rank what they find by the exact vectors; what they miss is measured on a
            sample. By default ``exact`` up to a million texts, and ``hnsw`` above.
        add: Add the rows to the index that is there.
        device: As in `sentemb.load`.
        batch_tokens: As in `Encoder.encode`.
        batch_size: As in `Encoder.encode`.
        prompt_name: Of the prompt before the texts; by default the model's prompt for documents,
            see `Encoder.prompt_of`, and with ``add`` the index's own.
        chunk: Cut texts into chunks, as in `Encoder.encode_file`; with ``add`` as the index's own.
            The rows of the index are chunks then, with the columns ``document``, the number of
            their row, ``start``, ``end`` and ``tokens``.
        modality: ``picture`` or ``sound``: what the rows hold in the place of texts, as in
            `Encoder.encode_file`. Texts find them, and others of their kind.
        overwrite: Replace an index that is there.

    Raises:
        UsageError: When the output exists with other rows, or the method is unknown or needs a
            package.
        InputError: When the data cannot be read, a text is blank, or vectors are another model's.
        InterruptedRunError: When SIGINT or SIGTERM came; what was encoded is kept.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     index(["A cat.", "A dog.", "A cat."], f"{folder}/pets.index")
        Index(3 rows, 2 distinct texts, 192 numbers each by mini-sentemb, exact search)
    """
    require_kind("method", method, SearchMethod | None)
    path = Path(output)
    before = _before(path, add=add, overwrite=overwrite)
    named = model if model is not None else before.model if before else "mini-sentemb"
    column = column or (before.column if before else "text")
    chunk = chunk if chunk is not None or before is None else before.chunk
    from sentemb.modalities.cells import modality_of

    modality = modality or modality_of(data)
    if modality is not None:
        encoder = _loaded(named, device)
        table, hashes = signal_table(data, encoder, modality, column, vectors, chunk)
    else:
        table, hashes = read_table(data, column, vectors), []
        if chunk is not None:
            _check_chunk(chunk, table, column)
        encoder = _loaded(named, device)
    rows, beside = _json_rows(table, column), path.with_name(f"{path.name}.vectors.npy")
    digest = _digest([*rows, *hashes], table.vectors)
    found = {"source": table.source, "rows": len(rows), "sha256": digest}
    prompt = before.prompt if before is not None else encoder.prompt_of("document", prompt_name)
    if before is not None:
        asked = prompt if prompt_name is None else encoder.prompt_of("document", prompt_name)
        _require_same(before, encoder, column, method, asked, chunk)
        if found["sha256"] in [one["sha256"] for one in before.inputs]:
            logger.info("%s holds these rows already: nothing is done.", path)
            _remove(beside)
            return before
        if not add:
            raise _other_rows(path, before, found)
        if modality is not None:  # a picture of the same name is another picture
            table = replace(table, texts=distinct(table.texts, before.texts))
            rows = _json_rows(table, column)
    how = {"batch_tokens": batch_tokens, "batch_size": batch_size, "prompt": prompt, "chunk": chunk}
    if chunk is not None:
        table = _in_chunks(table, encoder, beside, before, how)
        rows, new = _json_rows(table, column), table.texts
    else:
        known = set(before.texts if before else ())
        new = [text for text in dict.fromkeys(table.texts) if text not in known]
    method = method or (before.method if before else _method_for(len(new)))  # type: ignore[assignment]
    if method == "hnsw":
        require_usearch()
    towers = dict(before.towers) if before else {}
    if modality is not None:
        from sentemb.encoding.fingerprint import fingerprint  # torch

        made_by_tower = signal_vectors(data, encoder, modality, column, beside, hashes)
        table = replace(table, vectors=made_by_tower)
        towers[modality] = fingerprint(encoder.tower(modality))
    made = Index(
        rows=_table(rows, table.source, before),
        column=column,
        vectors=_vectors_of(new, table, encoder, beside, before, how, modality is not None),
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        method=method or "exact",
        prompt=prompt,
        chunk=chunk,
        inputs=[*(before.inputs if before else ()), found],
        towers=towers,
    )
    unfinished = Beside(path.with_name(f"{path.name}.graph.usearch"), made.record)
    made = _with_first_pass(made, before, unfinished)
    made.save(path, overwrite=overwrite or before is not None)
    _remove(beside)
    unfinished.remove()
    return replace(made, path=path)


def _loaded(model: "AnyEncoder", device: str | None) -> "Encoder":
    from sentemb.encoder import load  # torch: mistakes of texts are told of without it

    return load(model, device)


def index_of(data: Embedded, column: str, encoder: "Encoder") -> Index:
    """Return an index in memory, which is searched exactly.

    Args:
        data: Texts with their vectors.
        column: What the column of texts is called.
        encoder: What made the vectors.
    """
    first = _first_rows(list(dict.fromkeys(data.texts)), data.texts)
    rows = _table(_json_rows(data, column), data.source, None)
    vectors, prompt = data.vectors[first], encoder.prompt_of("document")
    return Index(rows, column, vectors, encoder.name, encoder.fingerprint, prompt=prompt)


def _before(path: Path, *, add: bool, overwrite: bool) -> Index | None:
    """Return the index that is there, if it is to stay."""
    if add and overwrite:
        raise UsageError("`add` keeps an index, and `overwrite=True` replaces it: give one.")
    if is_index(path) and not overwrite:
        return Index.open(path)
    if add:
        raise UsageError(f"There is no index '{path}' to add to: make it without `add=True`.")
    check_output(path, RECORD, overwrite=overwrite)
    return None


def _require_same(
    before: Index,
    encoder: "Encoder",
    column: str,
    method: str | None,
    prompt: str | None,
    chunk: str | None,
) -> None:
    """Raise where an index is asked to be another than it is."""
    for name, is_other, of_index, given in (
        ("model", not before.is_of(encoder), before.model, encoder.name),
        ("column", before.column != column, before.column, column),
        ("method", method not in (None, before.method), before.method, method),
        ("prompt", prompt != before.prompt, before.prompt, prompt),
        ("chunk", chunk != before.chunk, before.chunk, chunk),
    ):
        if is_other:
            changed = f"'{of_index}'" + ("" if given != of_index else ", which has changed since")
            raise UsageError(
                f"Index '{before.path}' was made with {name} {changed}; got '{given}': give the "
                "same, or replace the index with `overwrite=True`."
            )


def _other_rows(path: Path, before: Index, found: dict[str, Any]) -> UsageError:
    made_of = ", ".join(f"{one['rows']:,} of {one['source']}" for one in before.inputs)
    return UsageError(
        f"Index '{path}' holds other rows ({made_of}) than {found['source']} has now "
        f"({found['rows']:,}): add them with `add=True`, or replace it with `overwrite=True`."
    )


def _json_rows(table: TextTable | Embedded, column: str) -> list[str]:
    names = [column, *table.columns]
    values = zip(table.texts, *table.columns.values(), strict=True)
    return [as_json(dict(zip(names, row, strict=True))) for row in values]


def _digest(rows: Sequence[str], vectors: Vectors | None) -> str:
    """Return a hash of rows, and of vectors that came with them."""
    found = hashlib.sha256()
    for row in rows:
        found.update(row.encode() + b"\n")
    if vectors is not None:
        found.update(np.ascontiguousarray(vectors, dtype="<f4").data)
    return found.hexdigest()


def _table(rows: Sequence[str], source: str, before: Index | None) -> "pyarrow.Table":
    """Return rows as they are kept, behind those of an index."""
    import pyarrow

    read = [json.loads(row) for row in rows]
    kinds = columns_of([read])
    made = pyarrow.table({n: array_of([row[n] for row in read], k) for n, k in kinds.items()})
    if before is None:
        return made
    try:
        return pyarrow.concat_tables([before.rows, made], promote_options="permissive")
    except pyarrow.ArrowException as error:
        said = str(error).partition("\n")[0]
        raise InputError(
            f"{source}: a column holds values of another kind than in '{before.path}' ({said}): "
            "change it, or make another index."
        ) from error


def _method_for(texts: int) -> SearchMethod:
    return "exact" if texts <= LARGE else "hnsw"


def _first_rows(texts: Sequence[str], rows: Sequence[str]) -> list[int]:
    """Return the first row of each text."""
    places = {text: at for at, text in reversed(list(enumerate(rows)))}
    return [places[text] for text in texts]


def _vectors_of(
    new: Sequence[str],
    table: TextTable,
    encoder: "Encoder",
    beside: Path,
    before: Index | None,
    how: dict[str, Any],
    made_by_tower: bool,
) -> Vectors:
    """Return the vectors of all distinct texts, those of an index first."""
    dim = before.vectors.shape[1] if before is not None else None
    if not new:
        assert before is not None  # noqa: S101 -- there is a row
        return before.vectors
    if table.vectors is None:
        made = encoded_beside(new, encoder, beside, {"dims": dim, **how})
    elif how["chunk"] is not None:
        made = table.vectors
    else:
        if not made_by_tower:
            require_made_by(encoder, table, how["prompt"])
        made = unit_vectors(table)[_first_rows(new, table.texts)]
    if before is None:
        return made
    if made.shape[1] != dim:
        raise InputError(
            f"The vectors of {table.source} have {made.shape[1]} numbers, those of index "
            f"'{before.path}' {dim}: encode them with the same model and `dims`."
        )
    return np.concatenate([before.vectors, made])


def _check_chunk(chunk: str, table: TextTable, column: str) -> None:
    Chunk.parse(chunk)
    if table.vectors is not None:
        raise UsageError(
            f"`chunk` cuts texts, and {table.source} has vectors of whole ones: leave out one of "
            "them."
        )
    if clash := next((name for name in OF_CHUNKS if name in (column, *table.columns)), None):
        raise InputError(
            f"{table.source} has a column '{clash}', as chunks have: rename it, or leave `chunk` "
            "out."
        )


def _in_chunks(
    table: TextTable, encoder: "Encoder", beside: Path, before: Index | None, how: dict[str, Any]
) -> TextTable:
    """Return the chunks of texts as rows, with their vectors, of length 1."""
    dim = before.vectors.shape[1] if before is not None else None
    vectors = encoded_beside(table.texts, encoder, beside, {"dims": dim, **how})
    found = np.load(spans_file(beside))
    places = (found[:, 0] - 1).tolist()
    columns = {name: [values[at] for at in places] for name, values in table.columns.items()}
    documents, starts, ends, tokens = found.T.tolist()
    earlier = before.documents if before is not None else 0
    columns |= zip(OF_CHUNKS, ([earlier + n for n in documents], starts, ends, tokens), strict=True)
    texts = [table.texts[at][a:b] for at, a, b in zip(places, starts, ends, strict=True)]
    return replace(table, texts=texts, columns=columns, vectors=vectors)


def _remove(beside: Path) -> None:
    """Remove vectors that were kept for an index, and their record."""
    Beside(beside).remove()
    spans_file(beside).unlink(missing_ok=True)


def _with_first_pass(made: Index, before: Index | None, unfinished: Beside) -> Index:
    """Build the first pass of a search that is not exact, and measure what it finds."""
    if made.method not in FIRST_PASSES:
        return made
    known = before.first if before is not None else None
    first: FirstPass
    if made.method == "hnsw":
        first = Graph.of(made.vectors, known, unfinished)  # type: ignore[arg-type]
    else:
        first = FIRST_PASSES[made.method].of(made.vectors, known)  # type: ignore[arg-type]
    recall = measure_recall(first, made.vectors)
    return replace(made, first=first, recall=asdict(recall) if recall else None)
