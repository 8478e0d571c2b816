"""Texts in tokens, each distinct text once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Encoding, Tokenizer

from sentemb.encoders.bounded import Bounded
from sentemb.encoders.padding import TokenIds
from sentemb.encoders.panics import failing_text_named
from sentemb.encoders.truncating import truncating
from sentemb.encoders.unknown import unknown_id
from sentemb.encoders.word_cache import WordCache

AT_ONCE, CHARACTERS = 256, 2**20
"""Texts that are tokenised at once: what a tokeniser says of each is large."""


class TextCounts(NamedTuple):
    """What is counted of each text.

    Args:
        cut: Whether it was longer than the encoder's maximum.
        unknown: Tokens that the tokenizer does not know.
        known: Those that it knows, without special tokens and prompt.
        unread: Whether nothing of it is known, though it is not blank.
    """

    cut: list[bool]
    unknown: list[int]
    known: list[int]
    unread: list[bool]


@dataclass(frozen=True)
class Tokens:
    """Distinct texts in tokens.

    Args:
        texts: Each once.
        read: What of each can reach the encoder's maximum.
        ids: The tokens of each, cut to the encoder's maximum.
        counts: What is counted of each; None where the tokenizer does not tell.
        rows: For every row of what was asked for, which of them it is.
    """

    texts: list[str]
    read: list[str]
    ids: Sequence[TokenIds]
    counts: TextCounts | None
    rows: list[int]

    def of_rows(self) -> TextCounts | None:
        """Return what is counted of each row."""
        if self.counts is None:
            return None
        cut, unknown, known, unread = self.counts
        rows = self.rows
        return TextCounts(
            [cut[row] for row in rows],
            [unknown[row] for row in rows],
            [known[row] for row in rows],
            [unread[row] for row in rows],
        )


class Tokenising:
    """Texts into the tokens that an encoder reads of them.

    Args:
        tokenizer: Of the tokenizers library, or of transformers around one; with any other, every
            text counts as one token.
        limit: Tokens of a text; None for no limit.
        prompt: What the encoder puts before each text.
    """

    def __init__(self, tokenizer: Any, limit: int | None = None, prompt: str = "") -> None:
        self.own = truncating(tokenizer, limit)
        self._bounded = Bounded(tokenizer, limit)
        self._prompt = prompt

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Return the tokens of each distinct text."""
        numbers: dict[str, int] = {}
        rows = [numbers.setdefault(text, len(numbers)) for text in texts]
        distinct = list(numbers)
        own = self.own
        if own is None:
            return Tokens(distinct, distinct, [[0]] * len(distinct), None, rows)
        read: list[str] = []
        ids: list[TokenIds] = []
        cut: list[bool] = []
        for some in batches_of(distinct):
            parts = list(map(self._part, some))
            with failing_text_named(lambda text: own.encode(self._part(text)), some):
                found = self._ids(own, parts)
            read += map(self._without_prompt, some, parts)
            ids += found[0]
            cut += found[1]
        return Tokens(distinct, read, ids, self.counted(distinct, ids, cut), rows)

    def _ids(self, own: Tokenizer, texts: list[str]) -> tuple[Sequence[TokenIds], list[bool]]:
        """Return the ids of each text, and whether it was longer than the limit."""
        if self._words is not None:
            return self._words(texts)
        found: list[Encoding] = own.encode_batch_fast(texts)
        return [text.ids for text in found], [bool(text.overflowing) for text in found]

    @cached_property
    def _words(self) -> WordCache | None:
        return None if self.own is None else WordCache.of(self.own)

    def _part(self, text: str) -> str:
        return self._bounded(self._prompt + text)

    def counted(self, texts: Sequence[str], ids: Sequence[TokenIds], cut: list[bool]) -> TextCounts:
        """Count the tokens of texts; ``cut`` says which were longer than the limit."""
        token, unknown_around, around = self._around
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        is_unknown = np.concatenate([np.empty(0, np.int32), *ids]) == token
        text_of = np.repeat(np.arange(len(ids)), lengths)
        counted = np.bincount(text_of[is_unknown], minlength=len(ids))
        unknown = np.maximum(counted - unknown_around, 0)
        known = np.maximum(lengths - unknown - around, 0).tolist()
        unread = [not n and bool(text.strip()) for n, text in zip(known, texts, strict=True)]
        return TextCounts(cut, unknown.tolist(), known, unread)

    def _without_prompt(self, text: str, part: str) -> str:
        if len(part) == len(self._prompt) + len(text):
            return text
        return part if self._bounded.at_end else part[len(self._prompt) :]

    @cached_property
    def _around(self) -> tuple[int, int, int]:
        """Return the unknown token, how often the prompt has it, and all tokens around a text."""
        unknown = unknown_id(self.own)
        ids: list[int] = self.own.encode(self._prompt).ids if self.own else []
        token = -1 if unknown is None else unknown
        return token, ids.count(token), len(ids)


def batches_of(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut texts into batches that are small enough to be tokenised at once.

    Example:
        >>> [len(batch) for batch in batches_of(["a"] * 300)]
        [256, 44]
    """
    start = characters = 0
    for place, text in enumerate(texts):
        if place > start and (place - start == AT_ONCE or characters + len(text) > CHARACTERS):
            yield texts[start:place]
            start, characters = place, 0
        characters += len(text)
    if start < len(texts):
        yield texts[start:]
