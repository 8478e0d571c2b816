"""`Recipe`: a method with the settings that its paper trains it with."""

from collections.abc import Callable
from dataclasses import dataclass

from sentemb.encoders.poolings import PoolingName
from sentemb.method import Method


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
