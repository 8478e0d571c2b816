"""Every loss by name: trains without collapse, or says which twin or data it needs."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import Method, Settings, losses, read_training_data, train
from sentemb.bundled import bundled
from sentemb.errors import UsageError
from sentemb.losses import DimensionWise, InfoNCE, Sum
from sentemb.methods import method_named, options_of, recipe_named
from sentemb.notation import LOSSES, make_loss
from tests.support.helpers import state

REFUSED = {
    "negative-cosine": "Use a twin with a predictor, whose positives are detached",
    "cross-entropy": "CrossEntropy needs class logits: use a twin that classifies",
    "swapped-prediction": "needs the scores of both views with prototypes: use method swav",
    **dict.fromkeys(
        ("cosine-distillation", "mse-distillation"),
        "Distillation needs a teacher's embeddings: use method distill",
    ),
    **dict.fromkeys(
        ("listmle", "listnet", "similarity-kl", "similarity-mse"),
        "needs a teacher's embeddings of both views: use method gist",
    ),
    "margin-mse": "needs hard negatives of each row, [batch, hard, dim], got none: give data with",
    "r-drop": "RDrop needs a label in every row",
}
METHOD = {
    **dict.fromkeys(
        ("bidirectional-margin", "triplet", "triplet-squared", "weighted-infonce"), "simcse-sup"
    ),
    **dict.fromkeys(("supcon-out", "supcon-in"), "supcon"),
    **dict.fromkeys(("cosent", "angle", "contrastive", "cosine-similarity"), "cosent"),
}
FEW = ("--batch-size", 8, "--max-steps", 2)


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process


def record(tmp_path, name="out"):
    return json.loads((tmp_path / name / "run.json").read_text())


def spread_of(encoder, sentences):
    """Mean standard deviation of the dimensions of unit embeddings × √dim: 1 where uniform."""
    vectors = encoder.encode(sentences, normalize_embeddings=True, show_progress_bar=False)
    return float(vectors.std(axis=0).mean() * np.sqrt(vectors.shape[1]))


def not_clipped(run, loss):
    """Tell whether gradients were as the loss wants them, by the record; True if not clipped."""
    clipped = loss not in ("flatnce", "flatnce-one-way", "dclw")
    assert run["settings"]["max_grad_norm"] == float(clipped)
    return not clipped


@pytest.mark.sampled
@pytest.mark.parametrize("loss", sorted(set(LOSSES) - set(REFUSED)))
def test_each_loss_takes_steps(tmp_path, sentences, loss, few_bundled, caplog):
    name = METHOD.get(loss, "simcse-unsup")
    recipe = recipe_named(name)
    data = read_training_data(bundled(recipe.bundled_data), recipe.layouts)
    given = {"columns": data.rows.column_names, "classes": len(data.classes)}
    made = method_named(name, **{k: v for k, v in given.items() if k in options_of(name)})
    method = Method(made.views, made.twin, make_loss(loss))
    before = state(method)
    rows = replace(data, rows=data.rows.select(range(16)))
    caplog.set_level("INFO", "sentemb")
    train(method, rows, tmp_path / "out", Settings(8, learning_rate=1e-4, epochs=1))
    run = record(tmp_path)
    assert run["loss"].startswith(LOSSES[loss])
    assert run["steps"] == 2
    assert not torch.equal(*(next(iter(one.values())) for one in (before, state(method))))
    assert spread_of(method.encoder, sentences[:50]) > 0.3
    assert ("Gradients are not clipped" in caplog.text) == not_clipped(run, loss)


@pytest.mark.long
@pytest.mark.parametrize("loss", sorted(set(LOSSES) - set(REFUSED)))
def test_each_loss_trains_without_collapse(sentemb, tmp_path, sentences, all_bundled, loss):
    method = METHOD.get(loss, "simcse-unsup")
    pooling = ("--pooling", "mean") if method == "simcse-sup" else ()
    steps = ("--max-steps", 50, "--batch-size", 32, "--eval-steps", 50)
    process = ok(
        sentemb("train", "--method", method, "--loss", loss, *pooling, *steps, "-o", "out")
    )
    run = record(tmp_path)
    assert run["loss"].startswith(LOSSES[loss])
    assert run["steps"] == 50
    assert run["metrics"]["uniformity"] != run["before"]["uniformity"]
    encoder = SentenceTransformer(str(tmp_path / "out"), device="cpu")
    assert spread_of(encoder, sentences[:300]) > 0.3
    assert ("Gradients are not clipped" in process.stderr.decode()) == not_clipped(run, loss)


@pytest.mark.sampled
@pytest.mark.parametrize(("loss", "message"), REFUSED.items())
def test_a_loss_of_another_twin_is_refused_before_anything_is_written(
    sentemb, tmp_path, loss, message
):
    process = sentemb("train", "--loss", loss, *FEW, "-o", "out")
    assert process.returncode == 2
    assert message in process.stderr.decode()
    assert not (tmp_path / "out").exists()


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--loss", "triplet"), "got none: give data with a negative column"),
        (("--loss", "cosent"), "give data with sentence1, sentence2 and score (method cosent)"),
        (("--loss", "infonse"), "Did you mean 'infonce'?"),
        (("--loss", "hard-contrastive:count=2.5"), "count takes a whole number, got '2.5'"),
        (("--loss", "infonce+x*ntxent"), "'x' is not a weight above 0; write it as 0.1*ntxent"),
        (("--loss", "-1*infonce"), "'-1' is not a weight above 0; write it as 0.1*infonce"),
        (("--loss", "infonce+0.1*"), "the name of a loss is missing; write it as"),
        (("--loss", ""), "the name of a loss is missing"),
        (("--loss", "sigmoid:bias=nan"), "'sigmoid:bias=nan': bias must be a number, got nan"),
        (("--loss", "infonce:0"), "'infonce:0': temperature must be a positive number, got 0"),
        (
            ("--loss", "weighted-infonce:1,hard-negative-weight=-1"),
            ": hard-negative-weight must be",
        ),
        (("--loss", "vicreg", "--mask-above", 0.5), "--mask-above has no effect"),
        (("--method", "supcon", "--loss", "cosent"), "ranks pairs by score, but the labels are"),
        (("--method", "cosent", "--loss", "infonce"), "would take each pair for a positive"),
        (("--method", "consert-sup", "--matryoshka", "32"), "adds up several losses, not all"),
        (("--loss", "negative-sampling:0.1"), "takes no option"),
        (("--mask-above", 1.5), "--mask-above is a cosine in (0, 1), got 1.5"),
        (("--matryoshka", "64"), "nests what is compared, and simcse-unsup compares"),
        (("--matryoshka", "a,b"), "--matryoshka takes lengths as 128,64,32; got 'a,b'"),
        (("--pooling", "cls", "--matryoshka", "512,64"), "of 512 dimensions, but the embeddings"),
    ],
)
def test_what_cannot_work_says_what_can(sentemb, tmp_path, words, message):
    process = sentemb("train", *words, *FEW, "-o", "out")
    assert process.returncode == 2
    assert message in process.stderr.decode()
    assert not (tmp_path / "out").exists()


def test_words_into_losses():
    assert make_loss("infonce") == InfoNCE()
    assert make_loss("flatnce:0.2") == losses.FlatNCE(0.2)
    assert make_loss("hard-contrastive:0.1,count=4") == losses.HardContrastive(0.1, count=4)
    assert make_loss("infonce:0.1 + 0.1*dimension-wise") == Sum(
        (InfoNCE(0.1), DimensionWise()), (1.0, 0.1)
    )
    weighted = losses.WeightedInfoNCE(0.1, hard_negative_weight=2.0)
    assert make_loss("weighted-infonce:0.1,hard-negative-weight=2") == weighted
    assert make_loss("2*infonce") == Sum((InfoNCE(),), (2.0,))
    with pytest.raises(UsageError, match="temperature must be a positive number"):
        make_loss("symmetric-infonce:0")


@pytest.mark.parametrize(
    ("words", "loss", "now"),
    [
        ("infonce:0.1,hard-negative-weight=2", losses.WeightedInfoNCE(0.1, 2.0),
         "weighted-infonce:0.1,hard-negative-weight=2"),
        ("infonce:0.1,hard-negative-weight=1", InfoNCE(0.1), "infonce:0.1"),
        ("infonce:hard-negative-weight=1", InfoNCE(), "infonce"),
    ],
)  # fmt: skip
def test_words_of_version_0_1_are_read_as_they_were_meant_and_warned_of(words, loss, now, caplog):
    assert make_loss(words) == loss
    assert make_loss(words) == loss
    (record,) = caplog.records
    assert f"{words} is read as {now}: " in record.getMessage()


def test_a_sum_logs_its_terms(sentemb, tmp_path):
    ok(sentemb("train", "--loss", "infonce+0.1*dimension-wise", *FEW, "-o", "out"))
    lines = [json.loads(x) for x in (tmp_path / "out/metrics.jsonl").read_text().splitlines()]
    line = next(x for x in lines if "loss" in x)
    assert line["loss"] == pytest.approx(
        line["loss_InfoNCE"] + line["loss_DimensionWise"], abs=1e-3
    )


def test_identical_texts_are_masked_counted_and_told(sentemb, tmp_path):
    lines = ["the same sentence"] * 4 + ["another one", "a third", "a fourth", "a fifth"]
    (tmp_path / "few.txt").write_text("\n".join(lines) + "\n")
    run = ("train", "--data", "few.txt", "--epochs", 3, "--batch-size", 8)
    process = ok(sentemb(*run, "-o", "masked"))
    assert record(tmp_path, "masked")["masked_negatives"] == 3 * 4 * 3  # steps, anchors, others
    assert "36 candidates were masked" in process.stderr.decode()
    process = ok(sentemb(*run, "--no-mask-identical", "-o", "all"))
    assert record(tmp_path, "all")["masked_negatives"] == 0
    assert record(tmp_path, "all")["settings"]["mask_identical"] is False
    assert "candidates were masked" not in process.stderr.decode()


def test_similar_candidates_are_masked_and_counted(sentemb, tmp_path):
    ok(sentemb("train", "--mask-above", 0.5, *FEW, "-o", "out"))
    run = record(tmp_path)
    assert 0 < run["masked_negatives"] <= 2 * 8 * 7
    assert run["loss"] == ("MaskSimilar(contrast=InfoNCE(temperature=0.05), above=0.5)")


def test_matryoshka_trains_every_length(sentemb, tmp_path):
    words = ("--method", "simcse-sup", "--matryoshka", "32", *FEW)
    ok(sentemb("train", *words, "-o", "out"))
    lines = (tmp_path / "out/metrics.jsonl").read_text().splitlines()
    line = next(x for x in map(json.loads, lines) if "loss" in x)
    assert line["loss"] == pytest.approx(line["loss_dim_96"] + line["loss_dim_32"], abs=1e-3)


def test_a_score_out_of_range_is_named_before_anything_is_written(sentemb, tmp_path):
    rows = bundled("scored.tsv").read_text(encoding="utf-8").splitlines()[:40]
    rows[30] = "\t".join(["3", *rows[30].split("\t")[1:]])
    (tmp_path / "scored.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    words = ("--method", "cosent", "--loss", "contrastive", "--data", "scored.tsv")
    process = sentemb("train", *words, *FEW, "-o", "out")
    assert process.returncode == 2
    assert "scores in [0, 1], got 3 in pair 30" in process.stderr.decode()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("score", ["high", "nan", "inf"])
def test_a_score_that_is_none_is_named_by_its_row(sentemb, tmp_path, score):
    rows = bundled("scored.tsv").read_text(encoding="utf-8").splitlines()[:9]
    rows[4] = "\t".join([score, *rows[4].split("\t")[1:]])
    (tmp_path / "s.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    process = sentemb("train", "--method", "cosent", "--data", "s.tsv", *FEW, "-o", "out")
    assert process.returncode == 3
    assert f"row 5: score '{score}' is not a finite number" in process.stderr.decode()


def test_a_row_without_a_score_is_left_out_and_counted(sentemb, tmp_path):
    rows = bundled("scored.tsv").read_text(encoding="utf-8").splitlines()[:10]
    rows[4] = "\t".join(["", *rows[4].split("\t")[1:]])
    (tmp_path / "s.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    process = ok(sentemb("train", "--method", "cosent", "--data", "s.tsv", *FEW, "-o", "out"))
    assert "rows left out: 1 without a score (5)" in process.stderr.decode()
