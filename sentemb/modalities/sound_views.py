"""How a sound is seen in training: moved in time, with bands and frames left out, by its row."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.views import Draws


@dataclass(frozen=True)
class SoundView:
    """Move a log-mel in time, and leave out a stretch of its bands and one of its frames.

    What is left out, and what moves in at an edge, has the least value of its row: silence.

    Args:
        shift: Greatest move, as a share of the frames.
        bands: Longest stretch of bands that is left out, as a share of all.
        frames: Longest stretch of frames that is left out, as a share of all.
        loud: Greatest change of the level, in deviations.

    Raises:
        UsageError: When a number is out of its range.

    Source: Park et al., 2019, SpecAugment (arXiv:1904.08779), for the masks.
    """

    shift: float = 0.1
    bands: float = 0.15
    frames: float = 0.1
    loud: float = 0.1

    def __post_init__(self) -> None:
        for name in ("shift", "bands", "frames", "loud"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UsageError(f"{name} of a sound's view is in [0, 1], got {value!r}.")

    def __call__(self, sounds: Tensor, draws: Draws) -> Tensor:
        """Return the view of each row.

        Args:
            sounds: ``[rows, 1, bands, frames]``.
            draws: Of the rows.
        """
        rows, _, bands, frames = sounds.shape
        u = draws.uniform(6).to(sounds.dtype)
        least = sounds.flatten(1).min(dim=1).values.view(rows, 1, 1, 1)
        time = torch.arange(frames, device=sounds.device)
        moved = (self.shift * frames * (2 * u[:, :1] - 1)).round().long()
        source = time - moved
        inside = ((source >= 0) & (source < frames)).view(rows, 1, 1, frames)
        index = source.clamp(0, frames - 1).view(rows, 1, 1, frames).expand_as(sounds)
        seen = torch.where(inside, sounds.gather(3, index), least)
        seen = seen + self.loud * (2 * u[:, 1] - 1).view(rows, 1, 1, 1)
        masked = _stretch(bands, self.bands, u[:, 2], u[:, 3]).view(rows, 1, bands, 1)
        masked = masked | _stretch(frames, self.frames, u[:, 4], u[:, 5]).view(rows, 1, 1, frames)
        return torch.where(masked, least, seen)


def _stretch(count: int, share: float, length: Tensor, start: Tensor) -> Tensor:
    """Return which of so many places a stretch covers, ``[rows, count]``."""
    long = (length * share * count).floor().unsqueeze(1)
    first = (start.unsqueeze(1) * (count - long + 1)).floor()
    place = torch.arange(count, device=length.device)
    return (place >= first) & (place < first + long)
