import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, v_measure_score

from sentemb.errors import InputError, NumericError
from sentemb.evaluation import (
    STS,
    Clustering,
    Outcome,
    PairClassification,
    Retrieval,
    bootstrap_average,
    paired_bootstrap,
)
from sentemb.evaluation.cache import EncodeCache
from sentemb.evaluation.scores import percent_mean

RNG = np.random.default_rng(0)
VECTORS = {f"w{i}": RNG.normal(size=6).astype(np.float32) for i in range(400)}


def encode(texts):
    return np.stack([VECTORS[text] for text in texts])


@pytest.fixture
def pairs():
    words = list(VECTORS)
    return PairClassification("p", words[:200], words[200:], list(RNG.random(200) < 0.3))


def test_average_precision_is_that_of_scikit_learn(pairs):
    outcome = pairs.outcome(encode)
    cosines, labels = outcome.items.T
    assert outcome.numbers["ap"] == pytest.approx(100 * average_precision_score(labels, cosines))
    tied = np.round(cosines, 1)
    expected = 100 * average_precision_score(labels, tied)
    assert outcome.score(np.column_stack([tied, labels])) == pytest.approx(expected)


def test_the_best_thresholds_are_those_of_trying_all(pairs):
    outcome = pairs.outcome(encode)
    cosines, labels = outcome.items.T
    numbers = outcome.numbers
    assert numbers["accuracy"] == pytest.approx(
        100 * max(((cosines >= t) == labels).mean() for t in cosines)
    )
    assert numbers["f1"] == pytest.approx(
        100 * max(f1_score(labels, cosines >= t) for t in cosines)
    )
    at = cosines >= numbers["f1_threshold"]
    assert 100 * f1_score(labels, at) == pytest.approx(numbers["f1"])


def test_pairs_of_one_class_are_an_error():
    with pytest.raises(InputError, match="all 2 pairs are of one class"):
        PairClassification("p", ["a", "b"], ["c", "d"], [True, True])


def test_clusters_that_are_the_labels_have_v_measure_100():
    apart = {f"t{i}": np.float32([10 * (i % 3), i % 2 / 100]) for i in range(60)}
    task = Clustering("c", list(apart), [str(i % 3) for i in range(60)])
    result = task.outcome(lambda texts: np.stack([apart[t] for t in texts]))
    labels, *runs = result.items.T
    assert max(v_measure_score(labels, run) for run in runs) == 1
    assert result.numbers["v_measure"] == pytest.approx(
        100 * np.mean([v_measure_score(labels, run) for run in runs])
    )


def test_texts_of_one_label_are_an_error():
    with pytest.raises(InputError, match="all 2 texts have one label"):
        Clustering("c", ["a", "b"], ["x", "x"])


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    """Of 400 paired differences with mean 0.1 and deviation 1, as the central limit has it."""
    drawn = RNG.normal(size=400)
    deltas = (drawn - drawn.mean()) / drawn.std() + 0.1
    base = RNG.normal(size=400)
    first, second = (Outcome({}, x[:, None], percent_mean) for x in (base, base + deltas))
    found = paired_bootstrap([first], [second], resamples=4000)
    assert found.value == pytest.approx(10)
    assert found.low == pytest.approx(10 - 196 / 20, abs=1)
    assert found.high == pytest.approx(10 + 196 / 20, abs=1)
    assert found.p == pytest.approx(0.0455, abs=0.02)


def test_the_interval_of_an_average_is_that_of_two_independent_means():
    """A task's mean has a deviation of 100 / √n; that of their average is √(Σ deviation²) / 2."""
    tasks = []
    for rows in (400, 100):
        drawn = RNG.normal(size=rows)
        items = (drawn - drawn.mean()) / drawn.std() + 0.5
        tasks.append([Outcome({}, items[:, None], percent_mean)] * 2)  # two seeds
    found = bootstrap_average(tasks, resamples=4000)
    half = 1.96 * (5**2 + 10**2) ** 0.5 / 2
    assert found.value == pytest.approx(50)
    assert (found.low, found.high) == pytest.approx((50 - half, 50 + half), abs=0.7)


def test_a_model_does_not_differ_from_itself():
    task = STS("s", list(VECTORS)[:50], list(VECTORS)[50:100], list(range(50)))
    outcome = task.outcome(encode)
    found = paired_bootstrap([outcome], [outcome, outcome])
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_an_embedding_that_is_no_number_stops_it():
    def broken(texts):
        return np.full((len(texts), 2), np.nan, np.float32)

    tasks = (
        STS("s", ["some text", "b"], ["c", "d"], [0, 1]),
        Retrieval("r", {"q": "some text"}, {"d": "c"}, {"q": {"d": 1.0}}),
    )
    for measure in (EncodeCache(broken), *(lambda _, task=task: task(broken) for task in tasks)):
        with pytest.raises(NumericError, match=r"embedding of '(some text|c)' is not finite"):
            measure(["some text"])
