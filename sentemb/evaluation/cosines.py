"""Cosines of pairs."""

from collections.abc import Sequence

import numpy as np

from sentemb.evaluation.cache import finite_vectors
from sentemb.evaluation.scores import Numbers
from sentemb.types import Encode, Vectors


def encoded_once(encode: Encode, *texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
    """Encode the unique texts of several lists.

    Returns:
        The vectors of the unique texts, and those of each list, in float32.

    Raises:
        NumericError: When one is not finite.
    """
    unique = list(dict.fromkeys(text for some in texts for text in some))
    vectors = finite_vectors(encode, unique)
    row = {text: number for number, text in enumerate(unique)}
    return vectors, [vectors[[row[text] for text in some]] for some in texts]


def cosine_of_pairs(x: Vectors, y: Vectors) -> Numbers:
    r"""Cosine of each row of one matrix with the same row of the other; 0 with a zero vector.

    .. math:: x_i^\top y_i / (\lVert x_i \rVert \lVert y_i \rVert)

    Equal pairs tie to the last bit: a vector has a cosine of exactly 1 with itself, none is beyond
    1, and a pair has one value wherever and whichever way round it stands.

    Example:
        >>> cosine_of_pairs(np.float32([[3, 0], [0, 0]]), np.float32([[1, 0], [1, 1]])).tolist()
        [1.0, 0.0]
    """
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    norms = np.linalg.norm(x64, axis=1) * np.linalg.norm(y64, axis=1)
    cosines: Numbers = np.zeros(len(x))
    np.divide((x64 * y64).sum(axis=1), norms, out=cosines, where=norms > 0)
    cosines[(x == y).all(axis=1) & (norms > 0)] = 1.0
    return np.clip(cosines, -1.0, 1.0)
