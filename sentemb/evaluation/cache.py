"""Sentences that stand in several tasks are encoded once."""

from collections.abc import Sequence

import numpy as np

from sentemb.errors import NumericError
from sentemb.types import Encode, Vectors


class EncodeCache:
    """Any encoder's ``encode`` with a memory.

    Args:
        encode: From texts to vectors.

    Example:
        >>> asked = []
        >>> def encode(texts):
        ...     asked.extend(texts)
        ...     return np.array([[len(text)] for text in texts], dtype=np.float32)
        >>> once = EncodeCache(encode)
        >>> _ = once(["a", "bb"])
        >>> once(["bb", "ccc"]).tolist(), asked
        ([[2.0], [3.0]], ['a', 'bb', 'ccc'])
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._known: dict[str, Vectors] = {}

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text; only those not seen before are encoded.

        Raises:
            NumericError: When a vector is not finite.
        """
        missing = list(dict.fromkeys(text for text in texts if text not in self._known))
        if missing:
            vectors = finite_vectors(self._encode, missing)
            self._known.update(zip(missing, vectors, strict=True))
        return np.stack([self._known[text] for text in texts])


def finite_vectors(encode: Encode, texts: list[str]) -> Vectors:
    """Return the vectors of texts, ``[texts, dim]`` in float32.

    Raises:
        NumericError: When a vector is not finite; names the text.
    """
    vectors = np.asarray(encode(texts), dtype=np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        text = texts[int(finite.argmin())]
        raise NumericError(
            f"The embedding of {text[:60]!r} is not finite: the model's weights are damaged."
        )
    return vectors
