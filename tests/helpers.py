"""Random inputs."""

import torch

from sentemb import Pairs


def random_pairs(batch: int, dim: int, candidates: int = 0, seed: int = 0) -> Pairs:
    generator = torch.Generator().manual_seed(seed)

    def draw(rows: int) -> torch.Tensor:
        return torch.randn(rows, dim, dtype=torch.float64, generator=generator)

    return Pairs(draw(batch), draw(batch), draw(candidates) if candidates else None)
