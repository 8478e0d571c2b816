"""The dropout that is part of an encoder."""

from typing import TYPE_CHECKING

from torch import nn

from sentemb.errors import UsageError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def set_dropout(encoder: "SentenceTransformer", rate: float) -> None:
    """Set every dropout of an encoder, of attention too, for this training.

    The encoder's config stays as it is, so the saved model has the dropout it was loaded with. The
    dropout of `Lora` is its own.

    Args:
        encoder: A sentence-transformers model.
        rate: In [0, 1].

    Raises:
        UsageError: When the rate is out of its range.
    """
    if not 0 <= rate <= 1:
        raise UsageError(f"dropout is a rate in [0, 1], got {rate}.")
    for place, module in encoder.named_modules():
        for name in _rates_of(module) if ".lora_" not in place else ():
            setattr(module, name, rate)


def dropout_rates(model: nn.Module) -> dict[str, float]:
    """Return every dropout rate in force, of attention too, by the place it is found at."""
    return {
        f"{place}.{name}": rate
        for place, module in model.named_modules()
        for name, rate in _rates_of(module).items()
    }


def _rates_of(module: nn.Module) -> dict[str, float]:
    rates = {"p": module.p} if isinstance(module, nn.Dropout) else {}
    for name, value in vars(module).items():
        if "dropout" in name and type(value) in (int, float):
            rates[name] = value
    return rates
