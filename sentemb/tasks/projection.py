"""Vectors as points of a plane: principal components, or UMAP; maps that can be compared."""

from importlib.util import find_spec
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError, UsageError, install_command
from sentemb.types import Vectors
from sentemb.values import require_at_least, require_kind

Points = NDArray[np.float64]
Projection = Literal["pca", "umap"]
FEWEST = 3
NEIGHBOURS = 15
"""Of a text, that UMAP keeps near; umap-learn's default."""


def projected(vectors: Vectors, projection: Projection = "pca", seed: int = 0) -> Points:
    """Return a point for each vector, ``[texts, 2]``.

    Args:
        vectors: Of length 1.
        projection: ``pca``: the first two principal components, which show the large directions.
            ``umap``: neighbours stay neighbours, and distances between groups say little.
        seed: Of UMAP, and of components of large matrices.

    Raises:
        InputError: When there are fewer than three vectors, or all are the same.

    Source: McInnes, Healy and Melville, 2018 (arXiv:1802.03426), by umap-learn.
    """
    if len(vectors) < FEWEST or not np.ptp(vectors, axis=0).any():
        raise InputError(
            f"{len(vectors)} rows, or rows of one vector, make no map: give at least {FEWEST} "
            "that differ."
        )
    if projection == "umap":
        return _umap(vectors, seed)
    from sklearn.decomposition import PCA

    points: Points = PCA(2, random_state=seed).fit_transform(vectors)
    return points.astype(np.float64)


def aligned(points: Points, reference: Points) -> Points:
    """Turn and mirror points so that they lie as the same rows of another map do.

    Example:
        >>> square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]])
        >>> aligned(square[:, ::-1], square).round(6).tolist()
        [[-1.0, -0.5], [1.0, -0.5], [1.0, 0.5], [-1.0, 0.5]]
    """
    from scipy.linalg import orthogonal_procrustes

    centred = points - points.mean(axis=0)
    turned: Points = centred @ orthogonal_procrustes(centred, reference - reference.mean(axis=0))[0]
    return turned


def check_projection(projection: str, seed: int) -> None:
    """Raise unless a map can be made so; imports nothing heavy.

    Raises:
        UsageError: When a value is out of its range, or umap-learn is needed and not installed.
    """
    require_kind("projection", projection, Projection)
    require_at_least(0, seed=seed)
    if projection == "umap" and not find_spec("umap"):
        raise UsageError(
            f"`projection='umap'` needs umap-learn: {install_command('map')}; "
            "`projection='pca'` needs nothing."
        )


def _umap(vectors: Vectors, seed: int) -> Points:
    from umap import UMAP

    neighbours = min(NEIGHBOURS, len(vectors) - 1)
    fitted = UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed, n_jobs=1)
    points: Points = fitted.fit_transform(vectors).astype(np.float64)
    return points
