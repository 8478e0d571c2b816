"""Only what can reach the limit of a long text is tokenised, and the tokens are the same."""

import random

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing

from sentemb.bundled import bundled
from sentemb.encoders.bounded import LEAST, WORDS, Bounded
from sentemb.encoders.truncating import truncating

LIMIT = 24
NORMALIZERS = {
    "none": None,
    "nfc": normalizers.NFC(),
    "nfkc": normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]),
    "accents": normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    ),
    "bert": normalizers.BertNormalizer(),
}
ALSO = ["bert", "none", "nfc", "accents"]
SPLITS = {
    "bert": pre_tokenizers.BertPreTokenizer(),
    "bytes": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "gpt4": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS[-3]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
    "metaspace": pre_tokenizers.Metaspace(),
    "sentencepiece": pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="first")]
    ),
    "digits": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Whitespace()]
    ),
}
ALPHABET = [
    *"abcdefghij" * 3, *" " * 20, *"  \t\n\r\u3000\u00a0", *".,!?'\"`-_()", *"0123456789½²",
    *"éàüßñÅ", *"e\u0301a\u0308o\u0302", *"中文字日本語東京", *"한국어각", "\u1100\u1161\u11a8",
    *"สวัสดีกำ", *"\u0e33\u0eb3\u0d4e\uff9e\uff9f", *"नमस्ते", *"مرحبا\ufdfa", *"ﬁﬀｆ①",
    "🙂", "👩\u200d👧",
    "\u200b", "\ufeff", "\u0000", "[MASK]", "``", "''", "'s", "'ll",
]  # fmt: skip


def texts_of(seed, count, characters):
    draw = random.Random(seed)
    for _ in range(count):
        spaced = draw.random() < 0.7
        letters = ALPHABET if spaced else [c for c in ALPHABET if not c.isspace()]
        yield "".join(draw.choices(letters, k=draw.choice([characters // 2, characters])))


def trained(model, normalizer, split, sentences):
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = split
    special = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    kinds = {"BPE": trainers.BpeTrainer, "Unigram": trainers.UnigramTrainer,
             "WordPiece": trainers.WordPieceTrainer}  # fmt: skip
    more = {"unk_token": "[UNK]"} if isinstance(model, models.Unigram) else {}
    trainer = kinds[type(model).__name__](vocab_size=250, special_tokens=special, **more)
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer


MODELS = [
    lambda: models.BPE(),
    lambda: models.BPE(unk_token="[UNK]", fuse_unk=True),  # noqa: S106
    lambda: models.Unigram(),
    lambda: models.WordPiece(unk_token="[UNK]"),  # noqa: S106
]


def compare(tokenizer, texts, side):
    tokenizer.enable_truncation(LIMIT, direction=side)
    whole, bounded, cut = truncating(tokenizer, LIMIT), Bounded(tokenizer, LIMIT), 0
    for text in texts:
        part = bounded(text)
        cut += len(part) < len(text)
        expected, found = whole.encode(text), whole.encode(part)
        assert found.ids == expected.ids
        assert bool(found.overflowing) == bool(expected.overflowing)
    return cut


@pytest.mark.sampled
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    "normalizer",
    ["nfkc", *(pytest.param(name, marks=pytest.mark.long) for name in ALSO)],
)
def test_tokens_are_those_of_the_whole_text(normalizer, split, sentences, monkeypatch):
    """Small steps, so that every boundary of a random text is a place where it may be cut."""
    texts = list(texts_of(f"{normalizer} {split}", 25, 400))
    for build in MODELS:
        model = build()
        tokenizer = trained(
            model, NORMALIZERS[normalizer], SPLITS[split], [*sentences[:60], *texts[:10]]
        )
        monkeypatch.setattr("sentemb.encoders.bounded.LEAST", 40)
        monkeypatch.setattr("sentemb.encoders.bounded.CHARACTERS_A_TOKEN", 1)
        monkeypatch.setattr("sentemb.encoders.bounded.GROWTH", 2)
        assert compare(tokenizer, texts, "right") > 2
        assert compare(tokenizer, texts, "left") > 2


def test_a_word_that_straddles_the_cut_is_whole(sentences):
    tokenizer = truncating(Tokenizer.from_file(str(bundled("mini") / "tokenizer.json")), None)
    word = " unbelievable"
    for shift in range(len(word)):
        text = "x" * shift + word * 2000
        assert compare(tokenizer, [text], "right") == 1
        assert compare(tokenizer, [text], "left") == 1


def test_chinese_is_cut_between_characters_by_bert():
    tokenizer = truncating(Tokenizer.from_file(str(bundled("mini") / "tokenizer.json")), None)
    assert compare(tokenizer, ["中文" * LEAST], "right") == 1


def test_what_cannot_be_cut_is_tokenised_whole():
    """One huge word; white space alone; a tokenizer with parts that are not known."""
    tokenizer = truncating(Tokenizer.from_file(str(bundled("mini") / "tokenizer.json")), None)
    assert compare(tokenizer, ["a" * 50_000, " " * 50_000, "a" + "." * 50_000], "right") == 0
    text = "some words " * 5000
    assert Bounded(tokenizer, None)(text) == text
    unknown = trained(models.BPE(), None, pre_tokenizers.CharDelimiterSplit("-"), [text])
    assert Bounded(unknown, LIMIT)(text) == text
    spaces = trained(models.BPE(), None, pre_tokenizers.Whitespace(), [text])
    assert Bounded(spaces, LIMIT)(text) != text
    spaces.add_tokens(["new york"])
    assert Bounded(spaces, LIMIT)(text) == text
    replaced = trained(models.BPE(), normalizers.Replace(" ", "-"), pre_tokenizers.Whitespace(), [])
    assert Bounded(replaced, LIMIT)(text) == text
