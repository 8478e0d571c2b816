"""A sentence as the units that word edits change, and back: words, or what stands for them.

Scripts that put no spaces between words are split further: Chinese and Japanese into characters,
Thai and its like into the words of a tokenizer.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import regex

CHARACTERS = r"[\p{Han}\p{scx=Hiragana}\p{scx=Katakana}\p{Bopomofo}\p{Yi}]"
"""Of scripts in which a character is a unit."""
COMPLEX = r"[\p{Line_Break=Complex_Context}\p{Tibetan}\p{Javanese}\p{Balinese}]"
"""Of scripts whose words only a dictionary tells apart (Unicode's line breaking, class SA)."""
UNSPACED = regex.compile(rf"(?=\p{{L}}){CHARACTERS}|{COMPLEX}")
LETTER = rf"(?!{CHARACTERS}|{COMPLEX})[\p{{L}}\p{{N}}]\p{{M}}*"
PIECE = regex.compile(
    rf"(?P<complex>(?:(?={COMPLEX})\X)+)|{LETTER}(?:[.,:'’_+-]?{LETTER})*|\X", regex.VERSION1
)
"""A run of a complex script, a run of letters and digits of another, or a character."""
SYLLABLE = regex.compile(r"\p{Tibetan}*?[་།]+|[เ-ไເ-ໄ]?\X(?:(?<=[\u1039\u17d2])\X|[\p{M}ะ-ำະ-ຳ])*")
"""What a run is split into where no tokenizer knows it: a letter with its vowels and marks."""

Boundaries = Callable[[str], Sequence[int]]
"""From a run of a complex script to the places in it where a word begins."""
_boundaries: ContextVar[Boundaries | None] = ContextVar("boundaries", default=None)


class Word(NamedTuple):
    """A unit of a sentence.

    Args:
        text: Never empty.
        spaced: Whether a space stands before it, unless it comes first.
        repeats: Whether a space stands between two of it.
    """

    text: str
    spaced: bool = True
    repeats: bool = True


def split(text: str) -> list[Word]:
    """Return the units of a text: what spaces separate, and of unspaced scripts its parts.

    Example:
        >>> [word.text for word in split("我用BERT-base  学习 it")]
        ['我', '用', 'BERT-base', '学', '习', 'it']
        >>> join(split("我用BERT-base  学习 it"))
        '我用BERT-base 学习 it'
    """
    if text.isascii() or not UNSPACED.search(text):
        return list(map(Word, text.split()))
    words: list[Word] = []
    for token in text.split():
        if not UNSPACED.search(token):
            words.append(Word(token))
            continue
        pieces = [piece for match in PIECE.finditer(token) for piece in _pieces(match)]
        spaced = [bool(words), *[False] * (len(pieces) - 1)]
        words += [Word(piece, space, False) for piece, space in zip(pieces, spaced, strict=True)]
    return words


def join(words: Sequence[Word]) -> str:
    """Return the text of units, with the spaces that they had and no others."""
    parts: list[str] = []
    before: Word | None = None
    for word in words:
        space = word.repeats if word is before else word.spaced
        parts.append(f" {word.text}" if space and parts else word.text)
        before = word
    return "".join(parts)


@contextmanager
def words_of(tokenizer: Any) -> Iterator[None]:
    """Split Thai and its like into this tokenizer's words for a while, where it knows them."""
    known = partial(_starts, tokenizer) if getattr(tokenizer, "is_fast", False) else None
    token = _boundaries.set(known)
    try:
        yield
    finally:
        _boundaries.reset(token)


def _pieces(match: "regex.Match[str]") -> list[str]:
    if match["complex"] is None:
        return [match[0]]
    syllables: list[str] = SYLLABLE.findall(match[0])
    known = _boundaries.get()
    if known is None:
        return syllables
    starts = set(known(match[0]))
    words: list[str] = []
    place = 0
    for syllable in syllables:
        if place in starts or not words:
            words.append(syllable)
        else:
            words[-1] += syllable
        place += len(syllable)
    return words


def _starts(tokenizer: Any, run: str) -> list[int]:
    """Return where a tokenizer's words begin; within what it does not know, every place."""
    found = tokenizer(run, add_special_tokens=False, return_offsets_mapping=True)
    starts: list[int] = []
    for token, (start, end) in zip(found["input_ids"], found["offset_mapping"], strict=True):
        starts += range(start, end) if token == tokenizer.unk_token_id else [start]
    return starts
