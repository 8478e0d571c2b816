"""Transfer against scikit-learn used in another way: loops over folds and strengths."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from sentemb import build_encoder
from sentemb.errors import InputError
from sentemb.evaluation import Labelled, NestedFolds, TrainDevTest, TrainTest
from sentemb.evaluation.cache import EncodeCache
from sentemb.suites import SUITES, read_suite

FOLDS = StratifiedKFold(10, shuffle=True, random_state=1111)


def best_by_folds(x, y, grid):
    scores = []
    for inverse in grid:
        each = []
        for train, dev in FOLDS.split(x, y):
            fitted = LogisticRegression(C=inverse, max_iter=1000).fit(x[train], y[train])
            each.append((fitted.predict(x[dev]) == y[dev]).mean())
        scores.append(np.mean(each))
    return LogisticRegression(C=grid[int(np.argmax(scores))], max_iter=1000).fit(x, y)


def nested(x, y):
    grid = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    found = np.empty_like(y)
    for train, test in FOLDS.split(x, y):
        found[test] = best_by_folds(x[train], y[train], grid).predict(x[test])
    return found


def features(rows, encode):
    u = encode(rows.texts)
    if rows.others is None:
        return u
    v = encode(rows.others)
    return np.concatenate([abs(u - v), u * v], axis=1)


@pytest.fixture(scope="module")
def small():
    """Vectors of few dimensions, as the reference fits some hundred classifiers to them."""
    encoder = build_encoder("mini-sentemb", device="cpu")
    return EncodeCache(lambda texts: encoder.encode(texts)[:, :12])


def some(rows, step):
    others = None if rows.others is None else rows.others[::step]
    return Labelled(rows.texts[::step], rows.labels[::step], others)


@pytest.fixture(scope="module")
def transfer(shared):
    folder = shared("cls").parent
    suite = read_suite("transfer", SUITES["transfer"], folder)
    return {one.task.name: one.task for one in suite.tasks}


@pytest.mark.long
def test_nested_folds_on_some_reviews(transfer, small):
    rows = some(transfer["CR"].train, 40)
    y = np.array(rows.labels)
    ours = NestedFolds("CR", rows)(small)["accuracy"]
    assert ours == pytest.approx(100 * (nested(features(rows, small), y) == y).mean(), abs=0.5)


@pytest.mark.wide
def test_f1_of_pairs(transfer, small, monkeypatch):
    """Of four folds, for time."""
    monkeypatch.setattr("sentemb.evaluation.transfer.FOLDS", 4)
    monkeypatch.setattr(FOLDS, "n_splits", 4)
    rows = some(transfer["MRPC"].train, 50)
    y = np.array(rows.labels)
    theirs = nested(features(rows, small), y)
    ours = NestedFolds("MRPC", rows)(small)
    assert ours["f1"] == pytest.approx(100 * f1_score(y, theirs, pos_label="1"), abs=0.5)
    assert ours["accuracy"] == pytest.approx(100 * (theirs == y).mean(), abs=0.5)


def test_a_dev_set_chooses(transfer, small):
    rows = some(transfer["SST2"].train, 300)
    dev, test = some(transfer["SST2"].dev, 100), some(transfer["SST2"].test, 4)
    ours = TrainDevTest("SST2", rows, dev, test)(small)["accuracy"]
    x, y = features(rows, small), np.array(rows.labels)
    fits = [LogisticRegression(C=c, max_iter=1000).fit(x, y) for c in (0.25, 0.5, 1, 2, 4, 8)]
    right = [(f.predict(features(dev, small)) == np.array(dev.labels)).mean() for f in fits]
    theirs = fits[int(np.argmax(right))].predict(features(test, small))
    assert ours == pytest.approx(100 * (theirs == np.array(test.labels)).mean(), abs=0.5)


@pytest.mark.long
@pytest.mark.parametrize("name", ["CR", "TREC", "MRPC"])
def test_minilm_scores_as_an_independent_run(transfer, minilm: Path, name):
    encode = EncodeCache(build_encoder(minilm, device="cpu").encode)
    task = transfer[name]
    train, y = features(task.train, encode), np.array(task.train.labels)
    if isinstance(task, TrainTest):
        fitted = best_by_folds(train, y, (0.5, 1, 2, 4, 8, 16, 32))
        right = fitted.predict(features(task.test, encode)) == np.array(task.test.labels)
    else:
        right = nested(train, y) == y
    ours = task(encode)["accuracy"]
    print(f"{name}: ours {ours:.2f}, theirs {100 * right.mean():.2f}")
    assert ours == pytest.approx(100 * right.mean(), abs=0.5)


def test_labels_of_one_class_are_an_error():
    with pytest.raises(InputError, match="all 20 rows have one label"):
        NestedFolds("mine", Labelled(["a"] * 20, ["x"] * 20))


def test_too_few_rows_of_a_label_are_an_error():
    with pytest.raises(InputError, match="label 'y' has 3 rows; 10 folds need at least 12"):
        NestedFolds("mine", Labelled(["a"] * 23, ["x"] * 20 + ["y"] * 3))


def test_a_label_of_the_test_rows_that_is_not_trained_is_an_error():
    train = Labelled([f"{i}" for i in range(24)], ["x", "y"] * 12)
    task = TrainTest("mine", train, Labelled(["b"], ["z"]))
    with pytest.raises(InputError, match="no training row has the label 'z'"):
        task(lambda texts: np.random.default_rng(0).normal(size=(len(texts), 2)))
