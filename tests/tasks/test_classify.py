"""Labels by their texts and by a few examples: worked values, abstaining, what is refused."""

import json
import re

import numpy as np
import pytest
import torch

import sentemb
from sentemb.errors import InputError, UsageError
from sentemb.losses import Contrastive
from sentemb.pairs import Pairs
from sentemb.tasks.abstaining import RiskCoverage
from sentemb.tasks.bounds import least_trials
from sentemb.tasks.few_shot import draw_pairs, pairs_of_an_epoch
from sentemb.tasks.vectors import embedded
from sentemb.tasks.zero_shot import label_vectors, read_labels

WRITING = {"sport": "The striker scored.", "music": ["A violin.", "An opera."]}


def exactly(*values, within=5e-11):
    return pytest.approx(values, abs=within)


def template_vectors(texts):
    """The vectors of two labels in three templates, by the texts that `label_vectors` makes."""
    rows = []
    for text in texts:
        c, q = map(int, text.split())
        rows.append([(1 + q) * np.sin((c + 1) * (q + 1.5) * (j + 1)) for j in range(3)])
    return np.array(rows)


def test_label_vectors_are_the_mean_direction_of_their_templates(frozen):
    labels = {"a": ["0"], "b": ["1"]}
    w = label_vectors(labels, template_vectors, ["{} 0", "{} 1", "{} 2"])
    assert tuple(w[0]) == exactly(0.7038633818, 0.0152997129, -0.7101705841)
    z = frozen.anchor.numpy() / np.linalg.norm(frozen.anchor.numpy(), axis=1, keepdims=True)
    assert tuple(z[0] @ w.T) == exactly(0.9901101392, -0.6555530028)
    assert (z @ w.T).argmax(axis=1).tolist() == [0, 1, 0, 0]
    as_texts = label_vectors({"a": ["0 0", "0 1", "0 2"], "b": ["1 0"]}, template_vectors, ["{}"])
    assert as_texts[0] == pytest.approx(w[0])


def test_risk_by_coverage():
    correct = [1, 1, 1, 1, 0, 1, 1, 0, 1, 0]
    found = RiskCoverage.of(range(10, 0, -1), [bool(c) for c in correct])
    risk = (0, 0, 0, 0, 0.2, 0.1667, 0.1429, 0.25, 0.2222, 0.3)
    assert tuple(found.risk) == exactly(*risk, within=5e-5)
    assert found.aurc == pytest.approx(0.1281746032, abs=5e-11)
    shuffled = RiskCoverage.of([3, 9, 1], [True, True, False])
    assert (shuffled.confidence.tolist(), shuffled.risk[-1]) == ([9, 3, 1], pytest.approx(1 / 3))


def test_equal_confidences_are_answered_together():
    found = RiskCoverage.of([1, 1, 1, 0], [True, False, True, True])
    assert found.at(0.25) == (1.0, 3, 1)


def test_a_guarantee_needs_rows_and_holds_for_the_bound():
    assert least_trials(0.1, 0.05) == 29
    right = RiskCoverage.of(range(100), [True] * 100)
    found = right.guarantee(0.1)
    assert (found.level, found.coverage, found.risk) == (0, 1, 0)
    assert found.bound <= 0.1
    few = RiskCoverage.of(range(50), [True] * 50).guarantee(0.1)
    assert few.level is None
    assert "57 answers without an error would be needed" in str(few)


def test_a_guarantee_holds_over_samples():
    """Of error rates that were bounded by 0.3 at 90 %, no more than 10 % are higher."""
    generator = np.random.default_rng(0)
    broken, answered = 0, 0
    for _ in range(300):
        confidence = generator.random(400)
        found = RiskCoverage.of(confidence, generator.random(400) < confidence).guarantee(0.3, 0.9)
        if found.level is not None:
            answered += 1
            broken += (1 - found.level) / 2 > 0.3  # the mean of 1 - confidence above the level
    assert answered > 250
    assert broken <= 0.1 * 300


def test_pairs_of_setfit():
    counts = {2: 144, 3: 384, 6: 1920}
    assert {k: pairs_of_an_epoch([8] * k) for k in counts} == counts


def test_the_loss_of_setfit(frozen):
    y = torch.tensor([1.0, 0, 1, 0])
    loss = 2 * Contrastive(margin=1.0)(Pairs(frozen.anchor, frozen.positive, labels=y))
    assert float(loss) == pytest.approx(0.4197845749, abs=5e-11)


def test_drawn_pairs():
    labels = [0, 1, 0, 2, 1, 0]
    first, second, together = draw_pairs(labels, 4000, seed=1)
    kinds = [labels[i] == labels[j] for i, j in zip(first, second, strict=True)]
    assert kinds == together.astype(bool).tolist()
    assert together.sum() == 2000
    drawn = set(zip(first.tolist(), second.tolist(), strict=True))
    assert {pair for pair in drawn if pair[0] == pair[1]} == {(3, 3)}  # alone with its label
    assert len(drawn) == 1 + 6 + 2 + 22  # each ordered pair there is
    again = draw_pairs(labels, 4000, seed=1)
    assert (first == again[0]).all()
    assert not (first == draw_pairs(labels, 4000, seed=2)[0]).all()


def test_labels_of_all_kinds(tmp_path):
    (tmp_path / "labels.txt").write_text("sport\nmusic\n")
    (tmp_path / "labels.csv").write_text(
        "text,label\nA goal.,sport\nA song.,music\nA game.,sport\n"
    )
    assert read_labels(tmp_path / "labels.txt") == {"sport": ["sport"], "music": ["music"]}
    assert read_labels(tmp_path / "labels.csv") == {
        "sport": ["A goal.", "A game."],
        "music": ["A song."],
    }
    assert read_labels(WRITING) == {
        "sport": ["The striker scored."],
        "music": ["A violin.", "An opera."],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sport\n", "labels.txt has 1 label, 'sport': at least 2 are needed."),
        ("sport\n\nmusic\n", "labels.txt, row 2 has no label"),
        ("sport\nmusic\nsport\n", "row 3: label 'sport' has the text of row 1 (label 'sport')"),
    ],
)
def test_files_of_labels_that_are_refused(tmp_path, content, message):
    (tmp_path / "labels.txt").write_text(content)
    with pytest.raises(InputError, match=re.escape(message)):
        read_labels(tmp_path / "labels.txt")
    with pytest.raises(InputError, match="'b' has the text of row 1"):
        read_labels({"a": "x", "b": "x"})


def test_zero_shot_rows_and_summary():
    data = [
        {"id": 7, "text": "A goal.", "label": "sport"},
        {"id": 8, "text": "A song.", "label": None},
    ]
    found = sentemb.classify(data, WRITING, abstain_below=3)
    assert found.rows[0].keys() == {"id", "text", "true_label", "label", "score", "abstained"}
    assert [row["abstained"] for row in found.rows] == [True, True]
    assert "2 abstained (margin below 3)" in repr(found)
    assert found.metrics.keys() == {"accuracy", "f1_macro", "mcc", "aurc", "coverage", "risk"}
    assert found.metrics["coverage"] == 0
    assert json.dumps(found.to_dict())
    assert list(found.to_pandas().columns) == list(found.rows[0])


def test_a_probability_is_that_of_the_temperature():
    one = sentemb.classify(["A goal."], ["sport", "music"]).rows[0]
    of = {"abstain_by": "probability", "temperature": 0.5}
    other = sentemb.classify(["A goal."], ["sport", "music"], **of).rows[0]
    assert other["label"] == one["label"]
    assert other["score"] == pytest.approx(1 / (1 + np.exp(-one["score"] / 0.5)), abs=1e-5)


@pytest.fixture(scope="module")
def topics(_tiny_bundled):
    """Four texts of each of two topics, and all texts of both."""
    lines = (_tiny_bundled / "topics.tsv").read_text(encoding="utf-8").splitlines()[1:]
    both = [line.split("\t") for line in lines]
    labels = sorted({label for label, _ in both})[:2]
    rows = {label: [text for one, text in both if one == label] for label in labels}
    few = [(text, label) for label in labels for text in rows[label][:4]]
    return few, [{"text": text, "label": label} for label in labels for text in rows[label]]


def test_few_shot_trains_saves_and_does_it_again(topics, tmp_path):
    few, every = topics
    of = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 4}
    found = sentemb.classify(every, examples=few, save=tmp_path / "model", **of)
    again = sentemb.classify(every, examples=few, **of)
    assert found.rows == again.rows
    head = sentemb.classify(every, examples=few, model=tmp_path / "model", epochs=0)
    assert [row["label"] for row in head.rows] == [row["label"] for row in found.rows]
    frozen = sentemb.classify(every, examples=few, epochs=0)
    assert [row["score"] for row in frozen.rows] != [row["score"] for row in found.rows]
    assert json.loads((tmp_path / "model/run.json").read_text())["rows"] == 40
    assert 0 <= found.metrics["aurc"] <= 1


def test_few_shot_leaves_an_encoder_in_memory_as_it_is(topics, mini):
    before = mini.encode(["A sentence."])
    found = sentemb.classify(topics[1], examples=topics[0], model=mini, learning_rate=1e-2)
    assert (mini.encode(["A sentence."]) == before).all()
    assert len(found) == len(topics[1])


def test_vectors_are_those_of_the_model(topics):
    few, every = topics
    made = embedded(every, "mini")
    with pytest.raises(InputError, match="data are those of 'mini', not of 'mini-sentemb'"):
        sentemb.classify(made, ["a", "b"])
    with pytest.raises(InputError, match="are those of 'mini'"):
        sentemb.classify(made, examples=few, epochs=0)
    of = {"examples": few, "model": "mini", "epochs": 0.5, "learning_rate": 1e-3}
    anew, whole = (sentemb.classify(data, **of) for data in (made, every))
    assert anew.rows == whole.rows  # the trained model's, not those that were made before


def test_where_no_level_holds_all_abstain():
    data = [{"text": f"Text {n}.", "label": "a"} for n in range(5)]
    found = sentemb.classify(data, ["a", "b"], at_most=0.1)
    assert all(row["abstained"] for row in found.rows)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["level"] is None


def test_a_bound_asked_for_is_kept_on_the_rows(topics):
    few, every = topics
    found = sentemb.classify(every, examples=few, epochs=0, at_most=0.9)
    assert found.guarantee is not None
    assert found.metrics["risk"] <= 0.9
    assert str(found.guarantee) in repr(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Give either `labels`, for zero-shot, or `examples`"),
        ({"labels": ["a", "b"], "examples": [("x", "a")]}, "Give either"),
        ({"labels": ["a", "b"], "epochs": 2}, "`epochs` has no effect without `examples`"),
        ({"labels": ["a", "b"], "save": "x"}, "`save` has no effect without `examples`"),
        ({"labels": ["a", "b"], "template": "None."}, "template 'None.' has no {}"),
        ({"labels": ["a", "b"], "abstain_by": "margn"}, "Did you mean 'margin'?"),
        ({"labels": ["a", "b"], "at_most": 1.5}, "at_most must be a rate between 0 and 1, got 1.5"),
        ({"labels": ["a", "b"], "at_most": 0.1}, "`at_most` needs rows with true labels"),
        ({"labels": ["a", "b"], "at_most": 0.1, "abstain_below": 0.1}, "give one of them"),
        ({"labels": ["a", "b"], "temperature": 0}, "temperature must be positive, got 0"),
        ({"labels": ["a", "b"], "epoch": 1}, "Did you mean 'epochs'?"),
        ({"examples": [("x", "a"), ("y", "b")], "template": "{}"}, "`template` has no effect"),
        ({"examples": [("x", "a")], "temperature": 0.05}, "`temperature` has no effect"),
        ({"examples": [("x", "a"), ("y", "b")], "epochs": 0, "save": "x"}, "trains no encoder"),
        ({"examples": [("x", "a"), ("y", "b")], "epochs": -1}, "epochs must be at least 0, got -1"),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        sentemb.classify(["A text."], **options)


def test_data_that_is_refused():
    with pytest.raises(InputError, match="examples has one label only, 'a'"):
        sentemb.classify(["A text."], examples=[("x", "a"), ("y", "a")])
    with pytest.raises(InputError, match="data has no column 'lable' beside its texts"):
        sentemb.classify([{"text": "x", "label": "a"}], ["a", "b"], label_column="lable")
    with pytest.raises(InputError, match="row 2 is blank"):
        sentemb.classify(["x", " "], ["a", "b"])


def test_labels_that_are_never_answered_are_warned_of(caplog):
    sentemb.classify([{"text": "x", "label": "c"}], ["a", "b"])
    assert "count as wrong: 'c' (the labels are 'a', 'b')" in caplog.text


def test_the_picture_needs_labels(tmp_path):
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    with pytest.raises(UsageError, match="needs labelled rows"):
        sentemb.classify(["x"], ["a", "b"]).plot(tmp_path / "risk.png")
    found = sentemb.classify([{"text": "x", "label": "a"}], ["a", "b"])
    assert found.plot(tmp_path / "new/risk.png").stat().st_size > 1000
