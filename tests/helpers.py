"""Random inputs, numbered rows, encoders without dropout."""

import torch

from sentemb import Pairs
from sentemb.encoders import set_dropout


def random_pairs(batch: int, dim: int, candidates: int = 0, seed: int = 0) -> Pairs:
    generator = torch.Generator().manual_seed(seed)

    def draw(rows: int) -> torch.Tensor:
        return torch.randn(rows, dim, dtype=torch.float64, generator=generator)

    return Pairs(draw(batch), draw(batch), draw(candidates) if candidates else None)


def numbered(rows, epoch=0):
    """Rows as the trainer hands them to a collator."""
    return [{**row, "row": number, "epoch": epoch} for number, row in enumerate(rows)]


def without_dropout(encoder):
    set_dropout(encoder, 0.0)
    return encoder
