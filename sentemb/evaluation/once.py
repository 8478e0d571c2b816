"""Sentences that stand in several tasks are encoded once."""

from collections.abc import Sequence

import numpy as np

from sentemb.types import Encode, Vectors


class EncodeOnce:
    """Any encoder's ``encode`` with a memory.

    Args:
        encode: From texts to vectors.

    Example:
        >>> asked = []
        >>> def encode(texts):
        ...     asked.extend(texts)
        ...     return np.array([[len(text)] for text in texts], dtype=np.float32)
        >>> once = EncodeOnce(encode)
        >>> _ = once(["a", "bb"])
        >>> once(["bb", "ccc"]).tolist(), asked
        ([[2.0], [3.0]], ['a', 'bb', 'ccc'])
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._known: dict[str, Vectors] = {}

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text; only those not seen before are encoded."""
        missing = list(dict.fromkeys(text for text in texts if text not in self._known))
        if missing:
            self._known.update(zip(missing, self._encode(missing), strict=True))
        return np.stack([self._known[text] for text in texts])
