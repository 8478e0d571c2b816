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

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

CHARACTERS = 2**20
"""Of all words that are kept; when there are more, all are forgotten."""
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
        self._before, self._after = before, after
        limit = (tokenizer.truncation or {}).get("max_length", sys.maxsize)
        self._end = limit - len(after)
        self._ids: dict[str, list[int]] = {}
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

    def __call__(self, texts: Sequence[str]) -> tuple[list[list[int]], list[bool]]:
        """Return the ids of each text, and whether it was longer than the limit."""
        with self._one_thread:
            return self._of([text.split(" ") for text in texts])

    def _of(self, rows: Sequence[list[str]]) -> tuple[list[list[int]], list[bool]]:
        self._learn(rows)
        known, found, cut = self._ids, [], []
        for row in rows:
            ids = self._before.copy()
            for word in row:
                ids += known[word]
            cut.append(len(ids) > self._end)
            del ids[self._end :]
            ids += self._after
            found.append(ids)
        return found, cut

    def _learn(self, rows: Sequence[list[str]]) -> None:
        if self._characters > CHARACTERS:
            self._ids.clear()
            self._characters = 0
        known, new = self._ids, set(chain.from_iterable(rows)).difference(self._ids)
        if not new:
            return
        parts = {word: found for word in new if (found := self._parts(word)) not in (None, [word])}
        unseen = list(new.difference(parts).union(*parts.values()).difference(known))
        encoded = self._tokenizer.encode_batch_fast(unseen, add_special_tokens=False)
        for word, its in zip(unseen, encoded, strict=True):
            over = its.ids[-1:] if its.overflowing else []  # one more than a text may have
            known[word] = its.ids + over
        for word, found in parts.items():
            known[word] = [token for part in found for token in known[part]]
        self._characters += sum(map(len, new.union(unseen)))

    def _parts(self, word: str) -> list[str] | None:
        """Return the runs of letters and digits of a word and the marks between, in small letters.

        Returns:
            None where a character is not one of ASCII's that can be seen, or a special token is in
            the word.
        """
        if not (word.isascii() and word.isprintable()) or self._added.search(word):
            return None
        found: list[str] = RUNS.findall(word.lower() if self._lowers else word)
        return found
