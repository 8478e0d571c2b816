"""`Method`: views, a twin and a loss are a training method."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from sentemb.adversary import attacked
from sentemb.errors import IdenticalViewsError
from sentemb.losses import Loss
from sentemb.losses.contrast import one_way
from sentemb.losses.mask_similar import mask_threshold
from sentemb.losses.parts import parts
from sentemb.pairs import Pairs
from sentemb.twins import Twin
from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Method(nn.Module):
    """A training method is a composition of views, a twin architecture and a loss.

    The loss is computed in float32 with autocast off, whatever the encoder runs in: at a
    temperature of 0.05 half-precision similarities are off by 0.04.

    Args:
        views: How each row is seen; for a `Siamese` twin the first is the anchor, the second the
            positive, the third the hard negative.
        twin: Embeds the views and holds every parameter.
        loss: Compares the pairs.
    """

    loss: Loss
    accepts_loss_kwargs = False  # or transformers.Trainer rescales the loss by token counts

    def __init__(self, views: Sequence[View], twin: Twin, loss: Loss) -> None:
        super().__init__()
        self.views = tuple(views)
        self.twin = twin
        vars(self)["loss"] = loss  # past nn.Module, which would register it beside its own parts
        self.learned = nn.ModuleList(p for p in parts(loss) if isinstance(p, nn.Module))
        self._views_known_to_differ = False

    @property
    def encoder(self) -> "SentenceTransformer":
        """What is deployed."""
        return self.twin.encoder

    def forward(self, views: list[Features], labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return the loss of a batch, its terms where it names them, and ``masked_negatives``.

        The last is how many candidates were not contrasted with an anchor, its positive's batch
        and all negatives counted, because of their text or their similarity.

        Args:
            views: The tokens of each view, padded to one length for all.
            labels: Class of each row, or score of each pair, shape ``[batch]``.

        Raises:
            IdenticalViewsError: When the first batch shows that both views are the same.
        """

        def pairs_of(features: Sequence[Features], seen: Sequence[View]) -> Pairs:
            return replace(self.twin(features, seen), labels=labels).float()

        seen = attacked(pairs_of, lambda pairs: self._compare(pairs)["loss"], views, self.views)
        pairs = pairs_of(views, seen)
        if not self._views_known_to_differ:
            self.require_different_views(pairs)
        return self._compare(pairs) | self._masked(pairs)

    def _masked(self, pairs: Pairs) -> dict[str, Tensor]:
        pairs = replace(pairs, mask_above=mask_threshold(self.loss))
        if (pairs.texts is None and pairs.mask_above == math.inf) or len(pairs.anchor) < 2:
            return {}
        return {"masked_negatives": one_way(pairs).masked()}

    def _compare(self, pairs: Pairs) -> dict[str, Tensor]:
        with torch.autocast(pairs.anchor.device.type, enabled=False):
            loss = self.loss(pairs)
            if isinstance(loss, Tensor):
                return {"loss": loss}
            terms = {name: term.detach() for name, term in loss.items()}
            return {"loss": torch.stack(list(loss.values())).sum(), **terms}

    def require_different_views(self, pairs: Pairs) -> None:
        """Raise if anchors and positives are equal: nothing could be learnt from them."""
        with torch.no_grad():
            difference = float((pairs.anchor - pairs.positive).abs().max())
        if difference < 1e-6:
            raise IdenticalViewsError(
                "Both views of every sentence have the same embedding "
                f"(largest difference {difference:.0e}), so there is nothing to learn. "
                + self._why_identical()
            )
        self._views_known_to_differ = True

    def _why_identical(self) -> str:
        if not cast(nn.Module, self.twin.encoder).training:
            return "The encoder is in evaluation mode, where dropout is off: call .train() first."
        dropouts = [m.p for m in self.encoder.modules() if isinstance(m, nn.Dropout)]
        if not any(dropouts):
            config = getattr(self.encoder[0], "config", None)
            names = [name for name in vars(config or object) if "drop" in name]
            return (
                f"This encoder has no dropout: set {' and '.join(names) or 'it'} to 0.1 in its "
                "config.json (or the method's own --dropout, where it has one), or use views that "
                "differ."
            )
        return "The rows of both views hold the same text, or one dropout mask serves both views."
