"""How a picture is seen in training: shifted, cropped, mirrored, in other colours, by its row."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.views import Draws

GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in what the eye takes for bright (ITU-R BT.601)."""


@dataclass(frozen=True)
class PictureView:
    r"""Draw one affine map and one change of colours for each row.

    A pixel p of the view shows the picture at

    .. math:: \frac{1}{z}\,R(\varphi)\,p + t, \qquad \ln z \sim U(-c, c),
        \quad \varphi \sim U(-r, r), \quad t \sim U(-s, s)^2

    in coordinates from −1 to 1, and beyond its edge the ground, white. Then each colour channel is
    multiplied by one number and added to another, and of some rows the colours are left out.

    Args:
        crop: c, by which it is taken nearer or farther.
        rotate: r, in degrees.
        shift: s, as a share of half a side.
        mirror: Rate of rows that are mirrored, left to right.
        colour: Greatest change of a channel, as a share of the range.
        grey: Rate of rows without colours.
        outline: Rate of rows that become their outlines: dark where neighbours differ.

    Raises:
        UsageError: When a number is out of its range.
    """

    crop: float = 0.2
    rotate: float = 10.0
    shift: float = 0.1
    mirror: float = 0.5
    colour: float = 0.2
    grey: float = 0.2
    outline: float = 0.0

    def __post_init__(self) -> None:
        for name, most in ("crop", 2), ("rotate", 180), ("shift", 1), ("mirror", 1), (
            "colour", 1), ("grey", 1), ("outline", 1):  # fmt: skip
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise UsageError(f"{name} of a picture's view is in [0, {most}], got {value!r}.")

    def __call__(self, pictures: Tensor, draws: Draws) -> Tensor:
        """Return the view of each row.

        Args:
            pictures: ``[rows, 3, height, width]`` in [0, 1].
            draws: Of the rows.
        """
        u = draws.uniform(14).to(pictures.dtype)
        zoom = (self.crop * (2 * u[:, 0] - 1)).exp()
        angle = math.radians(self.rotate) * (2 * u[:, 1] - 1)
        cos, sin = angle.cos() / zoom, angle.sin() / zoom
        side = torch.where(u[:, 2] < self.mirror, -1.0, 1.0).to(u.dtype)
        shift = self.shift * (2 * u[:, 3:5] - 1)
        rows = (
            torch.stack([cos * side, -sin, shift[:, 0]], 1),
            torch.stack([sin * side, cos, shift[:, 1]], 1),
        )
        grid = F.affine_grid(torch.stack(rows, 1), list(pictures.shape), align_corners=False)
        ink = F.grid_sample(1 - pictures, grid, align_corners=False)
        seen = 1 - ink
        grey = torch.tensor(GREY, dtype=seen.dtype, device=seen.device).view(1, 3, 1, 1)
        bright = (seen * grey).sum(1, keepdim=True)
        seen = torch.where((u[:, 5] < self.grey).view(-1, 1, 1, 1), bright, seen)
        seen = torch.where((u[:, 6] < self.outline).view(-1, 1, 1, 1), _outline(bright), seen)
        scale = 1 + self.colour * (2 * u[:, 7:10] - 1)
        offset = self.colour / 2 * (2 * u[:, 10:13] - 1)
        return (seen * scale[:, :, None, None] + offset[:, :, None, None]).clamp(0, 1)


def _outline(bright: Tensor) -> Tensor:
    """Return white with dark lines where neighbours differ, ``[rows, 1, height, width]``."""
    padded = F.pad(bright, (1, 1, 1, 1), mode="replicate")
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    return 1 - (2 * (across.square() + down.square()).sqrt()).clamp(max=1)
