"""Edits of token ids, between tokenisation and padding."""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

import torch
from torch.nn.utils.rnn import pad_sequence

from sentemb.types import Features
from sentemb.views import TokenEdit

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


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
