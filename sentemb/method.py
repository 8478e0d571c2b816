"""`Method`: views, a twin and a loss are a training method."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from sentemb.adversary import attacked
from sentemb.errors import IdenticalViewsError, OutOfMemoryError, UsageError
from sentemb.losses import Loss
from sentemb.losses.combine import FollowsSteps, masked_negatives, parts, total, warnings_of
from sentemb.losses.mask_similar import mask_threshold
from sentemb.losses.unread import unread
from sentemb.pairs import Pairs
from sentemb.twins import Twin, require_twin
from sentemb.types import Embeddings, Features
from sentemb.views import Adversarial, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


logger = logging.getLogger("sentemb")

INPUTS = {
    "negatives": "the negatives (hard negatives or a queue)",
    "own": "the queue beside the hard negatives",
    "labels": "the labels",
    "clean": "the embeddings without dropout",
}
"""What pairs may hold that not every loss reads."""


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
        require_twin(twin)
        self.views = tuple(views)
        self.twin = twin
        vars(self)["loss"] = loss  # past nn.Module, which would register it beside its own parts
        self.learned = nn.ModuleList(p for p in parts(loss) if isinstance(p, nn.Module))
        self._heads = [p for p in twin.modules() if p is not twin and isinstance(p, FollowsSteps)]
        self._views_known_to_differ = False
        self._tried_inputs: set[str] = set()
        self.unread: set[str] = set()
        """What pairs hold and the loss does not read: negatives, labels, clean embeddings."""
        self.contrasts = False
        """Whether the loss had negatives in the last batch."""

    @property
    def encoder(self) -> "SentenceTransformer":
        """What is deployed."""
        return self.twin.encoder

    def forward(self, views: list[Features], labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return the loss of a batch, its terms where it names them, and ``masked_negatives``.

        The last is how many times a candidate was not contrasted with a row because of its text
        or its similarity; it is there where the loss contrasts rows. Where a twin pairs the views
        up in several ways, the loss is the mean over them.

        Args:
            views: The tokens of each view, padded to one length for all.
            labels: Class of each row, or score of each pair, shape ``[batch]``.

        Raises:
            IdenticalViewsError: When the first batch shows that both views are the same.
            UsageError: When similar candidates are to be masked, but the loss has none.
        """
        everyones = None if labels is None else self.twin.of_all_processes(labels)

        def pairings(features: Sequence[Features], seen: Sequence[View]) -> tuple[Pairs, ...]:
            found = self.twin(features, seen)
            several = found if isinstance(found, tuple) else (found,)
            taught = (self.twin.beside_teacher(pairs) for pairs in several)
            return tuple(_labelled(pairs, everyones).float() for pairs in taught)

        seen = attacked(pairings, lambda found: self._compare(found)["loss"], views, self.views)
        found = pairings(views, seen)
        if not self._views_known_to_differ:
            both = self.twin.before_predictor or (found[0].anchor, found[0].positive)
            self.require_different_views(*both)
        self._warn_of_unread(found[0])
        outputs = self._compare(found)
        counts = self._masked(found)
        self.contrasts = bool(counts)
        if not counts and mask_threshold(self.loss) < math.inf:
            raise UsageError(
                "mask_above has no effect: this loss contrasts no candidates. Leave it out."
            )
        if counts:
            outputs["masked_negatives"] = torch.stack(counts).sum()
        return outputs

    def _compare(self, found: Sequence[Pairs]) -> dict[str, Tensor]:
        with torch.autocast(found[0].anchor.device.type, enabled=False):
            losses = [self.loss(pairs) for pairs in found]
            values = torch.stack([total(loss) for loss in losses]).mean()
            terms: dict[str, Tensor] = {}
            for loss in losses:
                for name, term in loss.items() if isinstance(loss, dict) else ():
                    terms[name] = terms.get(name, 0) + term.detach() / len(losses)
            return {"loss": values, **terms}

    def taught_columns(self) -> list[str]:
        """Return the columns whose texts the twin's teacher reads."""
        return self.twin.taught_columns([view.column for view in self.views])

    def on_step_end(self, progress: float, taken: Tensor | float = 1.0) -> None:
        """Tell the twin, and losses and heads that change with the run, that a step was taken.

        Args:
            progress: Through the run, in [0, 1].
            taken: As of `Twin.on_step_end`.
        """
        self.twin.on_step_end(progress, taken)
        for part in (*self.learned, *self._heads):
            if isinstance(part, FollowsSteps):
                part.on_step_end(progress)

    def check_batch(self, rows: int) -> None:
        """Raise where a batch of so many rows, of all processes, does not fit the twin.

        Options of the loss that choose nothing among the negatives of such a batch are warned
        about.
        """
        self.twin.check_batch(rows)
        most = self.twin.most_negatives(rows, len(self.views))
        for warning in warnings_of(self.loss, most):
            logger.warning("%s", warning)

    def set_micro_batch(self, rows: int) -> None:
        """Have the encoder take so many rows at once; 0 for all.

        Raises:
            UsageError: When this twin, or one of the views, needs the whole batch.
        """
        if rows and any(isinstance(view.perturb, Adversarial) for view in self.views):
            raise UsageError(
                "An adversarial view is found with the whole batch at once: leave "
                "`micro_batch` out, or take another view."
            )
        self.twin.set_micro_batch(rows)

    def halve_micro_batch(self, batch: int) -> int:
        """Have the encoder take half as many rows at once, and return how many.

        Raises:
            UsageError: When this twin, or one of the views, needs the whole batch.
            OutOfMemoryError: When it is one row already.
        """
        rows = self.twin.micro_batch or batch
        if rows == 1:
            raise OutOfMemoryError("not even one row at a time fits.")
        self.set_micro_batch(math.ceil(rows / 2))
        return math.ceil(rows / 2)

    def _masked(self, found: Sequence[Pairs]) -> list[Tensor]:
        """Count the masked candidates of each pairing; empty where nothing is contrasted."""
        with torch.autocast(found[0].anchor.device.type, enabled=False):
            counts = [masked_negatives(self.loss, pairs) for pairs in found]
        return [count for count in counts if count is not None]

    def _warn_of_unread(self, pairs: Pairs) -> None:
        """Warn of what the loss does not read, of each kind once; a queue fills later."""
        given = {name for name in INPUTS if getattr(pairs, name, None) is not None}
        if given <= self._tried_inputs:
            return
        with torch.autocast(pairs.anchor.device.type, enabled=False):
            names = set(unread(self.loss, pairs)) - self._tried_inputs
        self.unread |= names
        self._tried_inputs |= given
        if names:
            logger.warning(
                "The loss does not read %s, so these have no effect: use a loss that needs them "
                "(docs/losses.md), or leave them out.",
                " and ".join(text for name, text in INPUTS.items() if name in names),
            )

    def require_different_views(self, first: Embeddings, second: Embeddings) -> None:
        """Raise if both views of every row are equal: nothing could be learnt from them."""
        with torch.no_grad():
            difference = float((first - second).abs().max())
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
                "config.json (or the method's own `dropout`, where it has one), or use views that "
                "differ."
            )
        return "The rows of both views hold the same text, or one dropout mask serves both views."


def _labelled(pairs: Pairs, labels: Tensor | None) -> Pairs:
    """Return pairs with the rows' labels; what the twin labelled itself stays."""
    return pairs if labels is None else replace(pairs, labels=labels)
