"""Rows into the tokens of each view."""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Any

import torch

from sentemb.encoders.bounded import Bounded
from sentemb.encoders.embedding import KEYS, PROMPTS, TEXTS
from sentemb.encoders.padding import pads_right
from sentemb.encoders.panics import failing_text_named
from sentemb.encoders.prompts import prompt_of, prompt_tokens
from sentemb.errors import UsageError
from sentemb.training.rows import EPOCH, ROW
from sentemb.training.token_edits import edited
from sentemb.views import View, row_key
from sentemb.views.splitting import words_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LABEL = "label"


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
            tensors[TEXTS] = torch.tensor([_number(row[view.column]) for view, row in each])
        batch: dict[str, Any] = {
            "views": [
                {name: tensor[start : start + len(rows)] for name, tensor in tensors.items()}
                for start in range(0, len(texts), len(rows))
            ]
        }
        if LABEL in rows[0]:
            batch["labels"] = torch.tensor([row[LABEL] for row in rows])
        return batch


def _number(text: str) -> int:
    """Number a text, the same in every batch, run and process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)
