"""How much of some texts an encoder reads, and how much of that it knows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sentemb.encoders.bounded import Bounded
from sentemb.encoders.panics import failing_text_named
from sentemb.encoders.tokenising import TextCounts, Tokenising, Tokens
from sentemb.encoders.unknown import unknown_id
from sentemb.errors import InputError

WINDOW = 4096


@dataclass(frozen=True)
class Reading:
    """What an encoder's tokenizer makes of some texts.

    Args:
        texts: How many.
        truncated: Texts cut to the limit.
        unknown_texts: Texts with a token that the tokenizer does not know.
        unread_texts: Texts of which it knows nothing, blank ones aside.
        unknown_tokens: Tokens that it does not know.
        known_tokens: Those that it knows, without special tokens and prompts.
    """

    texts: int = 0
    truncated: int = 0
    unknown_texts: int = 0
    unread_texts: int = 0
    unknown_tokens: int = 0
    known_tokens: int = 0

    @property
    def unknown_share(self) -> float:
        """Share of the tokens that the tokenizer does not know, in [0, 1]."""
        return self.unknown_tokens / max(1, self.unknown_tokens + self.known_tokens)

    @property
    def is_mostly_unknown(self) -> bool:
        """Whether most of the tokens are not known, or nothing of most of the texts is."""
        return self.unknown_share > 0.5 or 2 * self.unread_texts > self.texts > 0

    def __add__(self, other: "Reading") -> "Reading":
        """Return what both are together."""
        return Reading(*(getattr(self, n) + getattr(other, n) for n in vars(self)))

    def share_words(self) -> str:
        """Say how much is not known, as ``83% of the tokens, nothing known in 12 of 500 texts``.

        Example:
            >>> Reading(texts=2, unread_texts=1, unknown_tokens=1, known_tokens=3).share_words()
            '25% of the tokens; nothing is known of 1 of 2 texts'
        """
        return (
            f"{self.unknown_share:.0%} of the tokens; nothing is known of "
            f"{self.unread_texts:,} of {self.texts:,} texts"
        )


def reading(
    tokenizer: Any,
    texts: Iterable[str],
    limit: int | None,
    prompt: str = "",
    keep: Callable[[Tokens], None] | None = None,
) -> Reading:
    """Count what a tokenizer reads and knows of texts.

    Args:
        tokenizer: Of the tokenizers library or of transformers; another truncates nothing and says
            nothing of what it knows.
        texts: Read in windows.
        limit: Tokens of a text, special ones included; None for no limit.
        prompt: What stands before each text.
        keep: Gets the tokens of each window, where the tokenizer gives them.
    """
    tokenise, found, iterator = Tokenising(tokenizer, limit, prompt), Reading(), iter(texts)
    while window := list(islice(iterator, WINDOW)):
        if tokenise.own is not None:
            tokens = tokenise(window)
            counts = tokens.of_rows()
            if keep:
                keep(tokens)
        else:
            counts = _by_python(tokenizer, window, limit, prompt)
        found += of_counts(counts) if counts else Reading(texts=len(window))
    return found


def of_counts(counts: TextCounts) -> Reading:
    """Sum up what was counted of texts."""
    return Reading(
        texts=len(counts.cut),
        truncated=sum(counts.cut),
        unknown_texts=sum(map(bool, counts.unknown)),
        unread_texts=sum(counts.unread),
        unknown_tokens=sum(counts.unknown),
        known_tokens=sum(counts.known),
    )


def _by_python(
    tokenizer: Any, texts: Sequence[str], limit: int | None, prompt: str
) -> TextCounts | None:
    """Count by a tokenizer of transformers that is written in Python."""
    if not callable(tokenizer):
        return None
    longest = {"truncation": True, "max_length": limit + 1} if limit else {}
    given = [prompt, *(prompt + text for text in texts)]
    with failing_text_named(tokenizer, given):
        around, *rows = tokenizer(given, return_attention_mask=False, **longest)["input_ids"]
    token = unknown_id(tokenizer)
    unknown = [max(0, ids.count(token) - around.count(token)) for ids in rows]
    known = [max(0, len(ids) - n - len(around)) for ids, n in zip(rows, unknown, strict=True)]
    return TextCounts(
        cut=[limit is not None and len(ids) > limit for ids in rows],
        unknown=unknown,
        known=known,
        unread=[not n and bool(text.strip()) for n, text in zip(known, texts, strict=True)],
    )


def require_known(found: Reading, column: str | None = None) -> None:
    """Raise where most of what was read is unknown to the tokenizer.

    Args:
        found: The counts.
        column: That they are of, where there are several.

    Raises:
        InputError: Says how much is unknown.
    """
    if found.is_mostly_unknown:
        where = "" if column is None else f" in column '{column}'"
        raise InputError(
            f"The model's tokenizer does not know most of the texts{where} "
            f"({found.share_words()}), so "
            "there is little to learn from: use a model whose tokenizer knows their language and "
            "script."
        )


def require_known_words(tokenizer: Any, texts: Sequence[str]) -> None:
    """Raise where a tokeniser knows no word of the texts; transformers makes up an empty one.

    Raises:
        InputError: When that is so.
    """
    unknown, special = tokenizer.unk_token_id, set(tokenizer.all_special_ids)
    read = list(map(Bounded(tokenizer, 512), texts))
    with failing_text_named(tokenizer, read):
        ids = {token for ids in tokenizer(read)["input_ids"] for token in ids}
    if unknown is not None and unknown in ids and ids <= special:
        raise InputError(
            f"The model's tokenizer knows no word of '{texts[0][:40]}' and the rows after it: is "
            "its tokenizer.json (or vocab.txt) missing, or the text in another script?"
        )
