"""Token ids of texts made of their words' ids: a word is tokenised once, however often it comes.

With BERT's normalizer and pre-tokenizer the tokens of a text are those of its parts between single
spaces, put together: no part of this tokenizer looks across a space (`bounded` says why). So are
those of a word of ASCII the tokens of its letters and marks, most of which were seen before.
"""

import re
import sys
from collections.abc import Sequence
from itertools import chain
from threading import Lock
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

CHARACTERS = 2**20
"""Of all words that are kept; when there are more, all are forgotten."""
BYTES = 4
"""Of an id."""
RUNS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]")
"""BERT parts a word of ASCII so: every other character that can be seen is a mark to it."""
PARTS = {
    "normalizer": BertNormalizer,
    "pre_tokenizer": BertPreTokenizer,
    "model": WordPiece,
}


class WordCache:
    """Gives the ids that a tokenizer gives, several times as fast where words come again.

    Args:
        tokenizer: One that `of` takes.
        before: Ids of the special tokens before a text.
        after: Those behind it.
    """

    def __init__(self, tokenizer: Tokenizer, before: list[int], after: list[int]) -> None:
        self._tokenizer = tokenizer
        self._before, self._after = _packed(before), _packed(after)
        limit = (tokenizer.truncation or {}).get("max_length", sys.maxsize)
        self._end = BYTES * (limit - len(after))
        self._model = tokenizer.model
        self._ids: dict[str, bytes] = {}
        self._parts: dict[str, bytes] = {}
        """Of words; a word that is a special token, in small letters, may be a part of another."""
        self._characters = 0
        added = (token.content for token in tokenizer.get_added_tokens_decoder().values())
        self._added = re.compile("|".join(map(re.escape, added)) or "(?!)")
        self._lowers = bool(tokenizer.normalizer.lowercase)
        self._one_thread = Lock()

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self | None:
        """Return a cache for a tokenizer that truncates on the right and pads not.

        Returns:
            None where the parts of the tokenizer are others than BERT's, or a limit leaves no room.
        """
        added = tokenizer.get_added_tokens_decoder().values()
        found = tokenizer.encode("a")
        text = [place for place, special in enumerate(found.special_tokens_mask) if not special]
        if (
            all(isinstance(getattr(tokenizer, name), kind) for name, kind in PARTS.items())
            and not any(token.normalized or " " in token.content for token in added)
            and (tokenizer.truncation or {}).get("direction", "right") == "right"
            and len(text) == 1
        ):
            return cls(tokenizer, found.ids[: text[0]], found.ids[text[0] + 1 :])
        return None

    def __call__(self, texts: Sequence[str]) -> tuple[list[NDArray[np.int32]], list[bool]]:
        """Return the ids of each text, and whether it was longer than the limit."""
        with self._one_thread:
            return self._of([text.split(" ") for text in texts])

    def _of(self, rows: Sequence[list[str]]) -> tuple[list[NDArray[np.int32]], list[bool]]:
        self._learn(rows)
        known, found, cut = self._ids.__getitem__, [], []
        for row in rows:
            ids = self._before + b"".join(map(known, row))
            cut.append(len(ids) > self._end)
            found.append(np.frombuffer(ids[: self._end] + self._after, np.int32))
        return found, cut

    def _learn(self, rows: Sequence[list[str]]) -> None:
        if self._characters > CHARACTERS:
            self._ids.clear()
            self._parts.clear()
            self._characters = 0
        new = set(chain.from_iterable(rows)).difference(self._ids)
        others = [word for word in new if not self._is_plain(word)]
        for word in new.difference(others):
            self._ids[word] = self._of_plain(word)
        encoded = self._tokenizer.encode_batch_fast(others, add_special_tokens=False)
        for word, its in zip(others, encoded, strict=True):
            over = its.ids[-1:] if its.overflowing else []  # one more than a text may have
            self._ids[word] = _packed(its.ids + over)
        self._characters += sum(map(len, new))

    def _is_plain(self, word: str) -> bool:
        """Tell whether all of a word can be seen and is ASCII's, and no special token is in it."""
        return word.isascii() and word.isprintable() and not self._added.search(word)

    def _of_plain(self, word: str) -> bytes:
        """Return the ids of the runs of letters and digits of a word and of the marks between."""
        known, ids = self._parts, b""
        for part in RUNS.findall(word.lower() if self._lowers else word):
            if part not in known:
                known[part] = _packed([token.id for token in self._model.tokenize(part)])
                self._characters += len(part)
            ids += known[part]
        return ids[: self._end + BYTES]


def _packed(ids: list[int]) -> bytes:
    """Return ids in bytes, which are joined fast, and which the garbage collector passes by."""
    return np.array(ids, np.int32).tobytes()
