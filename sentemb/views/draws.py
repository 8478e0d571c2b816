"""Random numbers that belong to a row, not to a stream: nothing elsewhere moves them."""

import struct
from dataclasses import dataclass
from hashlib import blake2b

import torch
from torch import Tensor

from sentemb.types import Mask

GOLDEN_GAMMA = -0x61C8864680B583EB
LARGEST = torch.iinfo(torch.int64).max


def row_key(seed: int, epoch: int, row: int, view: int) -> int:
    """Return the 64-bit key of all that is drawn for one view of one row in one epoch.

    Worker count, batch, resumption and world size do not enter.

    Example:
        >>> row_key(42, 0, 7, 1) == row_key(42, 0, 7, 1) != row_key(42, 1, 7, 1)
        True
    """
    digest = blake2b(struct.pack("<4q", seed, epoch, row, view), digest_size=8).digest()
    return int.from_bytes(digest, "little")


@dataclass(frozen=True)
class Draws:
    """The random numbers of a batch: each is a function of its row's key and its position.

    The generator is SplitMix64, written in tensor arithmetic: torch's own generators are streams,
    whose numbers would depend on the batch, the device, and how many tokens pad it on the right.

    Args:
        keys: One key a row, int64, shape ``[rows]``.

    Source: Steele, Lea and Flood, 2014 (doi:10.1145/2660193.2660195).
    """

    keys: Tensor

    def bits(self, count: int) -> Tensor:
        """Return uniform 64-bit integers, shape ``[rows, count]``."""
        position = torch.arange(1, count + 1, device=self.keys.device)
        z = self.keys.unsqueeze(1) + position * GOLDEN_GAMMA
        z = (z ^ _shift_right(z, 30)) * -0x40A7B892E31B1A47
        z = (z ^ _shift_right(z, 27)) * -0x6B2FB644ECCEEE15
        return z ^ _shift_right(z, 31)

    def independent(self) -> "Draws":
        """Return other random numbers of the same rows, for another stage of the same view."""
        return Draws(self.bits(1).squeeze(1))

    def uniform(self, count: int) -> Tensor:
        """Return float32 numbers in [0, 1), shape ``[rows, count]``."""
        return _shift_right(self.bits(count), 40) * 2.0**-24

    def normal(self, count: int) -> Tensor:
        r"""Return standard normal numbers, shape ``[rows, count]``, by Box and Muller.

        .. math:: \sqrt{-2 \ln (1 - u)} \, \cos 2 \pi v
        """
        u, v = self.uniform(2 * count).view(-1, count, 2).unbind(2)
        return (-2 * torch.log1p(-u)).sqrt() * torch.cos(2 * torch.pi * v)

    def choose(self, among: Mask, counts: Tensor) -> Mask:
        """Choose exactly ``counts[i]`` of the places that row i of ``among`` allows.

        Every choice of that size is equally likely.

        Args:
            among: Places to choose from, bool, shape ``[rows, places]``.
            counts: Shape ``[rows]``, none above the places of its row.
        """
        bits = self.bits(among.shape[1]).masked_fill(~among, LARGEST)
        ranked = bits.sort(dim=1).values
        last = ranked.gather(1, (counts - 1).clamp(min=0).unsqueeze(1))
        return (bits <= last) & (counts > 0).unsqueeze(1) & among


def _shift_right(z: Tensor, places: int) -> Tensor:
    """Shift without the sign, which torch's ``>>`` would pull in."""
    return (z >> places) & ((1 << (64 - places)) - 1)
