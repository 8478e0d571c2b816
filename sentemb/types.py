"""Names for the shapes of tensors, so that each is written once.

The annotation is the documentation; :class:`sentemb.Pairs` checks it at run time.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Embeddings = Annotated["Tensor", "[batch, dim]"]
Logits = Annotated["Tensor", "[rows, classes]"]
TokenEmbeddings = Annotated["Tensor", "[rows, tokens, dim]"]
SimilarityMatrix = Annotated["Tensor", "[batch, candidates]"]
Mask = Annotated["Tensor", "[rows, tokens], 1 for a real token"]
Features = dict[str, "Tensor"]
"""What an encoder reads: ``input_ids``, ``attention_mask``, … each ``[rows, tokens]``."""

Vectors = NDArray[np.float32]
Encode = Callable[[list[str]], Vectors]
"""Any encoder, as evaluation sees it: texts in, ``[texts, dim]`` out."""

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""What a run computes in; ``auto`` is fp16 on CUDA, as the papers, and fp32 on a CPU."""

Tracker = Literal["none", "tensorboard", "trackio", "wandb"]
"""What gets the numbers of a run, beside ``metrics.jsonl``."""
