"""Rows that know their number and epoch, and from them the tokens of each view."""

from collections.abc import Collection, Sequence
from copy import copy
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import torch
from datasets import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.encoders.batch_tokenizer import BatchTokenizer
from sentemb.encoders.embedding import KEYS, LENGTHS, PRESENT, PROMPTS, TEXTS
from sentemb.encoders.padding import TokenIds, pads_right
from sentemb.encoders.prompts import prompt_of, prompt_tokens
from sentemb.errors import UsageError
from sentemb.training.tokenised_rows import TokenisedRows, TokenisedText, number_of
from sentemb.types import Features
from sentemb.views import View, row_key
from sentemb.views.splitting import words_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

T = TypeVar("T")

LABEL = "label"
ROW, EPOCH, TOKENS = "row", "epoch", "_tokens"
EMPTY = number_of("")
UNREAD = Random(0)
"""What a view is handed that draws nothing in the collator."""


class Collator:
    """Read every view of a batch of rows and tokenise all of them at once.

    All views are padded to one length, so that they can share one forward. What a view draws is
    seeded by (seed, epoch, row, view).

    Args:
        encoder: Its tokeniser is used.
        views: How each row is seen.
        max_length: Tokens a text is truncated to, special tokens included.
        seed: Of everything the views draw.
        mask_identical: Number the texts, so that duplicates are never negatives.
        multiple: Of tokens that a batch is padded to, where the encoder takes as many.
        counts_tokens: Add each row's number of tokens, as an array that stays on the host.
    """

    def __init__(
        self,
        encoder: "SentenceTransformer",
        views: Sequence[View],
        max_length: int,
        seed: int,
        mask_identical: bool = True,
        multiple: int = 1,
        counts_tokens: bool = False,
    ) -> None:
        pads_right(encoder)
        self.encoder = encoder
        self.counts_tokens = counts_tokens
        self.tokenizer = BatchTokenizer(encoder, max_length, multiple)
        self.bounded = self.tokenizer.bounded
        self.max_length = max_length
        self.seed = seed
        self.mask_identical = mask_identical
        self._see(views)

    def _see(self, views: Sequence[View]) -> None:
        self.views = views
        self.prompts = [prompt_of(self.encoder, view.column) for view in views]
        self._prompt_tokens = [prompt_tokens(self.encoder, prompt) for prompt in self.prompts]

    def seeing(self, views: Sequence[View]) -> "Collator":
        """Return a collator of other views, which is otherwise this one."""
        other = copy(self)
        other._see(views)
        return other

    def columns_ahead(self) -> list[str]:
        """Return the columns whose tokens can be made before the first step."""
        if not self.tokenizer.is_direct:
            return []
        return sorted({view.column for view in self.views if view.edit is None})

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
        each = [(view, row) for view in self.views for row in rows]
        randoms = [  # seeding one costs more than a row's tokens
            Random(key) if view.edit or view.edit_tokens else UNREAD
            for key, (view, _) in zip(keys, each, strict=True)
        ]
        tensors = self._features(rows, each, randoms)
        if any(self._prompt_tokens):
            tensors[PROMPTS] = torch.tensor(_each_row(rows, self._prompt_tokens))
        tensors[KEYS] = torch.tensor([key - 2**63 for key in keys])
        hard = len({view.column for view in self.views}) > 2  # negatives, which a row may lack
        if self.mask_identical or hard:
            numbers = torch.tensor(self._text_numbers(rows))
            tensors |= {TEXTS: numbers} if self.mask_identical else {}
            tensors |= {PRESENT: numbers != EMPTY} if hard else {}
        if self.counts_tokens:
            tensors[LENGTHS] = cast(Any, tensors["attention_mask"].sum(dim=1).numpy())
        batch: dict[str, Any] = {
            "views": [
                {name: tensor[start : start + len(rows)] for name, tensor in tensors.items()}
                for start in range(0, len(each), len(rows))
            ]
        }
        if LABEL in rows[0]:
            batch["labels"] = torch.tensor([row[LABEL] for row in rows])
        return batch

    def _features(
        self,
        rows: Sequence[dict[str, Any]],
        each: Sequence[tuple[View, dict[str, Any]]],
        randoms: Sequence[Random],
    ) -> Features:
        """Return what the encoder reads of each view and row."""
        known = [_known(view, row) for view, row in each]
        prompts = _each_row(rows, self.prompts)
        with words_of(self.encoder.tokenizer):
            texts = [
                self.bounded(prompt + view.read(row, random)) or " "
                for ids, prompt, (view, row), random in zip(
                    known, prompts, each, randoms, strict=True
                )
                if ids is None
            ]
        views = [view for view, _ in each]
        changes = any(view.edit_tokens or view.template for view in views)
        lengths = _each_row(rows, self._prompt_tokens)
        if self.tokenizer.is_direct:
            new = iter(self.tokenizer.ids(texts) if texts else ())
            found = [next(new) if ids is None else ids for ids in known]
            if changes:
                found = edited(self.tokenizer, found, views, randoms, lengths)
            return self.tokenizer.features_of_ids(found)
        tensors = self.tokenizer.features(texts)
        if "attention_mask" not in tensors:
            raise UsageError(
                f"{type(self.encoder[0]).__name__} reads no tokens with a mask, so it has no views "
                "to contrast: use an encoder like BERT."
            )
        if not changes:
            return tensors
        masked = zip(tensors["input_ids"], tensors["attention_mask"], strict=True)
        whole = [ids[mask.bool()].tolist() for ids, mask in masked]
        changed = edited(self.tokenizer, whole, views, randoms, lengths)
        return self.tokenizer.padded(changed, "token_type_ids" in tensors)

    def _text_numbers(self, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Return the number of each view's text of each row; a column is read once."""
        columns = {
            column: [_number(row, column) for row in rows]
            for column in {view.column for view in self.views}
        }
        return [number for view in self.views for number in columns[view.column]]


def _each_row(rows: Sequence[Any], of_views: Sequence[T]) -> list[T]:
    """Return what each view has, once for each row."""
    return [one for one in of_views for _ in rows]


def _known(view: View, row: dict[str, Any]) -> TokenIds | None:
    """Return the tokens that were made of a view before, None where there are none."""
    if view.edit is not None or TOKENS not in row or view.column not in row[TOKENS]:
        return None
    ids: TokenIds = row[TOKENS][view.column].ids
    return ids


def _number(row: dict[str, Any], column: str) -> int:
    known: TokenisedText | None = row.get(TOKENS, {}).get(column)
    return number_of(row[column]) if known is None else known.number


class NumberedRows(torch.utils.data.Dataset[dict[str, Any]]):
    """Add to each row its number, and the epoch it is read in.

    Args:
        rows: Text columns, and labels where there are any.
        epoch: Counted from 0; `CountEpochs` sets it.
        tokens: Of columns whose tokens were made before.
        edited: Columns that are needed as texts too, as views edit them.
    """

    def __init__(
        self,
        rows: Dataset,
        epoch: int = 0,
        tokens: TokenisedRows | None = None,
        edited: Collection[str] = (),
    ) -> None:
        self.rows = rows
        self.epoch = epoch
        self.tokens = tokens or {}
        read = [n for n in rows.column_names if n in edited or n not in self.tokens]
        self._read = rows.select_columns(read) if read and self.tokens else rows
        self._reads = bool(read)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[dict[str, Any]]:
        rows = self._read.__getitems__(indices) if self._reads else [{} for _ in indices]
        numbered = [
            {**row, ROW: index, EPOCH: self.epoch} for index, row in zip(indices, rows, strict=True)
        ]
        if self.tokens:
            columns = {column: texts[indices] for column, texts in self.tokens.items()}
            for place, row in enumerate(numbered):
                row[TOKENS] = {column: texts[place] for column, texts in columns.items()}
        return numbered


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
    tokenizer: BatchTokenizer,
    rows: Sequence[TokenIds],
    views: Sequence[View],
    randoms: Sequence[Random],
    prompts: Sequence[int],
) -> list[TokenIds]:
    """Edit the ids between each row's special tokens, and put a view's template around them.

    A row may come out longer than it was truncated to, but not longer than the encoder takes.

    Args:
        tokenizer: Knows how many special tokens a text has.
        rows: Token ids.
        views: One a row.
        randoms: One a row.
        prompts: Tokens of each row's prompt, special ones before it included; they stay.
    """
    before, after = tokenizer.special_tokens
    limit = tokenizer.encoder.max_seq_length or max(map(len, rows))
    changed: list[TokenIds] = []
    for ids, view, random, prompt in zip(rows, views, randoms, prompts, strict=True):
        if view.edit_tokens is None and view.template is None:
            changed.append(ids)
            continue
        real = np.asarray(ids).tolist()
        start, end = max(before, prompt), len(real) - after
        front, inner, back = real[:start], real[start:end], real[end:]
        if view.template is not None:
            front = [*view.template.before, *real[before:start]]
            back = [*view.template.after]
        if view.edit_tokens is not None:
            inner = view.edit_tokens(inner, random)
        changed.append([*front, *inner[: limit - len(front) - len(back)], *back])
    return changed
