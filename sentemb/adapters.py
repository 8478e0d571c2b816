"""Losses across libraries: ours in the trainer of sentence-transformers, theirs in a `Method`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.losses import Loss
from sentemb.losses.checks import own_negatives
from sentemb.losses.combine import total
from sentemb.pairs import Pairs

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class ForSentenceTransformers(nn.Module):
    """One of our losses, as the trainer of sentence-transformers calls its own.

    The first column of the data set is the anchor, the second the positive, further ones are hard
    negatives. A single column is embedded twice, so that dropout makes the two views.

    Args:
        model: The model that is trained.
        loss: Any loss of `sentemb.losses`, or another function of `Pairs`.

    Example:
        >>> from sentemb import build_encoder
        >>> from sentemb.losses import InfoNCE
        >>> loss = ForSentenceTransformers(build_encoder("mini"), InfoNCE(temperature=0.05))
    """

    def __init__(self, model: "SentenceTransformer", loss: Loss) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(
        self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None
    ) -> Tensor:
        """Return the loss of a batch, a scalar.

        Args:
            sentence_features: The tokens of each column.
            labels: Class of each row, or score of each pair, shape ``[batch]``.
        """
        columns = list(sentence_features)
        columns = columns * 2 if len(columns) == 1 else columns
        anchor, positive, *negatives = (
            self.model(dict(column))["sentence_embedding"] for column in columns
        )
        pairs = Pairs(
            anchor, positive, torch.stack(negatives, dim=1) if negatives else None, labels
        )
        with torch.autocast(anchor.device.type, enabled=False):
            return total(self.loss(pairs.float()))


class FromSentenceTransformers:
    """A loss of sentence-transformers, as a `Method` calls its loss.

    Duplicates within a batch are contrasted as that loss does it.

    Args:
        loss: Made of any model: only the arithmetic on embeddings is used.

    Raises:
        UsageError: When the loss has parameters, or none of its arithmetic can be
            called on embeddings.
    """

    def __init__(self, loss: Any) -> None:
        name = type(loss).__name__
        if not hasattr(loss, "compute_loss_from_embeddings"):
            raise UsageError(
                f"{name} cannot be computed from embeddings: use a loss that has "
                "compute_loss_from_embeddings."
            )
        own = [part for part, _ in loss.named_parameters() if not part.startswith("model.")]
        if own:
            raise UsageError(
                f"{name} has trainable parameters ({own[0]}), which a Method would not train: "
                "use a loss without, or train with sentence-transformers."
            )
        self._loss = loss

    def __repr__(self) -> str:
        options: dict[str, Any] = getattr(self._loss, "get_config_dict", dict)()
        shown = ", ".join(f"{name}={value!r}" for name, value in options.items())
        return f"FromSentenceTransformers({type(self._loss).__name__}({shown}))"

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the loss, a scalar.

        Raises:
            UsageError: When the negatives are not hard negatives, so many for each row.
        """
        embeddings = [pairs.anchor, pairs.positive]
        if pairs.negatives is not None:
            own = own_negatives(pairs, self._loss)
            if (there := pairs.own_present) is not None and not there.all():
                raise UsageError(
                    "A loss of sentence-transformers takes the same number of hard negatives for "
                    "each row: fill them up, or use one of ours."
                )
            embeddings += own.unbind(dim=1)
        value: Tensor = self._loss.compute_loss_from_embeddings(embeddings, pairs.labels)
        return value
