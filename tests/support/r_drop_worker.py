"""What one of two processes does: R-Drop in a stock trainer. Run by test_r_drop.py."""

import sys
from pathlib import Path

import torch
from transformers import BertForSequenceClassification

from sentemb.runs.processes import leave_processes
from tests.support.r_drop_cases import model_of, of_three, trainer_of


def main() -> None:
    folder = Path(sys.argv[1])
    model = model_of(BertForSequenceClassification, num_labels=3)
    trainer = trainer_of(model, of_three, folder, per_device_train_batch_size=4)
    trainer.train()
    torch.save(model.state_dict(), folder / f"rank-{trainer.args.process_index}.pt")
    leave_processes()


if __name__ == "__main__":
    main()
