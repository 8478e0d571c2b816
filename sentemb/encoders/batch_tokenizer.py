"""Texts into the padded arrays that an encoder reads, straight with the tokenizers library."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer

from sentemb.encoders.bounded import Bounded
from sentemb.encoders.padding import TokenIds, padded
from sentemb.encoders.panics import failing_text_named
from sentemb.encoders.truncating import truncating
from sentemb.errors import TokenizerError, UsageError, panics_refused
from sentemb.types import Features

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PROBES = (" ", "a", "A naïve café, 3.14 [SEP] </s> <s>x [MASK]", "我用 BERT", "a b ")
"""Texts that both ways are compared on; the last is repeated until it is truncated."""
TYPES = "token_type_ids"


class BatchTokenizer:
    """Makes features of texts, or of token ids that were made before.

    The encoder's own `preprocess` makes Python lists of every row and tensors of these lists, which
    takes longer than tokenising. It is used only where ids, padded on the right, are not all that
    it gives: for tokenizers written in Python, for token types that vary, for any other inputs.

    Args:
        encoder: Its tokenizer is copied when the first text comes.
        max_length: Tokens a text is truncated to, special tokens included.
        multiple: Of tokens that token ids are padded to, where the encoder takes as many.
    """

    def __init__(self, encoder: "SentenceTransformer", max_length: int, multiple: int = 1) -> None:
        self.encoder = encoder
        self.multiple = multiple
        self.max_length = max_length
        self.bounded = Bounded(encoder.tokenizer, max_length)

    @property
    def is_direct(self) -> bool:
        """Whether token ids alone make the encoder's features."""
        return self._direct is not None

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text; only where `is_direct`."""
        assert self._direct is not None  # noqa: S101 -- the caller has looked
        own, _ = self._direct
        with failing_text_named(own.encode, texts):
            return [text.ids for text in own.encode_batch_fast(texts)]

    def features_of_ids(self, rows: Sequence[TokenIds]) -> Features:
        """Return the encoder's features of token ids; only where `is_direct`."""
        assert self._direct is not None  # noqa: S101 -- the caller has looked
        return self.padded(rows, self._direct[1])

    def features(self, texts: Sequence[str]) -> Features:
        """Return what the encoder itself makes of texts."""
        with failing_text_named(lambda text: self.encoder.preprocess([text]), texts):
            return self._features(texts)

    def padded(self, rows: Sequence[TokenIds], with_types: bool) -> Features:
        """Return token ids padded on the right, with their mask.

        Args:
            rows: The token ids of each.
            with_types: Whether to add token types, all 0.
        """
        fixed = -(-max(map(len, rows)) // self.multiple) * self.multiple
        most = self.encoder.max_seq_length or fixed
        both = padded(rows, self.encoder.tokenizer.pad_token_id, min(fixed, most))
        ids, mask = map(torch.from_numpy, both)
        features = {"input_ids": ids, "attention_mask": mask}
        return features | ({TYPES: torch.zeros_like(ids)} if with_types else {})

    @cached_property
    def special_tokens(self) -> tuple[int, int]:
        """How many special tokens stand before and after a text."""
        found = self.encoder.tokenizer("a", return_special_tokens_mask=True)
        special = found["special_tokens_mask"]
        before, after = special.index(0), special[::-1].index(0)
        if any(special[before : len(special) - after]):
            raise UsageError(
                "The encoder's template has a text twice, and a view that edits its tokens would "
                "edit the words between: use views of words, or another template."
            )
        return before, after

    @cached_property
    def _direct(self) -> tuple[Tokenizer, bool] | None:
        """The tokenizer where ids alone make the features, and whether these have token types."""
        own = truncating(self.encoder.tokenizer, self.max_length)
        if own is None or getattr(own.model, "dropout", None):
            return None
        probes = [*PROBES[:-1], PROBES[-1] * self.max_length]
        try:
            expected = self._features(probes)
            with panics_refused():
                ids = [text.ids for text in own.encode_batch_fast(probes)]
        except TokenizerError:
            return None
        has_types = TYPES in expected
        if not expected.keys() <= {"input_ids", "attention_mask", TYPES}:
            return None
        return (own, has_types) if _equal(expected, self._probed(ids, has_types)) else None

    def _probed(self, rows: Sequence[TokenIds], with_types: bool) -> Features:
        longest = max(map(len, rows))
        return {name: part[:, :longest] for name, part in self.padded(rows, with_types).items()}

    def _features(self, texts: Sequence[str]) -> Features:
        given = {"text": {"max_length": self.max_length, "truncation": True}}
        with panics_refused():
            made: dict[str, Any] = self.encoder.preprocess(list(texts), processing_kwargs=given)
        return {name: value for name, value in made.items() if name != "modality"}


def _equal(one: Features, other: Features) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )
