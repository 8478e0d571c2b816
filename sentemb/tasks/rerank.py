"""`rerank`: candidates of queries, scored again by a model that reads both texts at once."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from sentemb.datasets.files import text_of
from sentemb.datasets.in_memory import Container
from sentemb.datasets.roles import column_of
from sentemb.datasets.source import as_source, read_source
from sentemb.errors import InputError, nearest
from sentemb.table import Cell, Report, Table
from sentemb.tasks.pair_scores import pair_scores
from sentemb.tasks.search import shortened
from sentemb.values import require_at_least

CANDIDATES = ("query", "text")
"""Columns of the rows that `search` writes."""


def rerank(
    data: "str | os.PathLike[str] | Container | Report",
    model: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    document: str | None = None,
    k: int | None = None,
    device: str | None = None,
    batch_size: int = 64,
    max_length: int = 128,
) -> Report:
    """Sort the candidates of each query by a regression on pairs, as ``sentemb rerank`` does.

    Args:
        data: Candidates: what `search` returned or wrote, or other rows with a query and a text.
        model: What scores them: a regression on pairs, as ``finetune(..., regression=True)`` leaves
            it.
        columns: The columns of query and text; by default ``query`` and ``text``.
        document: A column: candidates of one value are chunks of one document, which has the score
            of the best of them.
        k: How many to keep of each query; by default all.
        device: As in `sentemb.load`.
        batch_size: Pairs of a forward.
        max_length: Tokens that a pair is cut to.

    Returns:
        The rows, a query's together, the best first, with their ``rank`` and ``score``; what they
        had before is ``rank_before`` and ``score_before``. Of equal scores the first stays first.

    Raises:
        UsageError: When the model gives labels.
        InputError: When a column is missing or a text is blank, names the row.
    """
    if k is not None:
        require_at_least(1, k=k)
    rows, (query, text) = _rows(data, columns, document)
    scores = pair_scores(
        model, [(row[query], row[text]) for row in rows], device, batch_size, max_length
    )
    by_query: dict[str, list[dict[str, Any]]] = {}
    for at in np.argsort(-scores, kind="stable"):
        by_query.setdefault(rows[at][query], []).append(rows[at] | {"score": float(scores[at])})
    found: list[dict[str, Any]] = []
    tables = []
    for asked in dict.fromkeys(row[query] for row in rows):
        best = _of_documents(by_query[asked], document)[:k]
        best = [row | {"rank": rank} for rank, row in enumerate(best, start=1)]
        shown = [
            [Cell(row[text], shortened(row[text])), row["score"], row.get("rank_before")]
            for row in best
        ]
        tables.append(Table([shortened(asked), "score", "rank before"], shown))
        found += best
    names = list(dict.fromkeys(name for row in found for name in row))
    values = Table(names, [[row.get(name) for name in names] for row in found])
    return Report("rerank", {"model": str(model), "k": k, "rows": found}, tables, values=values)


def _rows(
    data: "str | os.PathLike[str] | Container | Report",
    columns: Sequence[str] | None,
    document: str | None,
) -> tuple[list[dict[str, Any]], tuple[str, str]]:
    """Return rows, whose rank and score are from before, and the columns of query and text."""
    source = as_source(data["hits"] if isinstance(data, Report) else data)
    present, read = read_source(source)
    query, text = columns or [column_of(name, present) or name for name in CANDIDATES]
    for name in (query, text, *([document] if document else [])):
        if name not in present:
            raise InputError(
                f"{source} has no column '{name}'; it has {', '.join(present)}. Name those of the "
                f"query and the text with `columns`.{nearest(name, present)}"
            )
    rows = []
    for number, row in read:
        for name in (query, text):
            if not text_of(row, name, source, number).strip():
                raise InputError(f"{source}, row {number:,}: column '{name}' is blank.")
        rows.append({f"{n}_before" if n in ("rank", "score") else n: v for n, v in row.items()})
    return rows, (query, text)


def _of_documents(rows: list[dict[str, Any]], document: str | None) -> list[dict[str, Any]]:
    """Return the best row of each document, where rows are chunks of some."""
    if document is None:
        return rows
    best: dict[Any, dict[str, Any]] = {}
    for row in rows:
        best.setdefault(row[document], row)
    return list(best.values())
