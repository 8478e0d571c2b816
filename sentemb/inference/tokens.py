"""Texts in tokens, each distinct text once, and batches of as many tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from sentemb.encoders.lengths import NO_LIMIT
from sentemb.encoders.panics import failing_text_named

AT_ONCE = 256
"""Texts that are tokenised at once: what a tokeniser says of each is large."""


@dataclass(frozen=True)
class Tokens:
    """Distinct texts in tokens.

    Args:
        texts: Each once.
        ids: The tokens of each, cut to the encoder's maximum.
        cut: Whether each was longer; None where the encoder does not tell.
        rows: For every row of what was asked for, which of them it is.
    """

    texts: list[str]
    ids: list[list[int]]
    cut: list[bool] | None
    rows: list[int]


def tokenised(tokenizer: Tokenizer | None, texts: Sequence[str], prompt: str = "") -> Tokens:
    """Return the tokens of each distinct text.

    Args:
        tokenizer: Truncates as the encoder does; None where the encoder has none of its kind: every
            text counts as one token then.
        texts: One a row.
        prompt: What the encoder puts before each.
    """
    numbers: dict[str, int] = {}
    rows = [numbers.setdefault(text, len(numbers)) for text in texts]
    distinct = list(numbers)
    if tokenizer is None:
        return Tokens(distinct, [[0]] * len(distinct), None, rows)
    ids: list[list[int]] = []
    cut: list[bool] = []
    for start in range(0, len(distinct), AT_ONCE):
        some = [prompt + text for text in distinct[start : start + AT_ONCE]]
        with failing_text_named(tokenizer.encode, some):
            found = tokenizer.encode_batch_fast(some)
        ids += [text.ids for text in found]
        cut += [bool(text.overflowing) for text in found]
    return Tokens(distinct, ids, cut, rows)


def truncating(tokenizer: Any, limit: int | None) -> Tokenizer | None:
    """Return a copy of a tokeniser that truncates at a limit, on its own side, and pads not.

    Args:
        tokenizer: Of the tokenizers library, or of transformers around one.
        limit: Tokens of a text; None for no limit.

    Returns:
        None where it is neither.
    """
    own = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not isinstance(own, Tokenizer):
        return None
    its_own = (own.truncation or {}).get("direction", "right")
    copy: Tokenizer = Tokenizer.from_str(own.to_str())
    copy.no_padding()
    copy.no_truncation()
    if limit is not None and limit <= NO_LIMIT:
        copy.enable_truncation(limit, direction=getattr(tokenizer, "truncation_side", its_own))
    return copy


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
