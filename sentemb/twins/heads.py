"""Heads that live in training only."""

from typing import TYPE_CHECKING

from torch import nn

from sentemb.encoders.poolings import initialise_as_simcse

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def mlp(encoder: "SentenceTransformer") -> nn.Module:
    r"""SimCSE's head: :math:`\tanh(W h + b)`, square, freshly drawn.

    Source: Gao et al., 2021 (arXiv:2104.08821) ("MLP", used in training only).
    """
    dim = encoder.get_embedding_dimension()
    if dim is None:
        raise ValueError("The encoder does not say how wide its embeddings are.")
    linear = nn.Linear(dim, dim).to(encoder.device)
    initialise_as_simcse(linear)
    return nn.Sequential(linear, nn.Tanh())
