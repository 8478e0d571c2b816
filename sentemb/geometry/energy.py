"""Energies of pairs: how far a model keeps pairs that belong together below all others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from sentemb.errors import InputError
from sentemb.evaluation import STS
from sentemb.functional import cosine
from sentemb.geometry.corpus import MOST, Measure, finite_vectors
from sentemb.geometry.pair_metrics import positive_pairs
from sentemb.types import Embeddings, Encode, SimilarityMatrix

Numbers = NDArray[np.float64]
ROWS = 256
"""Rows of the matrix of energies that are held at once."""
BINS = 80


@dataclass(frozen=True)
class Energies:
    r"""Energies of pairs, each with the second sides of all other pairs as its negatives.

    Args:
        positive: The energy :math:`F^+` of each pair.
        negative: Mean energy :math:`F^-` of the negatives.
        free: Free energy of each pair's first side over its candidates.
        gaps: The lowest energy of a negative, less :math:`F^+`; below 0 where a negative wins.
        candidates: How many candidates each first side has, its own positive among them.
        counts: How many negatives have an energy in each of the `BINS` between −1/τ and 1/τ.
    """

    positive: Numbers
    negative: float
    free: Numbers
    gaps: Numbers
    candidates: Numbers
    counts: Numbers


def energy(x: Embeddings, y: Embeddings, temperature: float) -> SimilarityMatrix:
    r"""Energy of every pair of two vectors: low where they belong together.

    .. math:: F(x, y) = -\cos(x, y) / \tau

    Example:
        >>> energy(torch.eye(2)[:1], torch.eye(2), temperature=0.5).abs()
        tensor([[2., 0.]])
    """
    return -cosine(x, y) / temperature


def free_energy(energies: Tensor) -> Tensor:
    r"""Free energy of each row of energies: below the lowest of them.

    .. math:: A(x) = -\ln \sum_j e^{-F(x, y_j)}

    InfoNCE is the mean of :math:`F(x, y^+) - A(x)`. With the mean in the place of the sum, ln N is
    added.

    Source: LeCun et al., 2006, A Tutorial on Energy-Based Learning.

    Example:
        >>> free_energy(torch.zeros(1, 2))  # -log 2
        tensor([-0.6931])
    """
    return -(-energies).logsumexp(dim=1)


def pair_energies(
    x: Embeddings,
    y: Embeddings,
    temperature: float,
    texts: tuple[Sequence[str], Sequence[str]] | None = None,
) -> Energies:
    """Compare each pair with all others, by blocks of rows.

    Args:
        x: Vectors of the first sides.
        y: Vectors of the second sides.
        temperature: τ.
        texts: The texts of both sides. Equal texts are never negatives of each other.
    """
    first, second = _ids(texts) if texts else torch.arange(2 * len(x)).chunk(2)
    found: list[tuple[Tensor, ...]] = []
    counts, total = np.zeros(BINS), 0.0
    for start in range(0, len(x), ROWS):
        rows = torch.arange(start, min(start + ROWS, len(x)))
        block = energy(x[rows], y, temperature)
        own = block[torch.arange(len(rows)), rows]
        same = (second == second[rows, None]) | (second == first[rows, None])
        same |= first == first[rows, None]
        negatives = block.masked_fill(same, torch.inf)
        below = free_energy(torch.cat([own[:, None], negatives], dim=1))
        found.append((own, below, negatives.min(dim=1).values - own, (~same).sum(dim=1) + 1.0))
        values = block[~same].numpy()
        counts += np.histogram(values, BINS, (-1 / temperature, 1 / temperature))[0]
        total += float(values.sum())
    positive, free, gaps, candidates = (
        torch.cat(each).double().numpy() for each in zip(*found, strict=True)
    )
    return Energies(positive, total / max(counts.sum(), 1), free, gaps, candidates, counts)


def energy_metrics(
    encode: Encode, task: STS, temperature: float
) -> tuple[dict[str, Measure], Energies]:
    """Measure the energies of the pairs that are graded as alike; at most 5,000 are drawn.

    Raises:
        InputError: When fewer than two pairs are graded so, or all have one text.
    """
    sides = positive_pairs(task)
    order = np.random.default_rng(0).permutation(len(sides[0]))[:MOST]
    sides = [[side[row] for row in order] for side in sides]
    if len(order) < 2:
        raise InputError(
            f"{task.name} has {len(order)} pairs graded above {task.positive_above:g}; energies "
            "need at least 2: give more graded pairs with `sts`, or leave `energy` out."
        )
    x, y = (F.normalize(finite_vectors(encode, side), dim=1) for side in sides)
    found = pair_energies(x, y, temperature, (sides[0], sides[1]))
    if not np.isfinite(found.gaps).all():
        raise InputError(
            f"{task.name}: a pair graded above {task.positive_above:g} has no negative, because "
            "all others share a text with it: give more graded pairs with `sts`."
        )
    return _measures(found, f"pairs graded above {task.positive_above:g}"), found


def _measures(found: Energies, of: str) -> dict[str, Measure]:
    loss = float((found.positive - found.free).mean())
    low, middle, high = map(float, np.quantile(found.gaps, (0.05, 0.5, 0.95)))
    n, negatives = len(found.gaps), int(found.counts.sum())
    return {
        "energy_positive": Measure(float(found.positive.mean()), n, of),
        "energy_negative": Measure(found.negative, negatives, "other pairs of them"),
        "free_energy": Measure(float(found.free.mean()), n, of),
        "info_nce": Measure(loss, n, of),
        "information": Measure(float(np.log(found.candidates).mean()) - loss, n, of),
        "energy_gap_low": Measure(low, n, of),
        "energy_gap": Measure(middle, n, of),
        "energy_gap_high": Measure(high, n, of),
        "energy_errors": Measure(float((found.gaps < 0).mean()), n, of),
    }


def _ids(texts: tuple[Sequence[str], Sequence[str]]) -> tuple[Tensor, ...]:
    """Number distinct texts."""
    number = {text: n for n, text in enumerate(dict.fromkeys([*texts[0], *texts[1]]))}
    return tuple(torch.tensor([number[text] for text in side]) for side in texts)
