"""What every twin architecture is, as the method sees it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from sentemb.pairs import Pairs
from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Twin(Protocol):
    """Turns the views of a batch into pairs; owns every parameter that trains.

    An ``nn.Module`` whose attribute ``encoder`` is what is deployed. Whatever else it holds
    (projector, queue, …) lives in training only.
    """

    encoder: "SentenceTransformer"

    def __call__(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Embed the views and pair them up."""
        ...
