"""What an encoder must be to be trained or exported: a transformer, in float32."""

import logging
import os
from typing import TYPE_CHECKING

import torch
from torch import nn

from sentemb.encoders.hooks import name_of
from sentemb.encoders.inspection import settle
from sentemb.errors import InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")
HALVES = (torch.float16, torch.bfloat16)


def require_transformer(
    encoder: "SentenceTransformer", model: str | os.PathLike[str], purpose: str
) -> None:
    """Raise unless an encoder begins with a transformer, whose tokens can be seen and changed.

    Args:
        encoder: A sentence-transformers model.
        model: Its name, for messages.
        purpose: What needs a transformer, as the subject of the message.

    Raises:
        InputError: When it begins with another module, such as a table of words or a router.
    """
    first = encoder[0]
    if not isinstance(getattr(first, "auto_model", None), nn.Module):
        raise InputError(
            f"Model '{os.fspath(model)}' begins with {type(first).__name__}, and {purpose} needs a "
            "transformer: give a model such as BERT, or the one that this model was made from."
        )


def made_trainable(module: nn.Module) -> None:
    """Prepare the encoders in a module that is to be trained, wherever they come from.

    Weights in half precision become float32: an optimizer's small steps would be rounded away.
    Mixed precision is a setting of training.

    Args:
        module: A method, with one encoder or several in it; changed in place.

    Raises:
        InputError: When an encoder cannot be trained; see `require_transformer`.
    """
    from sentence_transformers import SentenceTransformer

    for part in module.modules():
        if isinstance(part, SentenceTransformer):
            require_transformer(part, name_of(part), "training")
            settle(part, name_of(part))
    half = sorted({str(p.dtype) for p in module.parameters() if p.dtype in HALVES})
    if half:
        module.float()
        logger.info("The encoder's weights were %s: they are trained in float32.", ", ".join(half))
