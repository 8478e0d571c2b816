"""Sounds one behind the other, as further sounds."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.modalities.sound_files import SILENCE
from sentemb.views import Draws

GAP = 3
"""Silent frames between two sounds."""


@dataclass(frozen=True)
class JoinedSounds:
    r"""Put another sound of the batch behind some of them: what is heard then is of both.

    The vector of what a joined sound is paired with is of both partners, too:

    .. math:: (v_i + v_j) / \lVert v_i + v_j \rVert

    Args:
        share: Of the sounds, that get another behind them.

    Raises:
        UsageError: When it is not in [0, 1].

    Source: Zhang et al., 2018, mixup (arXiv:1710.09412), with λ = 1/2. Deviation: sounds are not
        added, but follow each other.

    Example:
        >>> sounds = torch.full((2, 1, 8), SILENCE)
        >>> sounds[0, 0, :2], sounds[1, 0, :3] = 1.0, 2.0
        >>> joined, behind = JoinedSounds(share=1.0)(sounds, Draws(torch.tensor([5, 6])))
        >>> joined[0, 0].round().int().tolist(), behind.tolist()
        ([1, 1, -14, -14, -14, 2, 2, 2], [1, 0])
    """

    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError(f"joined is in [0, 1], got {self.share!r}.")

    def __call__(self, sounds: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return the sounds, and of each the row that is behind it: its own where none is.

        Args:
            sounds: ``[rows, bands, frames]``; what does not fit into the frames is cut.
            draws: Of the rows.
        """
        chosen, drawn = draws.uniform(2).unbind(1)
        order = drawn.argsort()
        behind = torch.empty_like(order)
        behind[order] = order.roll(-1)
        alone = chosen >= self.share
        behind = torch.where(alone, torch.arange(len(sounds), device=sounds.device), behind)
        frames = torch.arange(sounds.shape[2], device=sounds.device)
        is_heard = (sounds > SILENCE + 1).any(dim=1)
        length = (is_heard * (frames + 1)).amax(dim=1)
        place = (frames - length.unsqueeze(1) - GAP).unsqueeze(1).expand_as(sounds)
        second = sounds[behind].gather(2, place.clamp(min=0))
        return torch.where((place < 0) | alone.view(-1, 1, 1), sounds, second), behind
