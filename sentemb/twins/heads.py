"""Heads that live in training only."""

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

from sentemb.encoders.poolings import initialise_as_simcse
from sentemb.errors import UsageError
from sentemb.types import Embeddings
from sentemb.values import is_whole

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Norm = Callable[[int], nn.Module]


def mlp(encoder: "SentenceTransformer") -> nn.Module:
    r"""SimCSE's head: :math:`\tanh(W h + b)`, square, freshly drawn.

    Source: Gao et al., 2021 (arXiv:2104.08821) ("MLP", used in training only).
    """
    dim = width(encoder)
    linear = nn.Linear(dim, dim).to(encoder.device)
    initialise_as_simcse(linear)
    return nn.Sequential(linear, nn.Tanh())


def batch_norm(dim: int) -> nn.Module:
    """Batch normalisation by the statistics of the batch alone: a training head has no other use.

    Source: Ioffe and Szegedy, 2015 (arXiv:1502.03167).
    """
    return nn.BatchNorm1d(dim, track_running_stats=False)


def layers(encoder: "SentenceTransformer", *widths: int, norm: Norm = batch_norm) -> nn.Sequential:
    r"""Linear layers of the given widths, with normalisation and ReLU between them.

    One width is SimCSE's line without its tanh, two are SimCLR's projector, three the one of
    SimCLR v2, Barlow Twins and VICReg.

    Args:
        encoder: Says how wide the input is, and where the head is put.
        widths: Of each layer's output.
        norm: From a width to a normalisation, as `batch_norm` or ``nn.LayerNorm``.

    Source: Chen et al., 2020, SimCLR (arXiv:2002.05709) and SimCLR v2 (arXiv:2006.10029).
    """
    return between(width(encoder), *widths, norm=norm).to(encoder.device)


def between(*widths: int, norm: Norm = batch_norm) -> nn.Sequential:
    """Linear layers from each width to the next, with normalisation and ReLU between them.

    Raises:
        UsageError: When a width is not positive.

    Source: Chen et al., 2020, SimCLR (arXiv:2002.05709).
    """
    wrong = [width for width in widths if not (is_whole(width) and width >= 1)]
    if wrong:
        raise UsageError(f"A head's layers have 1 dimension or more, got {wrong[0]!r}.")
    head: list[nn.Module] = []
    for before, after in pairwise(widths):
        if head:
            head += [norm(before), nn.ReLU()]
        head.append(nn.Linear(before, after))
    return nn.Sequential(*head)


def width(encoder: "SentenceTransformer") -> int:
    """Return how many dimensions an encoder's embeddings have."""
    dim = encoder.get_embedding_dimension()
    if dim is None:
        raise ValueError("The encoder does not report the width of its embeddings.")
    return dim


def output_width(head: nn.Module | None, encoder: "SentenceTransformer") -> int:
    """Return how many dimensions come out of a head, or of the encoder where there is none."""
    linear = [m for m in head.modules() if isinstance(m, nn.Linear)] if head is not None else []
    return linear[-1].out_features if linear else width(encoder)


def projected(head: nn.Module | None, embeddings: Embeddings) -> Embeddings:
    """Return what a head makes of embeddings, or them where there is none."""
    if head is None:
        return embeddings
    output: Embeddings = head(embeddings)
    return output
