"""A few rows run before anything is written."""

import logging
from typing import Any

from datasets import Dataset

from sentemb.errors import OutOfMemoryError, SentembError, UsageError
from sentemb.method import Method
from sentemb.training.collator import Collator
from sentemb.training.held_out import loss_of
from sentemb.training.memory import OutOfMemorySignal, running_out_told
from sentemb.training.randomness import random_state_kept
from sentemb.training.rows import NumberedRows
from sentemb.training.unchanged import warn_of_unchanged

logger = logging.getLogger("sentemb")


def try_out(method: Method, rows: Dataset, collator: Collator) -> None:
    """Run a few rows before anything is written, so that what cannot work is said at once.

    Twice where there is a queue: it is filled then, and emptied again.
    """
    warn_of_unchanged(method, rows, collator)
    column = rows[method.views[0].column]
    longest = sorted(range(min(len(rows), 1000)), key=lambda row: -len(column[row]))
    few = NumberedRows(rows.select(longest[:8]))
    batch = few.__getitems__(list(range(len(few))))
    was_training = method.training
    with random_state_kept():
        while not _fits_into_memory(method, batch, collator):
            pass
    method.train(was_training)


def _fits_into_memory(method: Method, batch: list[dict[str, Any]], collator: Collator) -> bool:
    """Run a few rows; where memory ran out, have the encoder take half as many at once.

    Raises:
        OutOfMemoryError: When not even one row at a time fits.
    """
    try:
        with running_out_told():
            _run(method, batch, collator)
        return True
    except OutOfMemorySignal as error:
        reason = str(error)
    try:
        rows = method.halve_micro_batch(len(batch))
    except SentembError as error:
        raise OutOfMemoryError(
            f"Memory does not suffice for {len(batch)} of the rows ({reason}), and {error} Give a "
            "smaller --max-length, or a smaller --model."
        ) from None
    logger.warning(
        "%d of the rows did not fit into memory (%s): the encoder now takes %d rows at once. The "
        "batch stays as it is.",
        len(batch),
        reason,
        rows,
    )
    return False


def _run(method: Method, batch: list[dict[str, Any]], collator: Collator) -> None:
    loss = loss_of(method.train(), batch, collator)
    if not loss.requires_grad:
        raise UsageError(
            "The loss does not depend on the embeddings by a gradient, so nothing would be "
            "trained: compute it in torch, without .item(), .detach() or numpy."
        )
    if before := method.twin.queue_state():
        method.twin.on_batch_end()
        try:
            loss_of(method, batch, collator)
            _require_a_reader_of_the_queue(method)
        finally:
            method.twin.restore_queue(before)


def _require_a_reader_of_the_queue(method: Method) -> None:
    """Raise where the twin has a queue of negatives, and the loss does not read them.

    Raises:
        UsageError: When that is so.
    """
    if method.twin.queue_holds_negatives and "negatives" in method.unread:
        raise UsageError(
            "This loss contrasts nothing, so the queue has no effect: use a loss with negatives, "
            "as infonce, or a method without a queue, as byol."
        )
