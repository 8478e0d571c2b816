"""A long text is tokenised only as far as its tokens can reach the limit; they stay the same.

A text is cut at a *boundary*: in front of a single space between two letters or digits. Where the
parts of a tokenizer are among those listed here, none of them looks across such a place:

- A normalizer changes characters one at a time, or by the characters that they are combined with.
  A space is combined with nothing before it, and a letter or digit not with a space. Letters that
  join what stands beside them to one grapheme are left out, see `LETTER`.
- A pre-tokenizer that splits at spaces ends a piece at the boundary, whatever follows; those that
  stand before or behind it split more finely, by neighbouring characters.
- A model sees one piece at a time.
- A word that was added to the vocabulary is found in one piece, where it holds no white space.

So the tokens of both sides, put together, are the tokens of the whole. The part that is kept is
long enough where it alone is over the limit: then the tokens up to the limit, counted from the
text's beginning (or its end, where the tokenizer truncates on the left), all come from that part,
and the text is cut as it would be as a whole. Where no part will do, as in one huge word, or where
a tokenizer has parts that are not known here, the whole text is tokenised.
"""

import json
import re
from functools import cached_property
from typing import Any

from tokenizers import Tokenizer

from sentemb.encoders.truncating import NO_LIMIT, truncating

LEAST, CHARACTERS_A_TOKEN, GROWTH = 4096, 8, 4
"""How much of a text is tried first, and how much more each time."""
LETTER = r"[^\W_\u0d4e\u0e33\u0eb3\uff9e\uff9f\U00010000-\U0010ffff]"
"""A letter or digit that is a grapheme by itself."""
AT_SPACES = rf"(?<={LETTER})(?= {LETTER})"
BETWEEN_IDEOGRAPHS = r"(?<=[\u4e00-\u9fff])(?=[\u4e00-\u9fff])"
"""BERT's normalizer puts spaces around each of them."""
LOCAL_NORMALIZERS = {
    *("BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled"),
    *("Sequence", "Strip", "StripAccents"),
}
LOCAL_PATTERNS = ({"Regex": " {2,}"}, {"String": "``"}, {"String": "''"})
SPLITTERS = {"BertPreTokenizer", "ByteLevel", "Metaspace", "Whitespace", "WhitespaceSplit"}
FINER = {"ByteLevel", "Digits", "Punctuation"}
WORDS = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    *(
        rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?{word}|{number}| ?{mark}[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
        for word, mark in ((r"\p{L}+", r"[^\s\p{L}\p{N}]+"),
                           (r"[\p{L}\p{M}]+", r"[^\s\p{L}\p{M}\p{N}]+"))
        for number in (r"\p{N}", r"\p{N}{1,3}")
    ),
]  # fmt: skip
"""The expressions of GPT-2, GPT-4, Llama 3 and Qwen: no match crosses a boundary."""
MODELS = {"BPE", "Unigram", "WordLevel", "WordPiece"}


class Bounded:
    """Cuts long texts to what can reach a tokenizer's limit.

    Args:
        tokenizer: Of the tokenizers library, or of transformers around one; read when the first
            long text comes.
        limit: Tokens of a text; None for no limit.
    """

    def __init__(self, tokenizer: Any, limit: int | None) -> None:
        self._given = tokenizer
        self._limit = limit if limit is not None and limit <= NO_LIMIT else None
        self._least = max(LEAST, CHARACTERS_A_TOKEN * (self._limit or 0))

    def __call__(self, text: str) -> str:
        """Return a text, or a part of it that is over the limit and has the same tokens."""
        if self._limit is None or len(text) <= self._least or self._boundary is None:
            return text
        size = self._least
        while size < len(text):
            part = self._part(text, size)
            if part and self.is_over(part):
                return part
            size *= GROWTH
        return text

    def _part(self, text: str, size: int) -> str:
        """Return a text's beginning, or its end, of at most so many characters."""
        assert self._boundary is not None  # noqa: S101 -- the caller has looked
        if self.at_end:
            start = len(text) - size
            found = self._boundary.search(text, start, start + size // 2)
            return text[found.start() :] if found else ""
        ends = [found.start() for found in self._boundary.finditer(text, size // 2, size)]
        return text[: ends[-1]] if ends else ""

    def is_over(self, text: str) -> bool:
        """Tell whether a text has more tokens than the limit."""
        assert self._tokenizer is not None  # noqa: S101 -- the caller has cut a text
        return bool(self._tokenizer.encode_batch_fast([text])[0].overflowing)

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        return truncating(self._given, self._limit)

    @cached_property
    def at_end(self) -> bool:
        """Whether the end of a text is read."""
        truncation = self._tokenizer.truncation if self._tokenizer else None
        return bool(truncation and truncation["direction"] == "left")

    @cached_property
    def _boundary(self) -> re.Pattern[str] | None:
        if self._tokenizer is None:
            return None
        parts = json.loads(self._tokenizer.to_str())
        normalizers = _flat(parts["normalizer"], "normalizers")
        splits = _flat(parts["pre_tokenizer"], "pretokenizers")
        if not (
            all(map(_is_local, normalizers))
            and all(part["type"] in FINER or _is_splitter(part) for part in splits)
            and any(map(_is_splitter, splits))
            and _splits_words(self._tokenizer)
            and parts["model"]["type"] in MODELS
            and not parts["model"].get("dropout")
            and not any(re.search(r"\s", added["content"]) for added in parts["added_tokens"])
        ):
            return None
        if self.at_end and (
            any(part.get("strip_left") for part in normalizers)
            or any(added["rstrip"] for added in parts["added_tokens"])
        ):
            return None
        chinese = any(part.get("handle_chinese_chars") for part in normalizers)
        return re.compile(f"{AT_SPACES}|{BETWEEN_IDEOGRAPHS}" if chinese else AT_SPACES)


def _flat(part: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """Return the parts of a sequence, nested ones too."""
    if part is None:
        return []
    if part["type"] != "Sequence":
        return [part]
    return [each for inner in part[name] for each in _flat(inner, name)]


def _is_local(normalizer: dict[str, Any]) -> bool:
    if normalizer["type"] == "Replace":
        return normalizer["pattern"] in LOCAL_PATTERNS
    return normalizer["type"] in LOCAL_NORMALIZERS


def _splits_words(tokenizer: Tokenizer) -> bool:
    """Tell whether spaces are still there for the pre-tokenizer to split at."""
    text = "a 1 b"
    if tokenizer.normalizer is not None:
        text = tokenizer.normalizer.normalize_str(text)
    return len(tokenizer.pre_tokenizer.pre_tokenize_str(text)) >= 3


def _is_splitter(part: dict[str, Any]) -> bool:
    """Tell whether a pre-tokenizer ends a piece in front of each space."""
    if part["type"] == "Split":
        return part["pattern"].get("Regex") in WORDS and part["behavior"] == "Isolated"
    if part["type"] == "ByteLevel":
        return bool(part["use_regex"])
    return part["type"] in SPLITTERS and part.get("split", True)
