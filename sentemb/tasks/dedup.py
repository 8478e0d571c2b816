"""`dedup`: texts that say the same, one kept of each; or texts that another set has too."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sentemb.bars import Progress
from sentemb.datasets.in_memory import Container
from sentemb.errors import UsageError
from sentemb.evaluation.cosines import cosine_of_pairs
from sentemb.table import Report, Table
from sentemb.tasks.components import (
    Rows,
    connected,
    inner_similarities,
    representatives,
    split_complete,
)
from sentemb.tasks.differences import ids_of_facts
from sentemb.tasks.nearest import pairs_above
from sentemb.tasks.reported import SHOWN, Reported, first_rows, rows_of
from sentemb.tasks.threshold import Given, Threshold, as_threshold
from sentemb.tasks.vectors import Embedded, embedded
from sentemb.values import require_kind

if TYPE_CHECKING:
    from sentemb.tasks.vectors import AnyEncoder

Keep = Literal["first", "longest", "medoid"]
Pairs = tuple[Rows, Rows, NDArray[np.float64]]
REMOVED = ("row", "text", "cosine", "of_row", "of_text")
GROUPS = ("kept_text", "rows", "smallest_cosine")


@dataclass(frozen=True, repr=False)
class Duplicates(Reported):
    """Which rows were kept, and what each other row is a duplicate of.

    Args:
        data: All rows.
        kept: Numbers of the rows that are kept, from 0, ascending.
        removed: For each other row its ``row`` (from 1) and ``text``, the ``cosine`` with the text
            that it is a duplicate of, and that one's ``of_row`` and ``of_text``.
        groups: For each group of at least two rows, the largest first, the ``kept_text``, its
            ``rows``, and the ``smallest_cosine`` of any two of them. Empty where the duplicates
            are another set's.
        threshold: The least cosine of a pair of duplicates.
        guarantee: What is known of the threshold, where it was calibrated.
        held_apart: Pairs that reach the threshold and are not duplicates, since their numbers or
            negations differ.
        column: Name of the column of texts.
    """

    data: Embedded
    kept: Rows
    removed: Table
    groups: Table
    threshold: float
    guarantee: Threshold | None
    held_apart: int
    column: str

    def __len__(self) -> int:
        """Return the number of rows that are kept."""
        return len(self.kept)

    def __iter__(self) -> Iterator[str]:
        """Yield the texts that are kept."""
        return (self.data.texts[row] for row in self.kept)

    @property
    def chains(self) -> int:
        """How many groups have two rows that are less alike than the threshold."""
        return sum(group["smallest_cosine"] < self.threshold for group in self.groups)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows that are kept, with all their columns."""
        return rows_of(self.data, self.kept, self.column)

    def report(self) -> Report:
        """Return the largest groups, or the first leaks, and a record of everything."""
        shown = self.groups if len(self.groups) else self.removed
        counts = {
            "rows": len(self.data.texts),
            "kept": len(self.kept),
            "chains": self.chains,
            "held_apart": self.held_apart,
            "threshold": self.threshold,
        }
        record = {
            "model": self.data.model,
            "source": self.data.source,
            **counts,
            "guarantee": None if self.guarantee is None else self.guarantee.record(),
            "removed": list(self.removed),
            "groups": list(self.groups),
        }
        tables = [first_rows(shown)] if len(shown) else []
        return Report("dedup", record, tables, self._notes(len(shown)), self.removed)

    def _notes(self, found: int) -> list[str]:
        notes = [f"… and {found - SHOWN:,} more"] if found > SHOWN else []
        notes.append(
            f"{len(self.data.texts):,} rows: {len(self.kept):,} kept, {len(self.removed):,} "
            f"duplicates (cosine of at least {self.threshold:.4g})"
        )
        if self.chains:
            notes.append(
                f"chains: in {self.chains:,} groups, two texts are less alike than the threshold; "
                "complete groups would split them"
            )
        if self.held_apart:
            notes.append(f"kept apart since numbers or negations differ: {self.held_apart:,} pairs")
        if self.guarantee is not None:
            notes.append(f"threshold: {self.guarantee!r}")
            if self.guarantee.of_random_pairs:
                pairs = len(self.data.texts) * (len(self.data.texts) - 1) // 2
                wrong = pairs * self.guarantee.bound
                notes.append(
                    f"of {pairs:,} pairs at most {wrong:,.1f} are wrong in expectation, if they "
                    "are as random ones"
                )
        return notes


def dedup(
    data: "str | os.PathLike[str] | Container | Embedded",
    model: "AnyEncoder" = "mini-sentemb",
    *,
    threshold: Given = 0.9,
    against: "str | os.PathLike[str] | Container | Embedded | None" = None,
    keep: Keep = "first",
    complete: bool = False,
    facts: bool = True,
    column: str = "text",
    vectors: str | os.PathLike[str] | None = None,
    device: str | None = None,
    batch_tokens: int | None = None,
) -> Duplicates:
    """Find texts that say the same, and keep one of each group.

    Pairs that reach the threshold are linked, and what links lead to is a group. Every pair of
    rows is compared, by blocks: time grows with the square of the rows, memory does not. Equal
    texts are always duplicates.

    Args:
        data: Texts of any kind that `encode` reads, with vectors or without.
        model: A bundled encoder, a folder, a hub id, a `SentenceTransformer` or an `Encoder`.
        threshold: The least cosine of duplicates; or a file, or what `calibrate` returned, which
            says how often it is wrong. 0.9 is a habit that suits no model in particular.
        against: Texts of another set, as a test set. Rows that are duplicates of one of them are
            removed; duplicates within ``data`` stay.
        keep: Which row of a group is kept: the ``first``, the ``longest``, or the ``medoid``, which
            has the greatest sum of cosines with the others.
        complete: Split groups so that any two of their rows reach the threshold, in place of
            chains.
        facts: Keep texts apart whose numbers or negations differ, however alike their vectors are;
            number words and negations are known in English.
        column: The column of the texts.
        vectors: As in `embedded`: a file of the vectors of ``data``.
        device: As in `sentemb.load`.
        batch_tokens: As in `Encoder.encode`.

    Raises:
        UsageError: When the threshold is not a cosine or another model's, or an option has no
            effect.
        InputError: When data cannot be read; names the row.

    Example:
        >>> found = dedup(["A man sings.", "It rains.", "A man sings.", "A man sings!"])
        >>> found.kept.tolist()
        [0, 1]
    """
    require_kind("keep", keep, Keep)
    if against is not None and (keep != "first" or complete):
        name = "keep" if keep != "first" else "complete"
        raise UsageError(f"`{name}` has no effect with `against`: leave one of them out.")
    options: dict[str, Any] = {"column": column, "device": device, "batch_tokens": batch_tokens}
    texts = embedded(data, model, vectors=vectors, **options)
    cosine = as_threshold(threshold, texts.model)
    least = cosine.value if isinstance(cosine, Threshold) else cosine
    if against is None:
        found = _within(texts, least, keep, complete=complete, facts=facts)
    else:
        found = _leaks(texts, embedded(against, model, **options), least, facts=facts)
    kept, removed, groups, held_apart = found
    guarantee = cosine if isinstance(cosine, Threshold) else None
    return Duplicates(texts, kept, removed, groups, least, guarantee, held_apart, column)


Found = tuple[Rows, Table, Table, int]
"""Rows that are kept, those that are not, groups, and how many pairs were held apart."""


class _Apart:
    """Leaves pairs out whose texts state other numbers, or negate more; counts them.

    Args:
        texts: That the first rows of pairs are of.
        others: That the second ones are of.
        facts: Whether to; otherwise every pair passes.
    """

    def __init__(self, texts: Sequence[str], others: Sequence[str], *, facts: bool) -> None:
        self.held = 0
        ids = ids_of_facts([*texts, *others]) if facts else np.zeros(len(texts) + len(others))
        self._ids, self._others = ids[: len(texts)], ids[len(texts) :]

    def filtered(self, pairs: Iterable[Pairs], of: int) -> Iterator[Pairs]:
        """Yield the pairs that may be duplicates, and show how far it is.

        Args:
            pairs: First and second rows, and cosines.
            of: How many first rows there are.
        """
        with Progress("comparing", of, "rows", delay=1) as progress:
            for one, other, cosines in pairs:
                alike = self._ids[one] == self._others[other]
                self.held += int((~alike).sum())
                yield one[alike], other[alike], cosines[alike]
                progress(int(one[-1]))


def _within(texts: Embedded, least: float, keep: Keep, *, complete: bool, facts: bool) -> Found:
    """Group rows by their distinct texts; equal ones are a group whatever their vectors."""
    place: dict[str, int] = {}
    number = np.array([place.setdefault(text, len(place)) for text in texts.texts])
    _, first, counts = np.unique(number, return_index=True, return_counts=True)
    distinct = list(place)
    vectors = texts.vectors if len(first) == len(number) else texts.vectors[first]
    apart = _Apart(distinct, distinct, facts=facts)
    found = apart.filtered(pairs_above(vectors, least), len(first))
    groups = connected(len(first), ((one, other) for one, other, _ in found))
    if complete:
        groups = split_complete(vectors, groups, least)
    inner = inner_similarities(vectors, groups, least, counts)
    worth = {
        "first": np.zeros(len(first)),
        "longest": np.array([float(len(text)) for text in distinct]),
        "medoid": inner.sums.round(5),  # so that a tie is one
    }
    chosen = first[representatives(groups, worth[keep])]
    of_row, sizes = chosen[groups[number]], np.bincount(groups[number])
    largest = np.argsort(-sizes, kind="stable")[: int((sizes > 1).sum())]
    shown = [
        [texts.texts[chosen[group]], int(sizes[group]), float(inner.smallest[group])]
        for group in largest
    ]
    gone = np.flatnonzero(of_row != np.arange(len(of_row)))
    return (
        np.sort(chosen),
        _removed(texts, texts, gone, of_row[gone]),
        Table(GROUPS, shown),
        apart.held,
    )


def _leaks(texts: Embedded, others: Embedded, least: float, *, facts: bool) -> Found:
    """Find the most similar text of another set for each row, where it is a duplicate."""
    place = {text: at for at, text in reversed(list(enumerate(others.texts)))}
    of_row = np.array([place.get(text, -1) for text in texts.texts])
    best = np.where(of_row >= 0, 1.0, -np.inf)
    apart = _Apart(texts.texts, others.texts, facts=facts)
    pairs = pairs_above(texts.vectors, least, against=others.vectors)
    for one, other, cosines in apart.filtered(pairs, len(best)):
        before = best[one]
        np.maximum.at(best, one, np.minimum(cosines, 1))
        better = (np.minimum(cosines, 1) == best[one]) & (best[one] > before)
        of_row[one[better][::-1]] = other[better][::-1]  # the first of equals is written last
    gone = np.flatnonzero(of_row >= 0)
    removed = _removed(texts, others, gone, of_row[gone])
    return np.flatnonzero(of_row < 0), removed, Table(GROUPS), apart.held


def _removed(texts: Embedded, others: Embedded, gone: Rows, of_row: Rows) -> Table:
    cosines = cosine_of_pairs(texts.vectors[gone], others.vectors[of_row])
    return Table(
        REMOVED,
        [
            [int(row) + 1, texts.texts[row], float(cosine), int(other) + 1, others.texts[other]]
            for row, cosine, other in zip(gone, cosines, of_row, strict=True)
        ],
    )
