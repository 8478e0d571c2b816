"""How a sound is seen in training: faster or slower, moved, with gaps, by its row."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.views import Draws


@dataclass(frozen=True)
class SoundView:
    r"""Play a log-mel faster or slower, move it, and leave out a stretch of bands and of frames.

    Frame n of the view is the sound's at

    .. math:: e^{v} n - m, \qquad v \sim U(-s, s)

    between frames the two beside it, by their distance. What is left out, and what moves in at an
    edge, has the least value of its row: silence.

    Args:
        stretch: s, the greatest change of the speed, as a logarithm.
        shift: Greatest move, as a share of the frames.
        bands: Longest stretch of bands that is left out, as a share of all.
        frames: Longest stretch of frames that is left out, as a share of all.
        loud: Greatest change of the level, in deviations.

    Raises:
        UsageError: When a number is out of its range.

    Source: Park et al., 2019, SpecAugment (arXiv:1904.08779), for the masks; Ko et al., 2015, Audio
        augmentation for speech recognition, for the speed, of which pitch does not change here.
    """

    stretch: float = 0.2
    shift: float = 0.1
    bands: float = 0.15
    frames: float = 0.1
    loud: float = 0.1

    def __post_init__(self) -> None:
        for name in ("stretch", "shift", "bands", "frames", "loud"):
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
        u = draws.uniform(7).to(sounds.dtype)
        least = sounds.flatten(1).min(dim=1).values.view(rows, 1, 1, 1)
        time = torch.arange(frames, device=sounds.device)
        moved = (self.shift * frames * (2 * u[:, :1] - 1)).round()
        source = time * (self.stretch * (2 * u[:, 6:] - 1)).exp() - moved
        inside = ((source >= 0) & (source <= frames - 1)).view(rows, 1, 1, frames)
        source = source.clamp(0, frames - 1).view(rows, 1, 1, frames)
        before, share = source.long(), source.frac()
        after = (before + 1).clamp(max=frames - 1)
        one, other = (sounds.gather(3, place.expand_as(sounds)) for place in (before, after))
        seen = torch.where(inside, one.lerp(other, share), least)
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
