"""Word views where words are not separated by spaces; and that elsewhere nothing changes."""

import logging
import re
import unicodedata
from random import Random

import pytest
import regex
from datasets import Dataset

from sentemb import Method, NTXent, Siamese, View
from sentemb.training.collator import Collator
from sentemb.training.preflight import unchanged_share, warn_of_unchanged
from sentemb.views import (
    EDA,
    Adversarial,
    Crop,
    FeatureCutoff,
    RandomDeletion,
    RandomInsertion,
    RandomSwap,
    SubwordDropout,
    SynonymReplacement,
    TokenCutoff,
    TokenShuffle,
    WordDropout,
    WordRepetition,
)
from sentemb.views.splitting import Word, join, split, words_of
from tests.support.helpers import numbered

TEXTS = {
    "Chinese": "我爱自然语言处理，它很有趣。",
    "Chinese, mixed": "他在2024年用iPhone15看BERT-base的论文。",
    "Japanese": "今日はデータベースを使いました。",
    "Japanese, decomposed": unicodedata.normalize("NFD", "ガラスのコップが壊れた。"),
    "Thai": "ฉันรักภาษาไทยและชอบกินข้าวทุกวัน",
    "Lao": "ຂ້ອຍຮັກພາສາລາວຫຼາຍ",
    "Khmer": "ខ្ញុំស្រឡាញ់ភាសាខ្មែរណាស់",
    "Burmese": "ကျွန်တော်မြန်မာစာကိုချစ်တယ်",
    "Tibetan": "ང་བོད་སྐད་ཡིག་ལ་དགའ་པོ་ཡོད།",
}
EDITS = [
    WordRepetition(0.5),
    WordDropout(0.3),
    Crop(0.3),
    RandomSwap(0.2),
    RandomDeletion(0.3),
    EDA(lambda word: [], 0.3),
]
ENGLISH = ["A man, a plan.", "I will  not\tlove you!", "don't stop—now", "x", "", "  ", "a a a a"]


def by_spaces(edit, text, random, monkeypatch):
    """What an edit makes of a text whose words are what spaces separate."""
    with monkeypatch.context() as patch:
        for module in ("words", "eda"):
            patch.setattr(f"sentemb.views.{module}.split", lambda t: [Word(w) for w in t.split()])
        return edit(text, random)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: type(edit).__name__)
@pytest.mark.parametrize("name", TEXTS)
def test_edits_change_texts_without_spaces_and_add_none(name, edit):
    text = TEXTS[name]
    changed = [edit(text, Random(seed)) for seed in range(30)]
    assert sum(one != text for one in changed) > 10
    units = {word.text for word in split(text)}
    for one in changed:
        assert not re.search(r"\s", one)
        assert one
        rest = one
        while rest:  # every unit is one of the text's, whole
            unit = max((u for u in units if rest.startswith(u)), key=len)
            rest = rest[len(unit) :]


@pytest.mark.parametrize("name", TEXTS)
def test_units_are_whole_graphemes_that_join_to_the_text(name):
    text = TEXTS[name]
    words = split(text)
    assert join(words) == text
    assert len(words) > 5
    places, place = set(), 0
    for cluster in regex.findall(r"\X", text):
        places.add(place)
        place += len(cluster)
    place = 0
    for word in words:
        assert place in places
        place += len(word.text)


def test_units_of_mixed_sentences():
    assert [word.text for word in split("我用BERT-base v2.5 学 it's 3.5% 好")] == [
        *("我", "用", "BERT-base", "v2.5", "学", "it's", "3.5%", "好"),
    ]
    assert [word.text for word in split("서울市에 갔다")] == ["서울", "市", "에", "갔다"]
    assert [word.text for word in split("हिन्दी भाषा")] == ["हिन्दी", "भाषा"]
    mixed = "I read 日本語 every day"
    assert join(split(mixed)) == mixed
    for seed in range(20):
        swapped = RandomSwap(0.2)(mixed, Random(seed))
        assert sorted(swapped.replace(" ", "")) == sorted(mixed.replace(" ", ""))
        assert {"I", "read", "every", "day"} == set(re.findall("[A-Za-z]+", swapped))


@pytest.mark.parametrize("text", ENGLISH)
@pytest.mark.parametrize(
    "edit",
    [
        *EDITS,
        SynonymReplacement({"man": ["fellow"], "love": ["like"]}.get, 0.3),
        RandomInsertion({"man": ["fellow"], "plan": ["x y"]}.get, 0.3),
        EDA({"man": ["fellow"], "love": ["like"]}.get, 0.3, keep_negations=True),
    ],
    ids=lambda edit: type(edit).__name__,
)
def test_sentences_with_spaces_are_edited_word_by_word(monkeypatch, text, edit):
    for seed in range(10):
        if text.strip() or not isinstance(edit, Crop | WordDropout):
            expected = by_spaces(edit, text, Random(seed), monkeypatch)
            assert edit(text, Random(seed)) == expected
    if isinstance(edit, WordDropout) and text:
        kept = edit(text, Random(0))
        assert kept == " ".join(kept.split())


def test_synonyms_of_characters_are_put_in_without_spaces():
    like = {"爱": ["喜"], "很": ["好"]}.get
    assert SynonymReplacement(like, 0.1)("我爱你。", Random(0)) == "我喜你。"
    assert sorted(RandomInsertion(like, 0.1)("我爱你。", Random(0))) == sorted("我爱你。喜")
    assert SynonymReplacement({"हिन्दी": ["उर्दू"]}.get)("हिन्दी, भाषा", Random(0)) == "उर्दू, भाषा"


class Tokenizer:
    """Knows two Thai words, and cuts another between a letter and its mark."""

    is_fast = True
    unk_token_id = 0

    def __call__(self, run, **_):
        known = [(0, 3), (3, 6), (6, 7), (7, len(run))]
        return {"input_ids": [5, 6, 7, 8], "offset_mapping": known}


def test_thai_is_split_into_the_words_of_the_tokenizer():
    text = "ฉันรักนี้มาก"
    with words_of(Tokenizer()):
        assert [word.text for word in split(text)] == ["ฉัน", "รัก", "นี้มาก"]
    assert [word.text for word in split(text)] == ["ฉั", "น", "รั", "ก", "นี้", "มา", "ก"]
    with words_of(None):
        assert len(split(text)) == 7


def test_what_the_tokenizer_does_not_know_is_split_all_the_same(mini):
    with words_of(mini.tokenizer):
        assert len(split(TEXTS["Thai"])) > 10


def rows_of(*texts):
    return Dataset.from_dict({"text": list(texts) * 10})


@pytest.mark.parametrize(
    ("view", "share"),
    [
        (View(edit=WordDropout(0.1)), 1.0),  # less than ten words: ⌊0.9⌋
        (View(edit=SynonymReplacement({}.get)), 1.0),
        (View(edit=RandomSwap()), 0.5),
        (View(edit_tokens=SubwordDropout(0.1)), 1.0),
        (View(edit_tokens=SubwordDropout(0.5)), 0.5),
        (View(perturb=TokenCutoff(0.1)), 1.0),
        (View(perturb=FeatureCutoff(0.1)), 0.0),
        (View(perturb=Adversarial()), 0.0),
        (View(order=TokenShuffle()), None),
        (View(edit=WordDropout(0.1), perturb=FeatureCutoff(0.1)), 0.0),
    ],
    ids=["words", "synonyms", "swap", "few sub-words", "sub-words", "tokens", "features",
         "adversarial", "order", "words and features"],
)  # fmt: skip
def test_the_share_of_rows_that_a_view_leaves_as_they_are(mini, caplog, view, share):
    rows = rows_of("a dog runs fast", "dog")
    method = Method((View(), view), Siamese(mini), NTXent())
    collator = Collator(mini, method.views, 32, seed=0)
    found, count = unchanged_share(view, rows, collator)
    assert count == 20
    if share is not None:
        assert found == share
    with caplog.at_level(logging.WARNING, "sentemb"):
        warn_of_unchanged(method, rows, collator)
    expected = f"leaves {100 * found:.0f} % of the first 20 rows as they are"
    assert (expected in caplog.text) == (found > 0.5)


def test_an_edit_that_the_tokenizer_does_not_see_changes_nothing(mini):
    """The bundled tokenizer knows no Thai: a run of it is one unknown token."""
    view = View(edit=RandomSwap())
    collator = Collator(mini, (view,), 64, seed=0)
    assert unchanged_share(view, rows_of(TEXTS["Thai"]), collator)[0] == 1.0


def test_chinese_sentences_are_not_what_they_were(mini):
    views = (View(), View(edit=WordDropout(0.2)))
    first, second = Collator(mini, views, 64, 0)(numbered([{"text": "我很好人大中国"}]))["views"]
    assert first["attention_mask"].sum() > second["attention_mask"].sum()
