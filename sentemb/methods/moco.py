"""MoCo, with a queue or with a predictor."""

from typing import TYPE_CHECKING

from torch import nn

from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import (
    ConstantMomentum,
    CosineMomentum,
    Momentum,
    MomentumPredictor,
    MomentumQueue,
    between,
    layers,
)
from sentemb.twins.heads import width
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def moco(
    encoder: "SentenceTransformer",
    queue_size: int = 4096,
    momentum: float = 0.999,
    temperature: float = 0.07,
    projection: int = 128,
) -> Method:
    """MoCo: the negatives are a queue of past positives, which a slowly moving copy embeds.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        queue_size: Past positives kept as negatives; at least a batch.
        momentum: Weight of the old copy at each step, in [0, 1].
        temperature: τ; raising it weighs easy negatives more.
        projection: Dimensions that are contrasted, after one linear layer.

    Source: He et al., 2020, MoCo (arXiv:1911.05722). Deviations: views by dropout, in the copy
        too; the queue of 65,536 is for a million images.
    """
    head = layers(encoder, projection)
    twin = _with_queue(encoder, momentum, queue_size, head)
    return Method((View(), View()), twin, InfoNCE(temperature))


def moco_v2(
    encoder: "SentenceTransformer",
    queue_size: int = 4096,
    momentum: float = 0.999,
    temperature: float = 0.2,
    projection: int = 128,
) -> Method:
    """MoCo v2: MoCo with a projector of two layers and a higher temperature.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        queue_size: Past positives kept as negatives; at least a batch.
        momentum: Weight of the old copy at each step, in [0, 1].
        temperature: τ; raising it weighs easy negatives more.
        projection: Dimensions that are contrasted.

    Source: Chen et al., 2020, MoCo v2 (arXiv:2003.04297). Deviation: views by dropout.
    """
    head = layers(encoder, width(encoder), projection, norm=nn.Identity)
    twin = _with_queue(encoder, momentum, queue_size, head)
    return Method((View(), View()), twin, InfoNCE(temperature))


def moco_v3(
    encoder: "SentenceTransformer",
    momentum: float = 0.99,
    temperature: float = 0.2,
    projection: int = 128,
) -> Method:
    """MoCo v3: no queue; each view predicts what the copy makes of the other, among the batch.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        momentum: Weight of the old copy at the first step, in [0, 1]; it rises to 1.
        temperature: τ; raising it weighs easy negatives more.
        projection: Dimensions that are contrasted.

    Source: Chen et al., 2021, MoCo v3 (arXiv:2104.02057), algorithm 1. Deviations: views by
        dropout; the loss is the mean of both directions, not 2τ times their sum; no batch
        normalisation of the heads' outputs.
    """
    hidden = 4 * width(encoder)
    twin = MomentumPredictor(
        encoder,
        CosineMomentum(momentum),
        projector=layers(encoder, hidden, hidden, projection),
        predictor=between(projection, hidden, projection).to(encoder.device),
    )
    return Method((View(), View()), twin, InfoNCE(temperature))


def _with_queue(
    encoder: "SentenceTransformer", momentum: float, queue_size: int, projector: nn.Module
) -> Momentum:
    """Return MoCo's twin; without a queue, negatives are the batch's own."""
    schedule = ConstantMomentum(momentum)
    if not queue_size:
        return Momentum(encoder, schedule, projector)
    return MomentumQueue(encoder, schedule, queue_size, projector)


MOCO = Recipe(
    moco,
    citation="He et al., 2020, MoCo (arXiv:1911.05722)",
)

MOCO_V2 = Recipe(
    moco_v2,
    citation="Chen et al., 2020, MoCo v2 (arXiv:2003.04297)",
)

MOCO_V3 = Recipe(
    moco_v3,
    citation="Chen et al., 2021, MoCo v3 (arXiv:2104.02057)",
)
