"""`Hub`: a tower of another modality learns to be where a frozen tower is; `Spokes`: texts too."""

from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import copyfile, copytree
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sentemb.encoders.embedding import KEYS, in_mode
from sentemb.encoders.gather import gathered
from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.cross_modal import SIGNAL, CrossModal
from sentemb.twins.twin import need_two_views, paired
from sentemb.types import Features
from sentemb.views import Draws, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Joined = Callable[[Tensor, Draws], tuple[Tensor, Tensor]]
"""From rows of a tower to rows with others behind them, and which these are."""


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
        freeze: As of `CrossModal`.
        text_rate: As of `CrossModal`.
        joined: In training, what the tower reads with other rows of it behind: two rows then have
            the mean of their vectors in the hub. In several processes, rows of one.

    Source: Girdhar et al., 2023, ImageBind (arXiv:2305.05665), section 3.2; there each modality
        learns beside a frozen tower of pictures too.
    """

    captions: Path | None = None
    """The folder of what captions the hub's rows: it is kept, as the hub is."""

    def __init__(
        self,
        encoder: "SentenceTransformer",
        tower: nn.Module,
        hub: nn.Module,
        modality: str = "sound",
        of_hub: str = "picture",
        hub_hash: str = "",
        control: bool = False,
        freeze: str = "text",
        text_rate: float = 1.0,
        joined: Joined | None = None,
    ) -> None:
        super().__init__(encoder, tower, modality, freeze, text_rate, control)
        self.joined = joined
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
        return self._bound(seen, heard)

    def _bound(self, seen: Features, heard: Features) -> Pairs:
        """Return the pairs of the hub and the tower, of the rows of every process."""
        centre, signal = self._centre(seen), heard[SIGNAL]
        if self.training and self.joined is not None:
            signal, behind = self.joined(signal, Draws(heard[KEYS]).independent())
            centre = F.normalize(centre + centre[behind], dim=1)
        vectors = self._seen({**heard, SIGNAL: signal})
        return paired([gathered(centre), gathered(vectors)], [seen, heard])

    def _centre(self, seen: Features) -> Tensor:
        """Return the vectors of the hub."""
        with torch.no_grad(), in_mode(self.hub, training=False):
            vectors: Tensor = self.hub(seen[SIGNAL])
            return vectors

    def towers(self) -> dict[str, nn.Module]:
        """Return both towers, by what they read."""
        return {self.of_hub: self.hub, **super().towers()}

    def save_beside(self, folder: Path) -> None:
        """Copy the captions, where the hub has some, into the folder of the model."""
        if self.captions is not None:
            copytree(self.captions, folder / self.captions.name, copy_function=copyfile)


class Spokes(Hub):
    """Bind texts and another modality to one frozen hub; each batch has rows of one of the two.

    Which one it is shows in the first view: texts come before the hub's rows, and these before the
    tower's. Each spoke has its own head, the encoder's projection or the tower's, and its own loss.
    Arguments as of `Hub`; ``freeze`` is ``none`` where texts are trained on.

    Source: Girdhar et al., 2023, ImageBind (arXiv:2305.05665), section 3.2.
    """

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of the hub and one spoke.

        Args:
            features: Of texts and the hub; or of the hub and the tower.
            views: Of the texts.

        Raises:
            UsageError: When there are others.
        """
        need_two_views(self, features)
        if SIGNAL in features[0]:
            return self._bound(*features)
        texts, seen = features
        (words,) = self.embed([texts], views[:1])
        return paired([gathered(self._centre(seen)), words], [seen, texts])

    def scaled_tower(self, views: Sequence[View]) -> str:
        """Return the tower of a spoke, the hub's for the texts."""
        return self.of_hub if views else self.modality
