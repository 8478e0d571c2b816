"""`Hub`: a tower of another modality learns to be where a frozen tower is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from sentemb.encoders.embedding import in_mode
from sentemb.encoders.gather import gathered
from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.cross_modal import SIGNAL, CrossModal
from sentemb.twins.twin import paired
from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Hub(CrossModal):
    """Bind a modality to another, which texts are bound to already; both of those are frozen.

    What is bound finds texts that it was never paired with. The vectors of all have length 1.

    Args:
        encoder: Of the texts, in the space of the hub; it takes no part in training.
        tower: What learns.
        hub: The tower that it learns to be with.
        modality: What the tower reads.
        of_hub: What the hub reads.
        hub_hash: Of the hub's weights, so that a resumed run has the same one.
        control: As of `CrossModal`.

    Source: Girdhar et al., 2023, ImageBind (arXiv:2305.05665), section 3.2; there each modality
        learns beside a frozen tower of pictures too.
    """

    def __init__(
        self,
        encoder: "SentenceTransformer",
        tower: nn.Module,
        hub: nn.Module,
        modality: str = "sound",
        of_hub: str = "picture",
        hub_hash: str = "",
        control: bool = False,
    ) -> None:
        super().__init__(encoder, tower, modality, freeze="text", control=control)
        self.hub = hub.to(encoder.device).requires_grad_(False)
        self.of_hub = of_hub
        self.hub_hash = hub_hash

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of hub and tower.

        Args:
            features: Of the texts, which are not read; of the hub; of the tower.
            views: Of the texts.

        Raises:
            UsageError: When there are others.
        """
        if len(features) != 3:
            raise UsageError(f"Hub needs texts and two further views, got {len(features)}.")
        _, seen, heard = features
        with torch.no_grad(), in_mode(self.hub, training=False):
            centre = gathered(self.hub(seen[SIGNAL]))
        return paired([centre, gathered(self._seen(heard))], [seen, heard])

    def towers(self) -> dict[str, nn.Module]:
        """Return both towers, by what they read."""
        return {self.of_hub: self.hub, **super().towers()}
