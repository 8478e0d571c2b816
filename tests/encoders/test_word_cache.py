"""Ids put together from those of words are the tokenizer's own."""

import json
import random
from dataclasses import replace

import pytest
from tokenizers import AddedToken, Tokenizer

from sentemb.bundled import bundled
from sentemb.encoders import word_cache
from sentemb.encoders.tokenising import Tokenising
from sentemb.encoders.truncating import truncating
from sentemb.encoders.word_cache import WordCache

ALPHABET = [
    *"abcdeghinorst" * 4, *" " * 25, *"\t\n\r\u00a0\u2028\u3000\x1c\x85\x00\u200b\ufeff\ufffd",
    *".,!?'\"-_()", *"012½", *"éÀßÑİΣς", *"e\u0301\u0308\u0345o\u0302", *"中文日本東京",
    *"각\u1100\u1161\u11a8", *"สกำ", *"नमस", *"مر\ufdfa", *"ﬁｆ①", "🙂", "👩\u200d👧", "[MASK]",
    "[SEP]", "[UNK]", "unknown", "playing", "ΟΔΟΣ",
]  # fmt: skip


@pytest.fixture(scope="module")
def texts(sentences):
    draw = random.Random(0)
    made = ["".join(draw.choices(ALPHABET, k=draw.randrange(60))) for _ in range(3000)]
    return [*made, *sentences, "", " ", "  a  b ", "x" * 300, "[CLS] a [SEP]"]


def tokenizer_of(name="mini", **changes):
    """Return a bundled tokenizer, with another normalizer where one is given."""
    parts = json.loads((bundled(name) / "tokenizer.json").read_text(encoding="utf-8"))
    parts["normalizer"] |= changes
    return Tokenizer.from_str(json.dumps(parts))


@pytest.mark.parametrize("limit", [None, 3, 12])
@pytest.mark.parametrize(
    "changes",
    [{}, {"lowercase": False, "strip_accents": False}, {"handle_chinese_chars": False},
     {"clean_text": False}],
)  # fmt: skip
def test_ids_are_the_tokenizers_own(texts, limit, changes):
    own = truncating(tokenizer_of(**changes), limit)
    expected = own.encode_batch_fast(texts)
    cache = WordCache.of(own)
    for _ in range(2):  # words that are new, and words that are known
        ids, cut = cache(texts)
        assert [one.tolist() for one in ids] == [text.ids for text in expected]
        assert cut == [bool(text.overflowing) for text in expected]
    assert any(cut) == (limit is not None)


def test_words_are_forgotten_when_there_are_many(texts, monkeypatch):
    monkeypatch.setattr(word_cache, "CHARACTERS", 100)
    own = truncating(tokenizer_of(), None)
    cache = WordCache.of(own)
    for text in texts[:300]:
        assert cache([text])[0][0].tolist() == own.encode(text).ids
        kept = sum(map(len, [*cache._ids, *cache._parts]))
        assert kept == cache._characters <= 100 + 2 * len(text)


def test_a_special_token_of_small_letters_is_no_part_of_other_words():
    own = tokenizer_of()
    own.add_special_tokens([AddedToken("covid", normalized=False)])
    for words in ("COVID", "covid", "Covid, covid", "covid"), ("covid", "COVID"):
        cache = WordCache.of(own)
        for text in words:
            assert cache([text])[0][0].tolist() == own.encode(text).ids


def test_another_tokenizer_has_no_cache():
    def changed(**parts):
        return Tokenizer.from_str(json.dumps(json.loads(tokenizer_of().to_str()) | parts))

    spaced = tokenizer_of()
    spaced.add_tokens([AddedToken("new york", normalized=False)])
    normalized = tokenizer_of()
    normalized.add_tokens([AddedToken("newyork", normalized=True)])
    left = tokenizer_of()
    left.enable_truncation(8, direction="left")
    full = tokenizer_of()
    full.enable_truncation(2)
    others = changed(normalizer={"type": "Lowercase"}), changed(normalizer=None)
    for other in (spaced, normalized, left, full, *others):
        assert WordCache.of(other) is None


def test_what_is_tokenised_for_an_encoder_is_the_same(texts, monkeypatch):
    def tokens():
        found = Tokenising(tokenizer_of(), 12, "query: ")(texts)
        return replace(found, ids=[list(ids) for ids in found.ids])

    found = tokens()
    monkeypatch.setattr(WordCache, "of", lambda _: None)
    assert tokens() == found
