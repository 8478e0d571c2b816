"""PromptBERT."""

import logging
from typing import TYPE_CHECKING

from sentemb.encoders import build_encoder, describe
from sentemb.encoders.poolings import pools_mask
from sentemb.encoders.templates import mask_templates
from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Siamese, mlp
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")


def promptbert(encoder: "SentenceTransformer", temperature: float = 0.05) -> Method:
    r"""PromptBERT: a sentence is what [MASK] stands for, in two templates.

    The views are ``This sentence : "{text}" means [MASK].``, which is also read when the model is
    used, and ``This sentence of "{text}" means [MASK].``. In training, what a template gives
    without a text is subtracted; see `View`.

    Args:
        encoder: Any with a mask token; it gets ``mask`` pooling in the place of another.
        temperature: τ; raising it weighs easy negatives more.

    Raises:
        UsageError: When the encoder has no mask token, or a template already.

    Source: Jiang et al., 2022, PromptBERT (arXiv:2201.04337), and the authors' code. Deviation:
        RoBERTa gets the words of BERT.
    """
    if not pools_mask(encoder):
        logger.info("PromptBERT reads [MASK], in the place of %s.", describe(encoder))
        encoder = build_encoder(encoder, pooling="mask")
    first, second = mask_templates(encoder.tokenizer)
    return Method(
        views=(View(template=first), View(template=second)),
        twin=Siamese(encoder, projector=mlp(encoder)),
        loss=InfoNCE(temperature),
    )


PROMPTBERT = Recipe(
    promptbert,
    citation="Jiang et al., 2022, PromptBERT (arXiv:2201.04337)",
    pooling="mask",
    batch_size=256,
    learning_rate=1e-5,
    max_length=42,
)
"""Of the tokens, 10 are the template's."""
