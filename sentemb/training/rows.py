"""Rows that know their number and epoch: what is drawn for them depends on nothing else."""

from typing import Any

import torch
from datasets import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

ROW, EPOCH = "row", "epoch"


class NumberedRows(torch.utils.data.Dataset[dict[str, Any]]):
    """Add to each row its number, and the epoch it is read in.

    Args:
        rows: Text columns, and labels where there are any.
        epoch: Counted from 0; `CountEpochs` sets it.
    """

    def __init__(self, rows: Dataset, epoch: int = 0) -> None:
        self.rows = rows
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[dict[str, Any]]:
        rows = self.rows.__getitems__(indices)
        return [
            {**row, ROW: index, EPOCH: self.epoch} for index, row in zip(indices, rows, strict=True)
        ]


class CountEpochs(TrainerCallback):
    """Tell the rows their epoch.

    accelerate would, but not after a resume in mid-epoch, nor with more than one process.
    """

    def __init__(self, rows: NumberedRows) -> None:
        self.rows = rows

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Set the epoch before the first batch is read."""
        self.rows.epoch = int(state.epoch or 0)
