"""Short crops of a text beside two views of the whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from sentemb.pairs import Pairs
from sentemb.twins.heads import projected
from sentemb.twins.twin import EncoderTwin, need_views_of_pairs, text_ids
from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class MultiCrop(EncoderTwin):
    r"""Each of the first two views is the positive of every other view.

    .. math:: \{ (z_k, z_j) : j \in \{1, 2\}, \; k \ne j \}

    The loss is the mean over these pairings, two for the full views and two for each crop; crops
    are anchors only.

    Args:
        encoder: What is deployed.
        projector: A head used in training only.

    Source: Caron et al., 2020, SwAV (arXiv:2006.09882).
    """

    def __init__(self, encoder: "SentenceTransformer", projector: nn.Module | None = None) -> None:
        super().__init__(encoder)
        self.projector = projector

    def forward(
        self, features: Sequence[Features], views: Sequence[View] = ()
    ) -> tuple[Pairs, ...]:
        """Return the pairings of a batch of two full views and any number of crops.

        Raises:
            UsageError: When there are fewer than two views.
        """
        need_views_of_pairs(self, features)
        z = [projected(self.projector, view) for view in self.embed(features, views)]
        known = text_ids(features)
        texts = None if known is None else known.chunk(len(z))

        def pairing(anchor: int, positive: int) -> Pairs:
            ids = None if texts is None else torch.cat([texts[anchor], texts[positive]])
            return Pairs(z[anchor], z[positive], texts=ids)

        return tuple(pairing(k, j) for j in (1, 0) for k in range(len(z)) if k != j)
