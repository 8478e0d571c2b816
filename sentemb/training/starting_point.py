"""The model a run starts from: kept where no step of the run scores higher."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainingArguments

from sentemb.method import Method

FEW_ROWS = 10_000
"""Rows below which more of them are advised."""
APART = 0.5
"""Points by which an encoder's own pooling must score higher to be named as the cause."""


class StartingPoint:
    """Copies of what a run would publish, as it is before the first step.

    Args:
        method: Before it is trained.
    """

    def __init__(self, method: Method) -> None:
        self._parts: list[nn.Module] = [method.encoder, *method.twin.other_encoders().values()]
        self._weights: list[dict[str, Tensor]] = [
            {name: tensor.detach().clone().cpu() for name, tensor in part.state_dict().items()}
            for part in self._parts
        ]

    @torch.no_grad()
    def give_back(self) -> None:
        """Put the weights of the start in the place of the trained ones."""
        for part, weights in zip(self._parts, self._weights, strict=True):
            part.load_state_dict(weights)


def was_lowered(
    before: Mapping[str, float], after: Mapping[str, float], arguments: TrainingArguments
) -> bool:
    """Say whether the checkpoint that was chosen scores lower than the start.

    Args:
        before: Evaluation of the start.
        after: Of the checkpoint.
        arguments: Of the run; they name the metric that chooses.
    """
    name = str(arguments.metric_for_best_model).removeprefix("eval_")
    if name not in before or name not in after:
        return False
    higher = after[name] - before[name]
    return bool(higher < 0 if arguments.greater_is_better else higher > 0)


def advice(before: Mapping[str, float], own: Mapping[str, Any], rows: int) -> Sequence[str]:
    """Return what to try where a score was lowered, the likeliest first.

    Args:
        before: Evaluation of the start.
        own: That of the starting model with its own pooling, where it is trained with another.
        rows: Trained on.
    """
    found = []
    if own and own["spearman"] > before["spearman"] + APART:
        found.append(
            f"the model's own pooling ({own['modules']}), with which it scores "
            f"{own['spearman']:.2f} before training: give it as `pooling`"
        )
    if rows < FEW_ROWS:
        found.append(f"more rows than {rows:,}, or rows that are like the dev set")
    found.append("a lower `learning_rate`")
    return found
