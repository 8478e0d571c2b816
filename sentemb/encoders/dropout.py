"""The dropout that is part of an encoder."""

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def set_dropout(encoder: "SentenceTransformer", rate: float) -> None:
    """Set every dropout of an encoder, of attention too, for this training.

    The encoder's config stays as it is, so the saved model has the dropout it was loaded with.
    """
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = rate
        for name, value in vars(module).items():
            if "dropout" in name and isinstance(value, float):
                setattr(module, name, rate)
