"""The form in which vectors are wanted: their first numbers alone, their length 1."""

import numpy as np

from sentemb.errors import UsageError
from sentemb.types import Vectors
from sentemb.values import require_at_least


def require_dims(dims: int | None, width: int | None) -> None:
    """Raise unless a vector has so many numbers.

    Args:
        dims: How many are wanted; None for all.
        width: How many a vector has; None where that is not known.

    Raises:
        UsageError: When it has fewer.

    Example:
        >>> require_dims(256, 128)
        Traceback (most recent call last):
        sentemb.errors.UsageError: dims must be at most 128, the width of the model, got 256.
    """
    if dims is None:
        return
    require_at_least(1, dims=dims)
    if width is not None and dims > width:
        raise UsageError(f"dims must be at most {width}, the width of the model, got {dims}.")


def shaped(vectors: Vectors, dims: int | None = None, *, normalize: bool = False) -> Vectors:
    """Keep the first numbers of each vector, then scale it to length 1.

    A vector of zeros stays as it is.

    Args:
        vectors: ``[rows, width]``.
        dims: How many numbers to keep; by default all.
        normalize: Whether to scale.

    Raises:
        UsageError: When a vector has fewer numbers.

    Source: Kusupati et al., 2022 (arXiv:2205.13147): vectors of a Matryoshka model may be cut.

    Example:
        >>> shaped(np.array([[3.0, 4.0, 12.0]], dtype=np.float32), 2, normalize=True)
        array([[0.6, 0.8]], dtype=float32)
    """
    require_dims(dims, vectors.shape[1])
    kept = np.ascontiguousarray(vectors[:, :dims])
    if not normalize:
        return kept
    lengths = np.sqrt(np.einsum("ij,ij->i", kept, kept, dtype=np.float64))[:, None]
    scaled: Vectors = (kept / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return scaled
