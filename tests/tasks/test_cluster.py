"""Clusters: the groups that are there are found, every row is placed, names and stability."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.cluster import KMeans as PlainKMeans
from sklearn.metrics import adjusted_rand_score

import sentemb
from sentemb.errors import InputError, UsageError
from sentemb.tasks.groupings import HDBSCAN, Communities, KMeans, by_size, centres_of, stability
from sentemb.tasks.topic_words import class_tf_idf, names_of
from sentemb.tasks.vectors import Embedded


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def around(centres, rows, spread, seed=0):
    """So many rows around each of some directions, and which direction each is of."""
    random = np.random.default_rng(seed)
    true = np.repeat(np.arange(len(centres)), rows)
    return unit(np.asarray(centres)[true] + random.normal(0, spread, (len(true), 8))), true


@pytest.fixture
def groups():
    return around(np.eye(8)[:4], 30, 0.1)


@pytest.fixture
def noise():
    return unit(np.random.default_rng(1).normal(size=(120, 8)))


def made(vectors, texts=None):
    return Embedded(texts or [f"t{n}" for n in range(len(vectors))], vectors, "mini", {}, "made")


def test_class_tf_idf_to_the_digits():
    counts = csr_array(np.array([[4, 1, 0, 3], [0, 5, 2, 3]]))
    assert class_tf_idf(counts).toarray() == pytest.approx(
        np.array(
            [
                [0.5893274982, 0.1145363415, 0, 0.3436090245],
                [0, 0.4581453659, 0.3409496184, 0.2748872196],
            ]
        ),
        abs=5e-11,
    )


def test_names_are_words_of_the_group_alone():
    texts = ["The dog barks.", "A dog eats.", "Trains are late.", "The train's late trains"]
    assert names_of(texts, [0, 0, 1, 1], 3) == ["dog, barks, eats", "trains, late", ""]
    assert names_of(["the", "a"], [0, 1], 2) == ["", ""]


@pytest.mark.parametrize("grouping", [KMeans(4), Communities(0.8, 5), HDBSCAN(5)], ids=str)
def test_groups_that_are_there_are_found(groups, grouping):
    vectors, true = groups
    labels = grouping(vectors, 0)
    placed = labels >= 0
    assert placed.mean() > 0.9
    assert adjusted_rand_score(true[placed], labels[placed]) == 1
    assert (labels == grouping(vectors, 0)).all()
    assert stability(vectors, grouping, 3) > 0.95


def test_what_is_no_group_is_not_stable(noise):
    assert stability(noise, KMeans(10), 3) < 0.6
    assert stability(noise, HDBSCAN(60), 3) is None


def test_the_sphere_is_grouped_at_least_as_well_as_by_plain_k_means(noise):
    """By the sum of cosines with the centres of length 1."""

    def fit(labels):
        return (noise * centres_of(noise, labels)[labels]).sum()

    plain = [PlainKMeans(10, n_init=4, random_state=n).fit(noise).labels_ for n in range(5)]
    ours = [KMeans(10)(noise, seed) for seed in range(5)]
    assert np.mean([fit(labels) for labels in ours]) > 0.99 * np.mean(list(map(fit, plain)))
    assert len(set(KMeans(10)(noise, 0))) == 10


def test_a_community_is_what_reaches_the_threshold_around_a_row():
    angles = np.deg2rad([0, 10, 20, 90, 95, 180])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert Communities(np.cos(np.deg2rad(11)), 2)(vectors, 0).tolist() == [0, 0, 0, 1, 1, -1]
    assert Communities(np.cos(np.deg2rad(11)), 3)(vectors, 0).tolist() == [0, 0, 0, -1, -1, -1]


def test_groups_are_numbered_by_size():
    assert by_size(np.array([3, 3, -1, 0, 7, 7, 7])).tolist() == [1, 1, -1, 2, 0, 0, 0]


def test_every_row_is_placed_and_outliers_are_named(groups):
    vectors, true = groups
    stray = unit(1.5 * np.eye(8)[:1] - 1)
    found = sentemb.cluster(made(np.concatenate([vectors, stray])), method="hdbscan", seeds=0)
    assert found.outliers[-1]
    assert found.labels[-1] == found.labels[0]  # the direction that it leans to
    assert found.confidence[-1] < found.confidence[:-1].min()
    assert adjusted_rand_score(true, found.labels[:-1]) == 1
    assert found.stability is None
    assert "outliers, placed at the nearest centre" in repr(found)
    own = (vectors * found.centres[found.labels[:-1]]).sum(axis=1)
    others = vectors @ found.centres.T
    others[np.arange(len(vectors)), found.labels[:-1]] = -1
    assert found.confidence[:-1] == pytest.approx(own - others.max(axis=1), abs=1e-6)


def test_what_a_result_holds(groups):
    vectors, true = groups
    words = ["dog", "train", "rain", "song"]
    texts = [f"{words[label]} number {row}" for row, label in enumerate(true)]
    found = sentemb.cluster(made(vectors, texts), clusters=4)
    assert len(found) == 4
    assert not found.outliers.any()
    assert {name.split(",")[0] for name in found.names} == set(words)
    for label, row in enumerate(found.nearest):
        cosines = vectors @ found.centres[label]
        assert cosines[row] == cosines.max()
    assert found.rows()[0].keys() == {"text", "cluster", "name", "confidence", "outlier"}
    record = json.loads(found.to_json())
    assert (record["schema"], record["branches"]) == ("sentemb.cluster/1", None)
    assert record["labels"] == found.labels.tolist()
    assert found.stability > 0.95
    assert "120 rows in 4 clusters; stability (mean ARI over seeds): 1.00" in repr(found)


def test_many_clusters_are_a_tree():
    directions = np.concatenate([np.eye(8)[:4] + 0.4 * each for each in np.eye(8)[4:]])
    vectors, _ = around(directions, 8, 0.02)
    found = sentemb.cluster(made(vectors), clusters=16, seeds=0)
    assert len(found.branches.names) == 4
    directions = found.centres[:, :4].argmax(axis=1)
    assert adjusted_rand_score(found.branches.parents, directions) == 1
    assert found.tree().count("\n    ") == 16
    assert "clusters: 4)" in repr(found)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"clusters": 1}, UsageError, "clusters must be at least 2, got 1"),
        ({"clusters": 121}, UsageError, "number of distinct texts, 120; got 121"),
        ({"clusters": 2, "method": "hdbscan"}, UsageError, "`clusters` has no effect with hdb"),
        ({"method": "dbscan"}, UsageError, "method must be one of kmeans, communities, hdbscan"),
        ({"min_size": 1, "method": "hdbscan"}, UsageError, "min_size must be at least 2, got 1"),
        ({"seeds": -1}, UsageError, "seeds must be at least 0"),
        ({"method": "communities", "threshold": 2}, UsageError, "must be a cosine from -1 to 1"),
        ({"method": "communities", "threshold": 1}, InputError, "finds no cluster in 120 rows"),
        ({"method": "hdbscan", "min_size": 100}, InputError, "give a lower `min_size`"),
    ],
)
def test_what_is_refused(noise, options, error, message):
    with pytest.raises(error, match=message):
        sentemb.cluster(made(noise), **options)
