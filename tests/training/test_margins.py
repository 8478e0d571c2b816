"""Triplets with a teacher's margins in a column, as a cross-encoder's scores give them."""

import json
from dataclasses import replace

import pytest
import torch

from sentemb import InfoNCE, doors
from sentemb.data_sources import DataSource
from sentemb.errors import InputError, UsageError
from sentemb.jobs.job_data import read
from sentemb.jobs.train_job import TrainJob
from sentemb.losses import MarginMSE, Sum
from sentemb.training.settings import Settings
from tests.support import encoders

FEW = {"batch_size": 4, "max_steps": 1}


@pytest.fixture
def rows(sentences):
    return [
        {"anchor": a, "positive": p, "negative": n, "score": number - 3.5}
        for number, (a, p, n) in enumerate(
            zip(sentences[:8], sentences[8:16], sentences[16:24], strict=True)
        )
    ]


def train(rows, loss="margin-mse", method="simcse-sup", **options):
    return doors.train(method, rows, loss=loss, model=encoders.mini(), **FEW | options)


def test_the_score_of_a_row_is_its_margin(rows, monkeypatch):
    given = []
    own = MarginMSE.__call__
    monkeypatch.setattr(MarginMSE, "__call__", lambda self, p: given.append(p) or own(self, p))
    run = train(rows, "margin-mse:scale=2", batch_size=8)
    assert run.record["loss"] == "MarginMSE(scale=2.0)"
    assert run.record["data"]["columns"] == ["anchor", "positive", "negative", "label"]
    pairs = given[-1]
    assert sorted(pairs.labels.tolist()) == [row["score"] for row in rows]
    cosines = [torch.cosine_similarity(pairs.anchor, other)
               for other in (pairs.positive, pairs.negatives[:, 0])]  # fmt: skip
    expected = (2 * (cosines[0] - cosines[1]) - pairs.labels).square().mean()
    torch.testing.assert_close(own(MarginMSE(2.0), pairs), expected)


def test_the_command_reads_the_column_by_any_name(rows, sentemb, tmp_path):
    renamed = [dict(zip("apns", row.values(), strict=True)) for row in rows]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, renamed)))
    process = sentemb("train", "--method", "simcse-sup", "--loss", "margin-mse", "--data",
                      "rows.jsonl", "--columns", "a,p,n,s", "--batch-size", 4, "--max-steps", 1,
                      "-o", "run")  # fmt: skip
    assert process.returncode == 0, process.stderr.decode()
    assert json.loads((tmp_path / "run/run.json").read_text())["steps"] == 1


def test_other_losses_leave_the_column_and_a_teacher_measures_itself(rows):
    job = TrainJob("simcse-sup", Settings(), data=rows)
    for loss, labelled in ((None, False), (InfoNCE(), False), (MarginMSE(), True),
                           (Sum((InfoNCE(), MarginMSE()), (1.0, 1.0)), True)):  # fmt: skip
        data, _ = read(replace(job, loss=loss))
        assert ("label" in data.rows.column_names) == labelled
    taught = TrainJob("gist", Settings(), data=rows, loss=MarginMSE())
    assert "label" not in read(taught)[0].rows.column_names


def test_one_of_several_data_sets_may_have_margins(rows, sentences):
    data = {"pairs": DataSource([tuple(sentences[n : n + 2]) for n in range(0, 16, 2)]),
            "graded": DataSource(rows, "margin-mse")}  # fmt: skip
    run = train(data, None, max_steps=4)
    logged = {name for line in run.history for name in line}
    assert {"loss_pairs", "loss_graded"} <= logged, logged


def test_what_has_no_margin_is_refused_or_left_out(rows, caplog):
    with pytest.raises(UsageError, match="MarginMSE needs a teacher"):
        train([{k: v for k, v in row.items() if k != "score"} for row in rows])
    with pytest.raises(UsageError, match="the margin of one hard negative, but rows have up to 2"):
        train([row | {"negative_2": row["anchor"][::-1]} for row in rows])
    with pytest.raises(InputError, match="row 3"):
        train([row | ({"score": "high"} if n == 2 else {}) for n, row in enumerate(rows)])
    without = [row | ({"score": None} if n == 2 else {}) for n, row in enumerate(rows)]
    assert train(without).record["data"]["unlabelled_rows"] == 1
