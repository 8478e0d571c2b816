"""`TwoViews`: two views of each row by one tower, without texts."""

from collections.abc import Sequence
from typing import Any, cast

from torch import nn

from sentemb.encoders.embedding import KEYS
from sentemb.encoders.gather import gathered
from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.cross_modal import SIGNAL, seen_by
from sentemb.twins.twin import EncoderTwin, paired
from sentemb.types import Features
from sentemb.views import Draws, View


class TwoViews(EncoderTwin):
    """Embed two views of each row with a tower, and pair them up through a projector.

    Args:
        encoder: The tower, as the job of ``encode`` takes it; what is deployed.
        projector: A head used in training only.

    Source: Chen et al., 2020, SimCLR (arXiv:2002.05709).
    """

    def __init__(self, encoder: Any, projector: nn.Module | None = None) -> None:
        super().__init__(encoder)
        self.projector = projector
        self.view = encoder.tower.view

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch.

        Args:
            features: What the tower reads.
            views: None; the tower draws its views.

        Raises:
            UsageError: When there is anything else.
        """
        if len(features) != 1 or SIGNAL not in features[0]:
            raise UsageError(f"TwoViews needs what one tower reads, got {len(features)} views.")
        (seen,) = features
        draws, tower = Draws(seen[KEYS]), cast(nn.Module, self.encoder.tower)
        both = [
            gathered(seen_by(tower, seen[SIGNAL], each, self.micro_batch))
            for each in (draws, draws.independent())
        ]
        return paired(both, [seen, seen], self.projector, self.projector)
