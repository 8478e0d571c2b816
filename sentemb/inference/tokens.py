"""Texts in tokens, each distinct text once, and batches of as many tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tokenizers import Encoding

from sentemb.encoders.bounded import Bounded
from sentemb.encoders.truncating import truncating
from sentemb.encoders.unknown import unknown_id

AT_ONCE, CHARACTERS = 256, 2**20
"""Texts that are tokenised at once: what a tokeniser says of each is large."""


@dataclass(frozen=True)
class Tokens:
    """Distinct texts in tokens.

    Args:
        texts: Each once.
        read: What of each can reach the encoder's maximum.
        ids: The tokens of each, cut to the encoder's maximum.
        cut: Whether each was longer; None where the encoder does not tell.
        unknown: Tokens of each that the tokenizer does not know; None where it does not tell.
        known: Those that it knows, without special tokens and prompt; None likewise.
        rows: For every row of what was asked for, which of them it is.
    """

    texts: list[str]
    read: list[str]
    ids: list[list[int]]
    cut: list[bool] | None
    unknown: list[int] | None
    known: list[int] | None
    rows: list[int]


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
        if self.own is None:
            return Tokens(distinct, distinct, [[0]] * len(distinct), None, None, None, rows)
        read: list[str] = []
        ids: list[list[int]] = []
        cut: list[bool] = []
        for some in batches_of(distinct):
            parts = [self._bounded(self._prompt + text) for text in some]
            found: list[Encoding] = self.own.encode_batch_fast(parts)
            read += map(self._without_prompt, some, parts)
            ids += [text.ids for text in found]
            cut += [bool(text.overflowing) for text in found]
        unknown_id, unknown_around, known_around = self._around
        unknown = [max(0, each.count(unknown_id) - unknown_around) for each in ids]
        known = [
            max(0, len(each) - count - known_around)
            for each, count in zip(ids, unknown, strict=True)
        ]
        return Tokens(distinct, read, ids, cut, unknown, known, rows)

    def _without_prompt(self, text: str, part: str) -> str:
        if len(part) == len(self._prompt) + len(text):
            return text
        return part if self._bounded.at_end else part[len(self._prompt) :]

    @cached_property
    def _around(self) -> tuple[int, int, int]:
        """Return the unknown token, and how many of the prompt are unknown and known."""
        unknown = unknown_id(self.own)
        ids: list[int] = self.own.encode(self._prompt).ids if self.own else []
        token = -1 if unknown is None else unknown
        return token, ids.count(token), len(ids) - ids.count(token)


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


def by_tokens(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Cut rows into batches of at most so many tokens, padding included, longest first.

    Args:
        lengths: Tokens of each row.
        budget: Tokens of a batch; a longer row is a batch of its own.

    Example:
        >>> list(by_tokens([2, 5, 3, 2], budget=6))
        [[1], [2, 0], [3]]
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        rows = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + rows]
        start += rows
