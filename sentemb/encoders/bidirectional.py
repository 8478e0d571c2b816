"""A decoder that reads in both directions: its attention without the causal mask."""

from typing import TYPE_CHECKING, Any

import torch

from sentemb.encoders.embedding import in_mode
from sentemb.encoders.hooks import name_of
from sentemb.errors import UsageError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TOLERANCE = 1e-6
"""Of the largest number in the states: rounding, where a token does not see what follows it."""


def make_bidirectional(encoder: "SentenceTransformer") -> None:
    """Let every token of a causal encoder see all others.

    ``is_causal`` of its config becomes False, which transformers builds its masks by from version 5
    on: the saved folder is a plain model that reads in both directions.

    Args:
        encoder: A sentence-transformers model of a decoder, which is changed.

    Raises:
        UsageError: When it reads in both directions already, or cannot.

    Source: BehnamGhader et al., 2024, LLM2Vec (arXiv:2404.05961), section 2.1.
    """
    model: Any = getattr(encoder[0], "auto_model", None)
    if model is None or _sees_what_follows(model):
        raise UsageError(
            f"{name_of(encoder)} reads in both directions already: leave `bidirectional` out."
        )
    model.config.is_causal = False
    if not _sees_what_follows(model):
        del model.config.is_causal
        raise UsageError(
            f"{name_of(encoder)} ({model.config.model_type}) keeps its causal mask whatever its "
            "config says: leave `bidirectional` out, and use pooling lasttoken or weightedmean."
        )


@torch.no_grad()
def _sees_what_follows(model: Any) -> bool:
    """Tell whether the first of some tokens changes with the last, beside a shorter row or not."""
    ids = torch.tensor([[3, 4, 5, 6], [3, 4, 5, 7], [3, 4, 5, 5]], device=model.device)
    shorter = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0]], device=model.device)
    with in_mode(model, training=False):
        for mask in (torch.ones_like(ids), shorter):
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
            if (states[0] - states[1]).abs().max() <= TOLERANCE * states.abs().max():
                return False
    return True
