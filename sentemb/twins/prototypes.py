"""`Prototypes`: what views are shared out among, in SwAV."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.heads import output_width, projected
from sentemb.twins.queue import Queue
from sentemb.twins.twin import EncoderTwin, need_two_views, text_ids
from sentemb.types import Embeddings, Features, SimilarityMatrix
from sentemb.values import require_at_least
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Prototypes(EncoderTwin):
    """Siamese pairs, and the cosines of both views with learned prototypes as ``logits``.

    The rows of ``logits`` are those of the first view, of the second, and, where there is a queue,
    of past first and past second views. In float32; prototypes have length 1 after each step.

    Args:
        encoder: What is deployed.
        prototypes: How many.
        projector: A head used in training only.
        queue_size: Embeddings of past batches that are shared out along with a batch; for batches
            smaller than the number of prototypes. 0 for none.
        frozen_steps: Steps at the start in which the prototypes stay as they are.

    Raises:
        UsageError: When there are fewer than 2 prototypes.

    Source: Caron et al., 2020, SwAV (arXiv:2006.09882). Deviation: the queue is used from the
        first batch on, as far as it is filled, not from an epoch on.
    """

    find_unused_parameters: ClassVar[bool] = True
    steps: Tensor

    def __init__(
        self,
        encoder: "SentenceTransformer",
        prototypes: int,
        projector: nn.Module | None = None,
        queue_size: int = 0,
        frozen_steps: int = 0,
    ) -> None:
        super().__init__(encoder)
        self.projector = projector
        dim = output_width(projector, encoder)
        if queue_size:
            self.queue = Queue(queue_size, 2 * dim).to(encoder.device)
        require_at_least(2, prototypes=prototypes)
        require_at_least(0, frozen_steps=frozen_steps)
        self.frozen_steps = frozen_steps
        drawn = F.normalize(torch.randn(prototypes, dim), dim=1)
        self.weight = nn.Parameter(drawn.to(encoder.device))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long, device=encoder.device))

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two views, with their scores.

        Raises:
            UsageError: When there are fewer or more views.
        """
        need_two_views(self, features)
        first, second = (projected(self.projector, view) for view in self.embed(features, views))
        past: Sequence[Embeddings] = ()
        if self.queue is not None:
            self.queue.put(torch.cat([first, second], dim=1))
            past = self.queue.contents().chunk(2, dim=1)
        scores = torch.cat([self._scores(embeddings) for embeddings in [first, second, *past]])
        return Pairs(first, second, logits=scores, texts=text_ids(features))

    def _scores(self, embeddings: Embeddings) -> SimilarityMatrix:
        trains = (self.steps >= self.frozen_steps).to(self.weight.dtype)
        weight = torch.lerp(self.weight.detach(), self.weight, trains)  # no gradient at 0
        with torch.autocast(embeddings.device.type, enabled=False):
            return F.normalize(embeddings.to(weight.dtype), dim=1) @ weight.T

    def cause_of_collapse(self, *, contrasted: bool) -> str:
        """Name the prototypes, which may all get the same texts."""
        return (
            "All texts may go to one prototype: give fewer `prototypes`, a larger `queue_size`, or "
            "a smaller `learning_rate`."
        )

    def check_batch(self, batch: int) -> None:
        """Raise where a batch and its queue are fewer texts than there are prototypes."""
        queued = 0 if self.queue is None else len(self.queue.texts)
        if batch + queued < len(self.weight):
            enough = max(batch, len(self.weight) - batch)
            raise UsageError(
                f"A batch of {batch} and a queue of {queued} are fewer texts than the "
                f"{len(self.weight)} prototypes: give `queue_size={enough}` or more, fewer "
                "`prototypes`, or a larger batch."
            )
        super().check_batch(batch)

    @torch.no_grad()
    def on_step_end(self, progress: float, taken: Tensor | float = 1.0) -> None:
        """Give the prototypes length 1 again."""
        self.weight.lerp_(F.normalize(self.weight, dim=1), taken)
        self.steps += (torch.ones_like(self.weight[0, 0]) * taken).long()
