"""`WithQueue`: what twins with a queue share."""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from sentemb.twins.heads import output_width
from sentemb.twins.queue import Queue
from sentemb.twins.twin import EncoderTwin
from sentemb.types import Embeddings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class WithQueue(EncoderTwin):
    """A twin that remembers embeddings of past batches.

    Args:
        encoder: What is deployed.
        projector: A head used in training only.
        queue_size: Rows of the queue; 0 for none.
        views: How many embeddings of ``projector`` a row holds side by side.
    """

    def __init__(
        self,
        encoder: "SentenceTransformer",
        projector: nn.Module | None,
        queue_size: int,
        views: int = 1,
    ) -> None:
        super().__init__(encoder)
        self.projector = projector
        self.queue: Queue | None = None
        if queue_size:
            queue = Queue(queue_size, views * output_width(projector, encoder))
            self.queue = queue.to(encoder.device)
        self._next: tuple[Embeddings, Tensor | None, Tensor | None] | None = None

    def remember(
        self, embeddings: Embeddings, texts: Tensor | None = None, partners: Tensor | None = None
    ) -> None:
        """Note what the queue is to take in once the batch's loss is known; see `Queue.add`."""
        self._next = embeddings.detach(), texts, partners

    def check_batch(self, batch: int) -> None:
        """Raise where the queue is smaller than a batch.

        Raises:
            UsageError: When it is.
        """
        if self.queue is not None:
            self.queue.check_batch(batch)

    def after_batch(self) -> None:
        """Put what was noted into the queue."""
        if self.queue is not None and self._next is not None:
            self.queue.add(*self._next)
