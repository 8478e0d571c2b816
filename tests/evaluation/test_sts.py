import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sentence_transformers import SentenceTransformer

from sentemb import STS, build_encoder, read_sts
from sentemb.bundled import bundled
from sentemb.evaluation import PairClassification
from sentemb.evaluation.cosines import cosine_of_pairs

RNG = np.random.default_rng(0)
WORDS = [f"w{i}" for i in range(40)]
VECTORS = {word: RNG.normal(size=8).astype(np.float32) for word in WORDS}


def encode(texts):
    return np.stack([VECTORS[text] for text in texts])


def cosines(a, b):
    x, y = encode(a), encode(b)
    return (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)


@pytest.fixture
def task():
    scores = [round(score, 1) for score in RNG.uniform(0, 5, 20)]
    subsets = ["a"] * 5 + ["b"] * 15
    return STS("task", WORDS[:20], WORDS[20:], scores, subsets)


def test_three_aggregations(task):
    result = task(encode)
    cos, gold = cosines(WORDS[:20], WORDS[20:]), np.array(task.scores)
    a = spearmanr(cos[:5], gold[:5]).statistic
    b = spearmanr(cos[5:], gold[5:]).statistic
    assert result["spearman"] == pytest.approx(100 * spearmanr(cos, gold).statistic)
    assert result["pearson"] == pytest.approx(100 * pearsonr(cos, gold).statistic)
    assert result["spearman_mean"] == pytest.approx(100 * (a + b) / 2)
    assert result["spearman_wmean"] == pytest.approx(100 * (5 * a + 15 * b) / 20)


def test_unique_sentences_are_encoded_once():
    seen = []

    def spy(texts):
        seen.extend(texts)
        return encode(texts)

    STS("t", ["w1", "w1", "w2"], ["w2", "w3", "w4"], [1, 2, 3])(spy)
    assert sorted(seen) == ["w1", "w2", "w3", "w4"]


def test_alignment_is_of_pairs_scored_above_four():
    task = STS("t", ["w1", "w2", "w3"], ["w4", "w5", "w6"], [4.0, 4.2, 0.0])
    assert task(encode)["alignment"] == pytest.approx(2 - 2 * cosines(["w2"], ["w5"])[0], abs=1e-6)
    assert "alignment" not in STS("t", ["w1", "w2"], ["w3", "w4"], [1, 2])(encode)


def test_a_zero_vector_has_cosine_zero():
    def zero_for_w1(texts):
        return np.stack([VECTORS[t] * (t != "w1") for t in texts])

    result = STS("t", ["w1", "w2", "w3"], ["w4", "w5", "w6"], [1, 2, 3])(zero_for_w1)
    assert np.isfinite(result["spearman"])


def test_a_collapsed_encoder_scores_zero_with_a_warning():
    task = STS("t", ["w1", "w2"], ["w3", "w4"], [1, 2])
    with pytest.warns(RuntimeWarning, match="correlation counts as 0"):
        assert task(lambda texts: np.ones((len(texts), 3), np.float32))["spearman"] == 0


def test_half_precision_vectors_are_fine(task):
    half = task(lambda texts: encode(texts).astype(np.float16))
    assert half["spearman"] == pytest.approx(task(encode)["spearman"], abs=1)


def test_several_files_are_one_task(tmp_path):
    for name, score in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.tsv").write_text(f"sentence1\tsentence2\tscore\nx\ty\t{score}\n")
    assert read_sts(tmp_path / "a.tsv", tmp_path / "b.tsv", name="both").scores == (1.0, 2.0)


def test_the_trained_encoder_beats_the_raw_one_on_embedded_pairs(all_bundled):
    task = read_sts(bundled("graded.tsv"))
    raw, trained = (build_encoder(name, device="cpu") for name in ("mini", "mini-sentemb"))
    assert task(trained.encode)["spearman"] > task(raw.encode)["spearman"] + 5


def test_numbers_of_minilm_on_some_of_stsb_dev_are_those_of_scipy(shared, minilm):
    whole = read_sts(shared("sts/STSB.dev.tsv"))
    rows = slice(None, None, 15)
    some = STS("some", whole.sentences1[rows], whole.sentences2[rows], whole.scores[rows])
    encoder = SentenceTransformer(str(minilm), device="cpu")
    cosines = encoder.similarity_pairwise(
        encoder.encode(some.sentences1), encoder.encode(some.sentences2)
    )
    result = some(encoder.encode)
    assert result["spearman"] == pytest.approx(100 * spearmanr(cosines, some.scores).statistic)
    assert result["pearson"] == pytest.approx(100 * pearsonr(cosines, some.scores).statistic)
    near = [2 - 2 * c for c, score in zip(cosines.tolist(), some.scores, strict=True) if score > 4]
    assert result["alignment"] == pytest.approx(np.mean(near), abs=1e-5)
    assert result["spearman"] > 80


@pytest.mark.long
def test_published_numbers_of_minilm_on_stsb_dev(shared, minilm):
    """The whole table is benchmarks/evaluator.py."""
    encoder = build_encoder(minilm, device="cpu")
    result = read_sts(shared("sts/STSB.dev.tsv"))(encoder.encode)
    assert result["spearman"] == pytest.approx(86.72, abs=0.02)
    assert result["alignment"] == pytest.approx(0.2360, abs=1e-4)
    assert result["uniformity"] == pytest.approx(-3.8487, abs=1e-4)


def test_equal_pairs_tie_to_the_last_bit():
    """A text with itself has 1, wherever it stands; so have both orders of a pair one value."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(500, 31)).astype(np.float32) * rng.uniform(1e-3, 1e3, (500, 1))
    x = x.astype(np.float32)
    y = rng.normal(size=(500, 31)).astype(np.float32)
    assert set(cosine_of_pairs(x, x).tolist()) == {1.0}
    assert cosine_of_pairs(x, -x) == pytest.approx(-1)
    assert (cosine_of_pairs(x, y) == cosine_of_pairs(y, x)).all()
    order = rng.permutation(500)
    assert (cosine_of_pairs(x[order], y[order]) == cosine_of_pairs(x, y)[order]).all()
    near = np.nextafter(x, np.float32(np.inf))
    assert cosine_of_pairs(x, near).max() <= 1.0


def test_identical_sentences_share_a_rank():
    words = WORDS[:8]
    task = STS("t", [*words, "w9", "w10"], [*words, "w10", "w9"], [5, 4, 3, 5, 4, 3, 5, 4, 0, 1])
    outcome = task.outcome(encode)
    assert outcome.items[:8, 0].tolist() == [1.0] * 8
    assert outcome.items[8, 0] == outcome.items[9, 0]
    expected = spearmanr([1] * 8 + [0] * 2, task.scores).statistic
    assert outcome.numbers["spearman"] == pytest.approx(100 * expected)
    pairs = PairClassification("p", task.sentences1, task.sentences2, [True, False] * 5)
    assert pairs(encode)["ap"] == pytest.approx(50)


def test_sentences_that_are_identical_in_sts12_tie(shared):
    """A fifth of SMTeuroparl are pairs of one sentence."""
    path = shared("sts/senteval") / "STS/STS12-en-test"
    gold = (path / "STS.gs.SMTeuroparl.txt").read_text(encoding="utf-8").split("\n")
    rows = (path / "STS.input.SMTeuroparl.txt").read_text(encoding="utf-8").split("\n")
    pairs = [(*row.split("\t"), score) for row, score in zip(rows, gold, strict=True) if score]
    same = [first == second for first, second, _ in pairs]
    rng = np.random.default_rng(0)
    known = {text: rng.normal(size=50).astype(np.float32) for pair in pairs for text in pair[:2]}
    task = STS(
        "SMT", *zip(*((a, b) for a, b, _ in pairs), strict=True), [float(p[2]) for p in pairs]
    )
    cosines = task.outcome(lambda texts: np.stack([known[text] for text in texts])).items[:, 0]
    assert sum(same) > 20
    assert set(cosines[same].tolist()) == {1.0}


@pytest.mark.parametrize(
    ("scores", "above", "positive"),
    [
        ([4.0, 4.2, 0.0], 4.0, 1),
        ([1.0, 2.0, 3.0], 4.0, 0),
        ([0.8, 0.84, 0.0], 0.8, 1),
        ([0.5, 1.0, 0.9], 0.8, 2),
        ([80, 84, 3], 80, 1),
        ([8, 9, 3], 8, 1),
        ([160, 100, 200], 160, 1),
        ([-1, 0.9, 0], 0.8, 1),
    ],
)
def test_positive_pairs_are_those_of_the_top_fifth_of_the_scale(scores, above, positive):
    task = STS("t", ["w1", "w2", "w3"], ["w4", "w5", "w6"], scores)
    assert task.positive_above == pytest.approx(above)
    near = [number for number, score in enumerate(scores) if score > task.positive_above]
    assert len(near) == positive
    if near:
        cosine = cosines(task.sentences1, task.sentences2)[near].mean()
        assert task(encode)["alignment"] == pytest.approx(2 - 2 * cosine, abs=1e-6)
    else:
        assert "alignment" not in task(encode)
