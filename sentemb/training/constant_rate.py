"""Parameters whose learning rate does not decay (SimSiam's predictor)."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from sentemb.errors import UsageError

FLAG = "constant_rate"


def set_constant_rates_apart(
    optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]
) -> None:
    """Move parameters into groups of their own, with the options of the group they were in."""
    apart = {id(parameter) for parameter in parameters}
    for group in [group for group in optimizer.param_groups if FLAG not in group]:
        moved = [p for p in group["params"] if id(p) in apart]
        if moved:
            group["params"] = [p for p in group["params"] if id(p) not in apart]
            options = {name: value for name, value in group.items() if name != "params"}
            optimizer.add_param_group({**options, "params": moved, FLAG: True})


def keep_constant_rates(scheduler: LRScheduler, warmup_steps: int) -> None:
    """Let the groups that were set apart warm up as the others, and then keep their rate.

    Raises:
        UsageError: When the schedule is not one function of the step for each group.
    """

    def rate(step: int) -> float:
        return min(1.0, step / warmup_steps) if warmup_steps else 1.0

    for i, group in enumerate(scheduler.optimizer.param_groups):
        if FLAG not in group:
            continue
        if not isinstance(scheduler, LambdaLR):
            raise UsageError(
                f"A {type(scheduler).__name__} cannot keep the learning rate of some parameters "
                "(a predictor's): use linear, cosine or constant."
            )
        scheduler.lr_lambdas[i] = rate
