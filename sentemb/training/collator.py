"""Rows that know their number and epoch, and from them the tokens of each view."""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.encoders.bounded import Bounded
from sentemb.encoders.embedding import KEYS, PROMPTS, TEXTS
from sentemb.encoders.padding import pads_right
from sentemb.encoders.panics import failing_text_named
from sentemb.encoders.prompts import prompt_of, prompt_tokens
from sentemb.errors import UsageError
from sentemb.types import Features
from sentemb.views import TokenEdit, View, row_key
from sentemb.views.splitting import words_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


LABEL = "label"
ROW, EPOCH = "row", "epoch"


class Collator:
    """Read every view of a batch of rows and tokenise all of them at once.

    All views are padded to one length, so that they can share one forward. What a view draws is
    seeded by (seed, epoch, row, view).

    Args:
        encoder: Its tokeniser is used.
        views: How each row is seen.
        max_length: Tokens a text is truncated to, special tokens included.
        seed: Of everything the views draw.
        mask_identical: Number the texts, so that equal ones are no negatives of each other.
    """

    def __init__(
        self,
        encoder: "SentenceTransformer",
        views: Sequence[View],
        max_length: int,
        seed: int,
        mask_identical: bool = True,
    ) -> None:
        pads_right(encoder)
        self.encoder = encoder
        self.prompts = [prompt_of(encoder, view.column) for view in views]
        self._prompt_tokens = [prompt_tokens(encoder, prompt) for prompt in self.prompts]
        self.bounded = Bounded(encoder.tokenizer, max_length)
        self.views = views
        self.max_length = max_length
        self.seed = seed
        self.mask_identical = mask_identical

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return ``{"views": [tokens of the first view, …]}``, and labels where rows have them.

        Args:
            rows: As `NumberedRows` gives them.
        """
        keys = [
            row_key(self.seed, row[EPOCH], row[ROW], view)
            for view in range(len(self.views))
            for row in rows
        ]
        randoms = [Random(key) for key in keys]
        each = [(view, row) for view in self.views for row in rows]
        prompts = [prompt for prompt in self.prompts for _ in rows]
        given = zip(prompts, each, randoms, strict=True)
        with words_of(self.encoder.tokenizer):
            texts = [self.bounded(p + view.read(row, r)) or " " for p, (view, row), r in given]
        with failing_text_named(lambda text: self.encoder.preprocess([text]), texts):
            tokens = self.encoder.preprocess(
                texts,
                processing_kwargs={"text": {"max_length": self.max_length, "truncation": True}},
            )
        tensors = {name: value for name, value in tokens.items() if name != "modality"}
        if "attention_mask" not in tensors:
            raise UsageError(
                f"{type(self.encoder[0]).__name__} reads no tokens with a mask, so it has no views "
                "to contrast: use an encoder like BERT."
            )
        lengths = [length for length in self._prompt_tokens for _ in rows]
        edits = [view.edit_tokens for view, _ in each]
        if any(edits):
            tensors = edited(self.encoder, tensors, edits, randoms, lengths)
        if any(lengths):
            tensors[PROMPTS] = torch.tensor(lengths)
        tensors[KEYS] = torch.tensor([key - 2**63 for key in keys])
        if self.mask_identical:
            tensors[TEXTS] = torch.tensor([number_of(row[view.column]) for view, row in each])
        batch: dict[str, Any] = {
            "views": [
                {name: tensor[start : start + len(rows)] for name, tensor in tensors.items()}
                for start in range(0, len(texts), len(rows))
            ]
        }
        if LABEL in rows[0]:
            batch["labels"] = torch.tensor([row[LABEL] for row in rows])
        return batch


def number_of(text: str) -> int:
    """Number a text, the same in every batch, run and process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


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


def edited(
    encoder: "SentenceTransformer",
    tokens: Features,
    edits: Sequence[TokenEdit | None],
    randoms: Sequence[Random],
    prompts: Sequence[int],
) -> Features:
    """Edit the ids between each row's special tokens, and pad anew.

    A row may come out longer than it was truncated to, but not longer than the encoder takes.

    Args:
        encoder: Its tokeniser says which tokens are special, and what it pads with.
        tokens: Padded rows.
        edits: One a row, None for none.
        randoms: One a row.
        prompts: Tokens of each row's prompt, special ones before it included; they stay.
    """
    before, after = _special_tokens_around(encoder)
    limit = encoder.max_seq_length or len(tokens["input_ids"][0])
    rows = []
    for ids, mask, edit, random, prompt in zip(
        tokens["input_ids"], tokens["attention_mask"], edits, randoms, prompts, strict=True
    ):
        real = ids[mask.bool()].tolist()
        if edit is not None:
            start, end = max(before, prompt), len(real) - after
            inner = edit(real[start:end], random)[: limit - start - after]
            real = [*real[:start], *inner, *real[end:]]
        rows.append(torch.tensor(real))
    padding = encoder.tokenizer.pad_token_id
    ids = pad_sequence(rows, batch_first=True, padding_value=padding)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    of_one_text = {name: torch.zeros_like(ids) for name in tokens if name == "token_type_ids"}
    return {"input_ids": ids, "attention_mask": mask, **of_one_text}


def _special_tokens_around(encoder: "SentenceTransformer") -> tuple[int, int]:
    """Count the special tokens before and after a text."""
    special = encoder.tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"]
    before = special.index(0)
    return before, special[::-1].index(0)
