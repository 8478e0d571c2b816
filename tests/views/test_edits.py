"""String and sub-word edits: counts, edges, protections, and that the same seed draws the same."""

import gc
import random
from random import Random

import pytest

from sentemb.encoders import EmbeddingNeighbours
from sentemb.errors import UsageError
from sentemb.views import (
    EDA,
    Crop,
    RandomDeletion,
    RandomInsertion,
    RandomSwap,
    SubwordCrop,
    SubwordDropout,
    SubwordRepetition,
    SynonymReplacement,
    WordDropout,
    WordNet,
    WordRepetition,
)

TEXT = "the old man did not walk to the quiet harbour today"
SYNONYMS = {"old": ["aged"], "man": ["fellow"], "walk": ["stroll", "march"], "not": ["never"]}.get
EDITS = [
    WordRepetition(),
    WordDropout(0.3),
    Crop(0.3),
    SynonymReplacement(SYNONYMS, 0.3),
    RandomInsertion(SYNONYMS, 0.3),
    RandomSwap(0.3),
    RandomDeletion(0.3),
    EDA(SYNONYMS, 0.3),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: type(edit).__name__)
def test_the_seed_decides_and_the_global_stream_does_not(edit):
    drawn = []
    for seed in range(8):
        first = edit(TEXT, Random(seed))
        random.random()
        assert edit(TEXT, Random(seed)) == first
        drawn.append(first)
    assert len(set(drawn)) > 1


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: type(edit).__name__)
@pytest.mark.parametrize("text", ["", "word"])
def test_texts_without_much_to_edit(edit, text):
    for seed in range(20):
        assert bool(edit(text, Random(seed))) == bool(text)


@pytest.mark.parametrize("edit", [WordDropout, Crop])
@pytest.mark.parametrize(("rate", "left"), [(0.0, 11), (0.1, 10), (0.5, 6), (1.0, 1)])
def test_exact_counts_of_words(edit, rate, left):
    for seed in range(10):
        words = edit(rate)(TEXT, Random(seed)).split()
        assert len(words) == left
        places = iter(TEXT.split())
        assert all(word in places for word in words)  # in their order


def test_a_crop_is_one_run():
    for seed in range(10):
        assert Crop(0.4)(TEXT, Random(seed)) in TEXT


def test_repetitions_are_uniform_up_to_the_papers_maximum():
    """max(2, ⌊0.32 · 11⌋) = 3: nothing to three words are repeated, each number equally often."""
    added = [len(WordRepetition()(TEXT, Random(s)).split()) - 11 for s in range(2000)]
    assert set(added) == {0, 1, 2, 3}
    assert all(abs(added.count(k) / 2000 - 0.25) < 0.04 for k in range(4))
    short = [len(SubwordRepetition()([5, 6, 7], Random(s))) - 3 for s in range(200)]
    assert set(short) == {0, 1, 2}


@pytest.mark.parametrize("edit", [SubwordRepetition(0.5), SubwordDropout(0.5), SubwordCrop(0.5)])
def test_sub_words_keep_their_order(edit):
    for seed in range(10):
        edited = edit(list(range(10)), Random(seed))
        assert edited == sorted(edited)
        assert edit([3], Random(seed)) in ([3], [3, 3])


def test_one_in_ten_words_but_at_least_one():
    assert SynonymReplacement(SYNONYMS, 0.1)(TEXT, Random(0)) != TEXT
    assert SynonymReplacement(SYNONYMS, 0.0)(TEXT, Random(0)) == TEXT
    replaced = SynonymReplacement(SYNONYMS, 1.0)(TEXT, Random(0)).split()
    assert [a for a, b in zip(TEXT.split(), replaced, strict=True) if a != b] == [
        "old",
        "man",
        "walk",
    ]


def test_stop_words_are_not_replaced_and_form_is_kept():
    edit = SynonymReplacement({"the": ["a"], "man": ["fellow"]}.get, 1.0)
    assert edit('The "Man," the man.', Random(0)) == 'The "Fellow," the fellow.'


def test_swaps_and_insertions_change_order_and_length_only():
    assert sorted(RandomSwap(0.5)(TEXT, Random(1)).split()) == sorted(TEXT.split())
    inserted = RandomInsertion(SYNONYMS, 0.3)(TEXT, Random(1)).split()
    assert len(inserted) == 11 + 3
    assert RandomInsertion({}.get, 0.3)(TEXT, Random(1)) == TEXT


def test_deletion_deletes_each_word_with_its_probability():
    left = [len(RandomDeletion(0.3)(TEXT, Random(s)).split()) for s in range(1000)]
    assert sum(left) / 1000 == pytest.approx(0.7 * 11, abs=0.2)
    assert RandomDeletion(1.0)(TEXT, Random(0)) in TEXT.split()


@pytest.mark.parametrize("negation", ["not", "Never,", "don't", "won’t", "cannot"])
def test_a_negation_stays_where_asked_and_goes_where_not(negation):
    text = f"I will {negation} love you again my dear"
    kept = EDA({}.get, 0.9, keep_negations=True)
    for seed in range(100):
        assert negation in kept(text, Random(seed)).split()
    for seed in range(30):
        assert RandomSwap(0.9, keep_negations=True)(text, Random(seed)).split()[2] == negation
    gone = [negation not in RandomDeletion(0.9)(text, Random(seed)).split() for seed in range(30)]
    assert any(gone)


@pytest.mark.parametrize("edit", [WordRepetition, WordDropout, Crop, SubwordRepetition])
@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_a_rate_out_of_range(edit, rate):
    with pytest.raises(UsageError, match=rf"{edit.__name__} takes a rate in \[0, 1\], got {rate}"):
        edit(rate)


def test_an_alpha_out_of_range():
    with pytest.raises(UsageError, match=r"EDA takes a alpha in \[0, 1\], got 2"):
        EDA(SYNONYMS, 2)


def test_neighbours_in_the_word_embeddings(all_bundled, mini):
    neighbours = EmbeddingNeighbours(mini, count=5)
    for word, one_of in (("two", "three"), ("red", "blue"), ("man", "woman"), ("red", "green")):
        found = neighbours(word)
        assert len(found) == 5
        assert word not in found
        assert one_of in EmbeddingNeighbours(mini, count=20)(word)
    assert neighbours("qwertyuiop") == []


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        ({"two": 0, "Two": 1, "Ġ": 2, **{f"##{i}": 3 + i for i in range(20)}}, {"two"}),
        ({"Ġtwo": 0, "two": 1, "ĠTwo": 2, "Ġ,": 3}, {"two"}),
        ({"▁中国": 0, "▁привет": 1, "国": 2}, {"中国", "привет"}),
    ],
)
def test_whole_words_of_any_tokeniser_and_script(vocabulary, words):
    from sentemb.encoders.neighbours import _whole_words

    assert set(_whole_words(vocabulary)) == words


def test_an_encoder_without_a_table_of_words(mini):
    del mini[0].model.embeddings.word_embeddings
    with pytest.raises(UsageError, match="has no table of word embeddings"):
        EmbeddingNeighbours(mini)


@pytest.fixture
def wordnet(tmp_path, monkeypatch):
    """A database of two synsets in WordNet's own format, where nltk looks for it."""
    nltk = pytest.importorskip("nltk")
    folder = tmp_path / "corpora/wordnet"
    folder.mkdir(parents=True)
    for name in ("lexnames", "adj.exc", "adv.exc", "noun.exc", "verb.exc", "index.sense"):
        (folder / name).write_text("00\tnoun.Tops\t1\n" if name == "lexnames" else "")
    for name in ("adj", "adv", "verb"):
        (folder / f"data.{name}").write_text("  1 x\n")
        (folder / f"index.{name}").write_text("  1 x\n")
    (folder / "cntlist.rev").write_text("")
    synset = "{offset:08d} 00 n {count:02x} {words} 000 | made for a test\n"
    header = "  1 made for a test\n"
    first = synset.format(offset=len(header), count=2, words="boat 0 small_ship 0")
    second = synset.format(offset=len(header + first), count=2, words="boat 0 tub 0")
    (folder / "data.noun").write_text(header + first + second)
    lemma = "{word} n {n} 0 {n} 0 {offsets}  \n"
    both = f"{len(header):08d} {len(header + first):08d}"
    (folder / "index.noun").write_text(
        header
        + lemma.format(word="boat", n=2, offsets=both)
        + lemma.format(word="small_ship", n=1, offsets=f"{len(header):08d}")
        + lemma.format(word="tub", n=1, offsets=f"{len(header + first):08d}")
    )
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    yield
    gc.collect()  # nltk leaves its files to the garbage collector


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_synonyms_from_wordnet(wordnet):
    assert WordNet()("boat") == ["small ship", "tub"]
    assert WordNet()("word") == []
    assert SynonymReplacement(WordNet())("A boat.", Random(0)) in ("A tub.", "A small ship.")


def test_wordnet_without_its_data_says_what_to_do(tmp_path, monkeypatch):
    nltk = pytest.importorskip("nltk")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    with pytest.raises(UsageError, match=r"python -m nltk\.downloader wordnet"):
        WordNet()


def test_wordnet_without_nltk_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nltk.corpus.reader", None)
    with pytest.raises(UsageError, match=r'pip install "nltk'):
        WordNet()
