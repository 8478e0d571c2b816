"""Any encoder as a model of MTEB, for its tasks and leaderboard."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from sentemb.errors import UsageError, install_command
from sentemb.evaluation.cosines import cosine_of_pairs
from sentemb.functional import cosine
from sentemb.types import Encode, Vectors


class MTEBModel:
    """What ``mteb.evaluate`` takes, around any encoder's bound ``encode``.

    Texts are encoded as they come, without prompts, and compared by cosine.

    Args:
        encode: From texts to vectors; `sentemb.evaluation.cache.EncodeOnce` around it encodes
            texts once that stand in several tasks.
        name: ``owner/name``, under which MTEB files the results.
        revision: Which of that name it is.

    Raises:
        UsageError: When mteb is not installed, or the name has another form.

    Source: Muennighoff et al., 2023 (arXiv:2210.07316); the protocol of mteb 2.
    """

    def __init__(self, encode: Encode, name: str, revision: str = "local") -> None:
        try:
            from mteb.models import ModelMeta
        except ImportError:
            raise UsageError(f"MTEB is an extra: {install_command('mteb')}.") from None
        if name.count("/") != 1:
            raise UsageError(f"MTEB files results under owner/name; got '{name}'.")
        self._encode = encode
        self.mteb_model_meta = ModelMeta.create_empty({"name": name, "revision": revision})

    def encode(self, inputs: Iterable[dict[str, Any]], **_: Any) -> Vectors:
        """Return a vector for each text of the batches; what MTEB says of their task is unused."""
        texts = [text for batch in inputs for text in batch["text"]]
        return np.asarray(self._encode(texts), dtype=np.float32)

    def similarity(self, first: Any, second: Any) -> torch.Tensor:
        """Return the cosine of each with each."""
        return cosine(torch.as_tensor(first), torch.as_tensor(second))

    def similarity_pairwise(self, first: Any, second: Any) -> torch.Tensor:
        """Return the cosine of each with its like."""
        return torch.from_numpy(cosine_of_pairs(np.asarray(first), np.asarray(second)))
