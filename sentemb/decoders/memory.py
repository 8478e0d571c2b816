"""A memory of texts' vectors, onto which a vector is projected before it is decoded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError

EFFECTIVE = 10.0
"""Texts that a projection is made of, by the exponential of its weights' entropy."""
COOLEST, WARMEST = 1e-3, 10.0


@dataclass(frozen=True, repr=False, eq=False)
class Memory:
    r"""Project vectors onto those of texts.

    .. math:: \hat e = \frac{\sum_i w_i m_i}{\lVert \sum_i w_i m_i \rVert}, \qquad
        w = \operatorname{softmax}(m_i^\top e / \tau)

    What is left is near the texts that a decoder was trained on, wherever e is from.

    Args:
        vectors: m, of length 1, ``[texts, dim]``.
        temperature: τ.

    Raises:
        InputError: When there is no text.

    Source: Li et al., 2023, DeCap (arXiv:2303.03032). Deviation: τ is measured in the place of
        1/100, see `fitted_temperature`.
    """

    vectors: NDArray[np.floating]
    temperature: float

    def __post_init__(self) -> None:
        if not len(self.vectors):
            raise InputError("The memory of the decoder holds no text: train the decoder again.")

    def weights(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return w of each of some unit vectors, ``[rows, texts]``."""
        return _softmax(vectors @ self.vectors.T, self.temperature)

    def project(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the projections of unit vectors, at length 1, ``[rows, dim]``."""
        sums = self.weights(vectors) @ self.vectors
        unit: NDArray[np.floating] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return unit


def fitted_temperature(
    memory: NDArray[np.floating], vectors: NDArray[np.floating], effective: float = EFFECTIVE
) -> float:
    r"""Return the τ by which projections are made of about ten texts.

    .. math:: \operatorname{median} \exp H(w) = n, \qquad H(w) = -\sum_i w_i \ln w_i

    At the cosines of texts with texts, which come near 1, DeCap's 1/100 picks one text alone, and
    how far apart they are differs from encoder to encoder.

    Args:
        memory: Unit vectors of texts, ``[texts, dim]``.
        vectors: Unit vectors of other texts, ``[rows, dim]``.
        effective: n; of a smaller memory half of its texts.
    """
    wanted = min(effective, max(1.0, len(memory) / 2))
    cosines = vectors @ memory.T
    low, high = np.log(COOLEST), np.log(WARMEST)
    for _ in range(40):
        middle = (low + high) / 2
        weights = _softmax(cosines, float(np.exp(middle)))
        entropy = -(weights * np.log(np.maximum(weights, 1e-30))).sum(axis=1)
        if np.median(np.exp(entropy)) < wanted:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def _softmax(cosines: NDArray[np.floating], temperature: float) -> NDArray[np.floating]:
    exponents = (cosines - cosines.max(axis=1, keepdims=True)) / temperature
    powers = np.exp(exponents)
    weights: NDArray[np.floating] = powers / powers.sum(axis=1, keepdims=True)
    return weights
