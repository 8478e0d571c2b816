"""A criterion that needs no graded pairs: the loss on rows that are not trained on."""

import torch

from sentemb.method import Method
from sentemb.training.collator import Collator
from sentemb.training.rows import NumberedRows
from sentemb.types import Features


def held_out_loss(
    method: Method, rows: NumberedRows, collator: Collator, batch_size: int, seed: int = 0
) -> float:
    """Return the mean loss over whole batches; every call draws the same dropout and views.

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
            batch = collator([rows[row] for row in range(start, start + batch_size)])
            views = [_to(view, device) for view in batch["views"]]
            labels = batch["labels"].to(device) if "labels" in batch else None
            losses.append(float(method(views, labels)["loss"]))
    method.train(was_training)
    return sum(losses) / len(losses)


def _to(view: Features, device: torch.device) -> Features:
    return {name: tensor.to(device) for name, tensor in view.items()}
