"""A run on rows with several hard negatives, or none: what it says, and that it resumes exactly."""

from dataclasses import replace

import pytest
import torch

import sentemb
from sentemb import InfoNCE, Method, Settings, View, train
from sentemb.errors import UsageError
from sentemb.losses import FlatNCE, MarginMSE, Triplet
from sentemb.methods import gist, simcse_sup, two_tower
from sentemb.methods.overrides import override
from sentemb.runs.run_folder import read_record
from sentemb.twins import MomentumQueue, QueuedSiamese, Siamese
from sentemb.twins.ema import ConstantMomentum
from sentemb.views import TokenShuffle
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, state

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, max_steps=4, save_steps=2)
COLUMNS = ("anchor", "positive", "negative", "negative_2", "negative_3")
VIEWS = tuple(map(View, COLUMNS))
METHODS = {
    "weighted": lambda e: simcse_sup(e, COLUMNS, hard_negative_weight=2.0),
    "micro-batches": lambda e: simcse_sup(e, COLUMNS),
    "two-tower": lambda e: two_tower(e, COLUMNS),
    "gist": lambda e: gist(e, "mini-sentemb", COLUMNS),
    "momentum queue": lambda e: Method(
        VIEWS, MomentumQueue(e, ConstantMomentum(0.9), 16), InfoNCE()
    ),
    "queue": lambda e: Method(VIEWS, QueuedSiamese(e, ConstantMomentum(0.9), 16), FlatNCE()),
    "triplets": lambda e: Method(VIEWS, Siamese(e), Triplet()),
}
LONG = [name for name in METHODS if name not in ("weighted", "momentum queue")]


@pytest.fixture(scope="module")
def rows(triplets):
    """Each row has none to three of the negatives of the rows behind it."""
    negatives = triplets.rows["negative"][:]
    count = len(negatives)
    return [
        {**row, "negative": [negatives[(n + k) % count] for k in range(n % 4)]}
        for n, row in enumerate(triplets.rows.to_list())
    ]


@pytest.mark.sampled
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.long] * (n in LONG)) for n in METHODS]
)
def test_a_run_that_was_cut_goes_on_bit_for_bit(name, rows, tmp_path):
    data = sentemb.datasets.as_training_data(rows)
    settings = replace(SETTINGS, micro_batch=4 if name == "micro-batches" else 0)

    def fresh():
        torch.manual_seed(0)
        return METHODS[name](encoders.mini("mean"))

    whole, cut, resumed = fresh(), fresh(), fresh()
    run = train(whole, data, tmp_path / "whole", settings)
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", settings)
    train(resumed, data, tmp_path / "cut", settings, resume=True)
    assert_bit_equal(state(whole), state(resumed))
    lacking = sum(not row["negative"] for row in rows)
    assert f"{lacking} rows have no hard negative" in run.summary()
    assert read_record(tmp_path / "whole/run.json")["data"]["rows_without_negatives"] == lacking
    card = (tmp_path / "whole/README.md").read_text()
    assert f"up to 3 a row; {lacking} rows without any" in card


def test_a_recipe_finds_them_and_says_so(rows, tmp_path, caplog):
    caplog.set_level("INFO")
    run = sentemb.train("simcse-sup", rows, max_steps=1, batch_size=8, model=encoders.mini("mean"),
                        hard_negative_weight=2.0, prompt={"negative": "not: "})  # fmt: skip
    assert "160 rows, up to 3 hard negatives each" in caplog.text
    assert run.prompts["negative_3"] == "not: "
    assert run.record["views"] == list(COLUMNS)


def test_other_views_are_one_for_all_negatives():
    method = simcse_sup(encoders.mini("mean"), COLUMNS)
    shuffled = View(order=TokenShuffle())
    three = override(method, "simcse-sup", [View(), View(), shuffled])
    assert [view.order is None for view in three.views] == [True, True, False, False, False]
    assert [view.column for view in three.views] == list(COLUMNS)
    one = override(method, "simcse-sup", [shuffled])
    assert all(view.order for view in one.views)
    with pytest.raises(UsageError, match=r"has 3 views .*: give 1 or 3 in their place"):
        override(method, "simcse-sup", [View(), shuffled])


def test_a_teacher_sees_every_negative(rows, tmp_path):
    data = sentemb.datasets.as_training_data(rows[:24])
    method = gist(encoders.mini("mean"), "mini-sentemb", COLUMNS)
    method = Method(method.views, method.twin, MarginMSE())
    run = train(method, data, tmp_path / "run", replace(SETTINGS, max_steps=1))
    assert run.steps == 1
