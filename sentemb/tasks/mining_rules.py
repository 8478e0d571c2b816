"""Which of a query's neighbours are taken as hard negatives."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import UsageError
from sentemb.tasks.nearest import Ids
from sentemb.values import is_number, require_at_least, require_kinds_of_fields

Scores = NDArray[np.float64]
MARGINS = ("absolute_margin", "relative_margin")
BOUNDS = ("max_score", "min_score")


@dataclass(frozen=True)
class MiningRules:
    r"""Which of a query's neighbours are taken as hard negatives.

    A neighbour of score s is dropped, p being the lowest score of the query's positives, where

    .. math:: s + m_\mathrm{abs} > p,\quad s > p - |p|\, m_\mathrm{rel},\quad
        s > s_\mathrm{max},\quad s < s_\mathrm{min}

    Args:
        n: Negatives of a row, at most.
        range_min: The first rank that is taken, from 0.
        range_max: The rank behind the last; by default so that n can be found, ten times as many
            where a margin or a bound is set.
        absolute_margin: How much less than the positive's a negative's score must be.
        relative_margin: The same as a share of the positive's score: with 0.05 a negative has at
            most 95 % of it.
        max_score: The greatest score of a negative.
        min_score: The least score of a negative.
        sampling: ``top`` takes the best in the range of ranks, ``random`` draws from it.
        ranks: Whether ranks are counted among the ``survivors`` of margins and bounds, or among
            ``all`` neighbours but the positives.

    Raises:
        UsageError: When a value is not allowed.

    Source: sentence-transformers' ``mine_hard_negatives``; the relative margin is NV-Retriever's
        (Moreira et al., 2024, arXiv:2407.15831), whose rule s ≤ 0.95 p fails for p < 0.
    """

    n: int = 3
    range_min: int = 0
    range_max: int | None = None
    absolute_margin: float | None = None
    relative_margin: float | None = None
    max_score: float | None = None
    min_score: float | None = None
    sampling: Literal["top", "random"] = "top"
    ranks: Literal["survivors", "all"] = "survivors"

    def __post_init__(self) -> None:
        require_kinds_of_fields(self)
        require_at_least(1, n=self.n)
        require_at_least(0, range_min=self.range_min)
        if self.range_max is not None:
            require_at_least(self.range_min + 1, range_max=self.range_max)
        for name in MARGINS:
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise UsageError(f"{name} must be at least 0, got {value}.")

    @property
    def compare(self) -> bool:
        """Whether scores are compared with anything, so that a neighbour may be dropped."""
        return any(is_number(getattr(self, name)) for name in (*MARGINS, *BOUNDS))

    def last(self, positives: int) -> int:
        """Return the rank behind the last that is taken, for a query with so many positives."""
        wanted = 10 * self.n if self.compare else self.n
        return self.range_max or self.range_min + wanted + positives

    def chosen(
        self,
        ids: Ids,
        scores: Scores,
        positive: float,
        never: Collection[int],
        positives: int,
        random: np.random.Generator,
    ) -> tuple[Ids, Counter[str]]:
        """Return the negatives of a query, the best first, and how many each rule dropped.

        Args:
            ids: Of its neighbours.
            scores: Of its neighbours.
            positive: The lowest score of its positives.
            never: Ids that are never negatives: the positives, and the query itself.
            positives: How many positives it has.
            random: Draws, where negatives are drawn.
        """
        order = np.lexsort((ids, -scores))
        kept = order[~np.isin(ids[order], list(never))]
        dropped = Counter({"positives": len(order) - len(kept)})
        ranks = slice(self.range_min, self.last(positives))
        if self.ranks == "all":
            kept = kept[ranks]
        for name, drops in self._rules(positive):
            wrong = drops(scores[kept])
            dropped[name] += int(wrong.sum())
            kept = kept[~wrong]
        if self.ranks == "survivors":
            kept = kept[ranks]
        if self.sampling == "random" and len(kept) > self.n:
            kept = kept[np.sort(random.choice(len(kept), self.n, replace=False))]
        return ids[kept[: self.n]], dropped

    def _rules(self, p: float) -> Iterator[tuple[str, Callable[[Scores], NDArray[np.bool_]]]]:
        absolute, relative = self.absolute_margin, self.relative_margin
        greatest, least = self.max_score, self.min_score
        if absolute is not None:
            yield "absolute_margin", lambda s: s + absolute > p
        if relative is not None:
            yield "relative_margin", lambda s: s > p - abs(p) * relative
        if greatest is not None:
            yield "max_score", lambda s: s > greatest
        if least is not None:
            yield "min_score", lambda s: s < least
