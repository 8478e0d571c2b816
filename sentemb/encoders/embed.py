"""Embed all views of a batch in one forward."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from sentemb.errors import UsageError
from sentemb.types import Embeddings, Features, TokenEmbeddings
from sentemb.views import Perturbation

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def embed(
    encoder: "SentenceTransformer",
    views: Sequence[Features],
    perturbations: Sequence[Perturbation | None] = (),
) -> list[Embeddings]:
    """Embed several views in one forward, so that each row draws a dropout mask of its own.

    Args:
        encoder: A sentence-transformers model.
        views: The tokens of each view, padded to one length for all views.
        perturbations: What to do to each view's token embeddings; empty for nothing.

    Returns:
        One tensor ``[batch, dim]`` for each view.

    Raises:
        UsageError: When a perturbation is asked of an encoder without an embedding block.
    """
    rows = [len(view["input_ids"]) for view in views]
    stacked = {name: torch.cat([view[name] for view in views]) for name in views[0]}
    with _perturbing(encoder, perturbations, rows, stacked):
        embeddings = encoder(stacked)["sentence_embedding"]
    return list(torch.split(embeddings, rows))


@contextmanager
def _perturbing(
    encoder: "SentenceTransformer",
    perturbations: Sequence[Perturbation | None],
    rows: list[int],
    stacked: Features,
) -> Iterator[None]:
    """Perturb the output of the embedding block: after its LayerNorm and dropout, as ConSERT."""
    if not any(perturbations):
        yield
        return
    block = getattr(getattr(encoder[0], "auto_model", None), "embeddings", None)
    if block is None:
        raise UsageError(
            f"{type(encoder[0]).__name__} has no embedding block to perturb: use views without "
            "a perturbation, or a BERT-like encoder."
        )
    masks = torch.split(stacked["attention_mask"], rows)

    def hook(_module: object, _args: object, output: TokenEmbeddings) -> TokenEmbeddings:
        parts = zip(torch.split(output, rows), masks, perturbations, strict=True)
        return torch.cat([p(part, mask) if p else part for part, mask, p in parts])

    handle = block.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
