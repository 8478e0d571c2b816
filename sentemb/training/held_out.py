"""A criterion that needs no graded pairs: the loss on rows that are not trained on."""

from typing import Any

import torch
from torch import Tensor

from sentemb.method import Method
from sentemb.runs.processes import processes
from sentemb.training.collator import Collator, NumberedRows
from sentemb.twins.group_whitening import same_groups
from sentemb.types import Features


def held_out_loss(
    method: Method, rows: NumberedRows, collator: Collator, batch_size: int, seed: int = 0
) -> float:
    """Return the mean loss over whole batches; every call draws the same dropout and views.

    Dropout stays on: without it the views of unsupervised SimCSE are identical. Queues are left
    out: they grow, and the loss with them, whatever is learned. Each process takes
    its share of a batch, and all return the same.

    Raises:
        ValueError: When there is no whole batch.
    """
    rank, everyones = processes().process_index, batch_size * processes().num_processes
    starts = range(rank * batch_size, len(rows) - everyones + 1 + rank * batch_size, everyones)
    if not starts:
        raise ValueError(f"{len(rows)} held-out rows are fewer than one batch of {everyones}.")
    was_training = method.training
    method.train()
    torch.manual_seed(seed + rank)
    losses = []
    with torch.no_grad(), method.twin.without_queue(), same_groups(method.twin):
        for start in starts:
            batch = [rows[row] for row in range(start, start + batch_size)]
            losses.append(float(loss_of(method, batch, collator)))
    method.train(was_training)
    return sum(losses) / len(losses)


def loss_of(method: Method, rows: list[dict[str, Any]], collator: Collator) -> Tensor:
    """Return the loss of one batch of rows, as `NumberedRows` gives them."""
    batch, device = collator(rows), method.encoder.device
    labels = batch["labels"].to(device) if "labels" in batch else None
    loss: Tensor = method([_to(view, device) for view in batch["views"]], labels)["loss"]
    return loss


def _to(view: Features, device: torch.device) -> Features:
    return {name: x.to(device) if torch.is_tensor(x) else x for name, x in view.items()}
