"""Tiny models, labelled rows and a trainer with R-Drop, for its tests and their processes."""

import torch
from transformers import BertConfig, Trainer, TrainingArguments

from sentemb.finetuning import RDropMixin


class RDropTrainer(RDropMixin, Trainer):
    r_drop = 0.7


SIZES = {
    "initializer_range": 0.3,
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


def model_of(kind, **options):
    torch.manual_seed(0)
    return kind(BertConfig(**SIZES, **options))


class Rows(torch.utils.data.Dataset):
    """Random token ids, and a label that the first of them decides."""

    def __init__(self, label, rows=32):
        generator = torch.Generator().manual_seed(0)
        self.ids = torch.randint(1, 50, (rows, 6), generator=generator)
        self.label = label

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "labels": self.label(self.ids[i])}


def of_three(ids):
    return ids[0] % 3


def of_tokens(ids):
    labels = ids % 3
    labels[0] = labels[-1] = -100
    return labels


def score(ids):
    return ids[0].float() / 50


def of_each_label(ids):
    return torch.stack([ids[0] % 2, ids[1] % 2, ids[2] % 2]).float()


def trainer_of(model, label, folder, trainer=RDropTrainer, **options):
    arguments = {"max_steps": 4, "per_device_train_batch_size": 8, "report_to": "none",
                 "logging_steps": 1, "use_cpu": True, "learning_rate": 1e-3,
                 "save_steps": 2, "seed": 0, "disable_tqdm": True}  # fmt: skip
    return trainer(
        model=model,
        args=TrainingArguments(output_dir=str(folder), **arguments | options),
        train_dataset=Rows(label),
        eval_dataset=Rows(label, rows=16),
    )
