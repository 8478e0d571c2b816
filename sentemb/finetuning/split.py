"""`split_off`: a dev set from the rows of a file that has none beside it."""

from collections import Counter
from dataclasses import replace

from sentemb.datasets import TrainingData
from sentemb.errors import InputError

SHARE = 0.1
SEED = 0
"""One split for all seeds of a run, so that their scores can be compared."""


def split_off(data: TrainingData) -> tuple[TrainingData, TrainingData]:
    """Return the rows to train on and a tenth of them to choose the checkpoint by.

    Every label has its share of both, at least one row of each; scores are split as they come.

    Raises:
        InputError: When a label has one row alone, or there are fewer than two rows.
    """
    from sklearn.model_selection import train_test_split

    labels = data.rows["label"][:] if data.classes else None
    if labels is not None:
        alone = [data.classes[label] for label, rows in Counter(labels).items() if rows == 1]
        if alone:
            raise InputError(
                f"Label '{sorted(alone)[0]}' has one row, which cannot be split into training and "
                "dev: give `dev`, or a second row of it."
            )
    if len(data.rows) < 2:
        raise InputError("One row cannot be split into training and dev: give `dev`.")
    held = max(len(data.classes), 1, round(SHARE * len(data.rows)))
    trained, kept = train_test_split(
        range(len(data.rows)), test_size=held, stratify=labels, random_state=SEED
    )
    return _of(data, trained), _of(data, kept)


def _of(data: TrainingData, rows: list[int]) -> TrainingData:
    return replace(data, rows=data.rows.select(sorted(rows)))
