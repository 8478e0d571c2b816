"""`summarise`: the sentences of a document, or of a cluster, that stand for all of it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sentemb.datasets.in_memory import Container
from sentemb.errors import InputError, UsageError, nearest
from sentemb.table import Report, Table, decimals
from sentemb.tasks.extractive import (
    Numbers,
    Places,
    by_centroid,
    by_lexrank,
    centroid,
    coverage,
    mmr,
)
from sentemb.tasks.reported import Reported
from sentemb.tasks.sentences import sentences_in
from sentemb.tasks.vectors import Embedded, embedded, read_table
from sentemb.values import require_at_least, require_kind

if TYPE_CHECKING:
    from sentemb.tasks.vectors import AnyEncoder

Ways = Literal["centroid", "mmr", "lexrank"]


@dataclass(frozen=True)
class Summary:
    """What stands for a document.

    Args:
        sentences: In the order of the document.
        places: Of these sentences in the document, from 0.
        coverage: Mean over all sentences of the greatest cosine with one of these.
        of: How many sentences the document has.
        group: What is summarised: a value of the column ``by``; None where it is everything.
    """

    sentences: list[str]
    places: list[int]
    coverage: float
    of: int
    group: Any = None

    def __str__(self) -> str:
        return " ".join(self.sentences)


@dataclass(frozen=True, repr=False)
class Summaries(Reported):
    """Summaries of groups of rows, or one of all.

    Args:
        each: In the order of the groups' first rows.
        by: The column that groups the rows; None where they are one document.
        model: Whose vectors were compared.
        source: Where the texts are from.
    """

    each: Sequence[Summary]
    by: str | None
    model: str
    source: str

    def __len__(self) -> int:
        """Return the number of summaries."""
        return len(self.each)

    def __iter__(self) -> Iterator[Summary]:
        """Yield the summaries."""
        return iter(self.each)

    def __getitem__(self, place: int) -> Summary:
        """Return one of the summaries."""
        return self.each[place]

    @property
    def coverage(self) -> float:
        """Mean of the summaries' coverages."""
        return float(np.mean([one.coverage for one in self.each]))

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each chosen sentence, with its group if there are several."""
        return [
            ({self.by: one.group} if self.by else {}) | {"text": sentence}
            for one in self.each
            for sentence in one.sentences
        ]

    def report(self) -> Report:
        """Return the summaries, and a record of everything."""
        record = {
            "model": self.model,
            "source": self.source,
            "by": self.by,
            "coverage": self.coverage,
            "summaries": [vars(one) for one in self.each],
        }
        notes = [line for one in self.each for line in self._shown(one)]
        if len(self.each) > 1:
            notes.append(f"{len(self):,} summaries, mean coverage {self.coverage:.2f}")
        return Report("summarise", record, [], notes, self._each_summary())

    def _shown(self, one: Summary) -> list[str]:
        heading = [] if self.by is None else [f"{self.by}: {one.group}"]
        count = f"{len(one.sentences)} of {one.of:,} sentences, coverage {one.coverage:.2f}"
        return [*heading, *one.sentences, f"({count})"]

    def _each_summary(self) -> Table:
        rows = [[one.group, str(one), decimals(4, one.coverage), one.of] for one in self.each]
        return Table([self.by or "group", "summary", "coverage", "of"], rows)


def summarise(
    data: "str | os.PathLike[str] | Container | Embedded",
    model: "AnyEncoder" = "mini-sentemb",
    *,
    sentences: int = 3,
    method: Ways = "mmr",
    balance: float = 0.5,
    by: str | None = None,
    column: str = "text",
    device: str | None = None,
    batch_tokens: int | None = None,
) -> Summaries:
    """Choose the sentences that stand for a document, or for each group of texts.

    Nothing is written anew: a summary holds sentences of the texts, in their order, each once.

    Args:
        data: Texts of any kind that `encode` reads. All are one document, unless ``by`` groups
            them; each is split into sentences, unless it comes with a vector.
        model: A bundled encoder, a folder, a hub id, a `SentenceTransformer` or an `Encoder`.
        sentences: How many to choose of each document.
        method: ``centroid`` chooses the nearest to the mean; ``mmr`` those that are near to it and
            unlike each other; ``lexrank`` those that many others are like.
        balance: Of ``mmr``, in [0, 1]: 1 is ``centroid``, less gives sentences that differ more.
        by: A column: rows with one value, as a cluster or an id, are one document.
        column: The column of the texts.
        device: As in `sentemb.load`.
        batch_tokens: As in `Encoder.encode`.

    Raises:
        UsageError: When an option is out of its range.
        InputError: When data cannot be read (names the row), or has no column ``by``.

    Example:
        >>> found = summarise(["It rains. It rains a lot. A man sings."], sentences=1)
        >>> len(found[0].sentences), found[0].of
        (1, 3)
    """
    require_kind("method", method, Ways)
    require_at_least(1, sentences=sentences)
    if not 0 <= balance <= 1:
        raise UsageError(f"balance must be in 0 to 1, got {balance}.")
    texts, groups = _sentences(data, model, column, by, device, batch_tokens)
    vectors = texts.vectors.astype(np.float64)
    each = []
    for group, rows in groups.items():
        words = [texts.texts[row] for row in rows]
        chosen = _chosen(words, vectors[rows], sentences, method, balance)
        picked = [words[place] for place in chosen]
        covered = coverage(vectors[rows], chosen)
        each.append(Summary(picked, chosen.tolist(), covered, len(words), group))
    return Summaries(each, by, texts.model, texts.source)


def _sentences(
    data: Any,
    model: "AnyEncoder",
    column: str,
    by: str | None,
    device: str | None,
    batch_tokens: int | None,
) -> tuple[Embedded, Mapping[Any, list[int]]]:
    """Return sentences with their vectors, and those of each group by its value."""
    if isinstance(data, Embedded):
        return data, _grouped(data.columns, len(data.texts), by, data.source)
    table = read_table(data, column)
    groups = _grouped(table.columns, len(table.texts), by, table.source)
    options: dict[str, Any] = {"device": device, "batch_tokens": batch_tokens}
    if table.vectors is not None:
        return embedded(data, model, column=column, **options), groups
    split = [sentences_in(text) for text in table.texts]
    starts = np.cumsum([0, *map(len, split)])
    found = embedded([one for each in split for one in each], model, **options)
    rows = {
        group: [one for row in members for one in range(starts[row], starts[row + 1])]
        for group, members in groups.items()
    }
    return Embedded(found.texts, found.vectors, found.model, {}, table.source), rows


def _grouped(
    columns: Mapping[str, list[Any]], count: int, by: str | None, source: str
) -> dict[Any, list[int]]:
    """Return the rows of each value of a column, or all as one group."""
    if by is None:
        return {None: list(range(count))}
    if by not in columns:
        raise InputError(
            f"{source} has no column '{by}' beside its texts; it has "
            f"{', '.join(columns) or 'none'}.{nearest(by, list(columns))}"
        )
    groups: dict[Any, list[int]] = {}
    for row, value in enumerate(columns[by]):
        groups.setdefault(value, []).append(row)
    return groups


def _chosen(
    sentences: Sequence[str], vectors: Numbers, count: int, method: Ways, balance: float
) -> Places:
    """Choose among the distinct sentences of a document, and put them in its order."""
    first = {text: place for place, text in reversed(list(enumerate(sentences)))}
    distinct = np.sort(np.fromiter(first.values(), np.int64, len(first)))
    inside = vectors[distinct]
    if method == "mmr":
        chosen = mmr(centroid(inside), inside, count, balance)
    else:
        chosen = (by_centroid if method == "centroid" else by_lexrank)(inside, count)
    return np.sort(distinct[chosen])
