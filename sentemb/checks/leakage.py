"""Rows of one file that are in another."""

import numpy as np

from sentemb.checks.file import CheckedFile
from sentemb.checks.problem import Problem, of_rows


def leakage(trained: CheckedFile, held: CheckedFile, *, test: bool = False) -> list[Problem]:
    """Return what of held-out rows is in the rows that are trained on, but for case and spaces.

    Args:
        trained: What is trained on.
        held: Of dev or test.
        test: Whether a single text is an error, too; in a dev set it is a note.
    """
    known = [column[column != 0] for column in trained.seen.texts]
    texts = np.unique(np.concatenate(known)) if known else np.empty(0, dtype=np.uint64)
    shared = [np.isin(column, texts) for column in held.seen.texts]
    some = np.logical_or.reduce(shared) if shared else np.zeros(held.rows, dtype=np.bool_)
    whole = np.isin(held.seen.rows, trained.seen.rows) & some
    if len(trained.texts) != len(held.texts):  # a pair among single texts is there in two rows
        whole = np.logical_and.reduce(shared) if shared else some
    return [
        *of_rows("leaked_rows", "error", held.seen.found(whole),
                 f"all its texts are in {trained.file}"),
        *of_rows("leaked_texts", "error" if test else "note", held.seen.found(some & ~whole),
                 f"a text of it is in {trained.file}"),
    ]  # fmt: skip
