"""A criterion that needs no labels: the loss on rows that are not trained on."""

import torch
from datasets import Dataset

from sentemb.method import Method
from sentemb.training.collator import Collator
from sentemb.types import Features


def held_out_loss(
    method: Method, rows: Dataset, collator: Collator, batch_size: int, seed: int = 0
) -> float:
    """Return the mean loss over whole batches, with the same dropout masks at every call.

    Dropout stays on: without it the views of unsupervised SimCSE are identical.

    Raises:
        ValueError: When there is no whole batch.
    """
    starts = range(0, len(rows) - batch_size + 1, batch_size)
    if not starts:
        raise ValueError(f"{len(rows)} held-out rows are fewer than one batch of {batch_size}.")
    was_training = method.training
    method.train()
    torch.manual_seed(seed)
    device = method.encoder.device
    losses = []
    with torch.no_grad():
        for start in starts:
            batch = collator(list(rows.select(range(start, start + batch_size))))
            views = [_to(view, device) for view in batch["views"]]
            losses.append(float(method(views)["loss"]))
    method.train(was_training)
    return sum(losses) / len(losses)


def _to(view: Features, device: torch.device) -> Features:
    return {name: tensor.to(device) for name, tensor in view.items()}
