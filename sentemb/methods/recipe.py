"""`Recipe`: a method with the settings that its paper trains it with."""

from collections.abc import Callable
from dataclasses import dataclass

from sentemb.encoders.poolings import PoolingName
from sentemb.method import Method

METHODS = {
    "simcse-unsup": "simcse.SIMCSE_UNSUP",
    "simcse-sup": "simcse.SIMCSE_SUP",
    "consert": "consert.CONSERT",
    "consert-sup": "consert.CONSERT_SUP",
    "esimcse": "esimcse.ESIMCSE",
    "eda": "edits.EDA_CONTRAST",
    "crop": "edits.CROP_CONTRAST",
    "supcon": "supcon.SUPCON",
    "cosent": "cosent.COSENT",
    "simcse++": "simcse.SIMCSE_PLUS_PLUS",
    "simclr": "simclr.SIMCLR",
    "simclr-v2": "simclr.SIMCLR_V2",
    "moco": "moco.MOCO",
    "moco-v2": "moco.MOCO_V2",
    "moco-v3": "moco.MOCO_V3",
    "byol": "without_negatives.BYOL",
    "simsiam": "without_negatives.SIMSIAM",
    "swav": "swav.SWAV",
    "barlow-twins": "decorrelation.BARLOW_TWINS",
    "vicreg": "decorrelation.VIC_REG",
    "two-tower": "two_tower.TWO_TOWER",
    "nsp": "next_sentence.NSP",
}
"""Names of recipes, as ``sentemb train --method`` takes them, and where each is defined."""


@dataclass(frozen=True)
class Recipe:
    """What a paper says beside its method; each setting is a default that a run may change.

    Where a paper says nothing for text, settings are those of unsupervised SimCSE, but for its
    pooling.

    Args:
        build: From an encoder to the method; its further parameters are the method's options.
        citation: The source, for the model card.
        layouts: The columns it can read, the fullest first.
        bundled_data: The file trained on where none is named.
        pooling: Pooling of a raw encoder.
        batch_size: Rows a step.
        learning_rate: Peak of the linear decay.
        epochs: Passes over the data.
        max_length: Tokens a text is truncated to in training.
        warmup: Rate of the steps that the learning rate rises over.
        weight_decay: Of AdamW.
        eval_steps: Steps between evaluations.
    """

    build: Callable[..., Method]
    citation: str
    layouts: tuple[tuple[str, ...], ...] = (("text",),)
    bundled_data: str = "sentences.txt"
    pooling: PoolingName = "mean"
    batch_size: int = 64
    learning_rate: float = 3e-5
    epochs: float = 1
    max_length: int = 32
    warmup: float = 0.0
    weight_decay: float = 0.0
    eval_steps: int = 125
