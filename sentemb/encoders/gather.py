"""The rows of every process, with the gradient that one process would have."""

from typing import Any

import torch
from torch import Tensor, distributed


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of all processes, in the order of their ranks; alone, the rows as they are.

    Each process computes the same loss of all rows. The gradient that comes back is the sum over
    the processes, so that the mean that DistributedDataParallel takes of it afterwards is the
    gradient of that loss.

    Args:
        rows: The same number in every process, shape ``[rows, …]``.

    Returns:
        Shape ``[processes * rows, …]``.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return rows
    if distributed.get_world_size() == 1:
        return rows
    everyone: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return everyone


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        everyone = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(everyone, rows.contiguous())
        return torch.cat(everyone)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        total = upstream[0].contiguous().clone()
        distributed.all_reduce(total)
        return total.chunk(distributed.get_world_size())[distributed.get_rank()]
