"""A few rows run before anything is written."""

from datasets import Dataset

from sentemb.method import Method
from sentemb.training.collator import Collator
from sentemb.training.held_out import loss_of
from sentemb.training.randomness import random_state_kept
from sentemb.training.rows import NumberedRows
from sentemb.training.twins import need_a_reader_of_the_queue, queue_filled
from sentemb.training.unchanged import warn_of_unchanged


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
        loss_of(method.train(), batch, collator)
        with queue_filled(method) as is_filled:
            if is_filled:
                loss_of(method, batch, collator)
                need_a_reader_of_the_queue(method)
    method.train(was_training)
