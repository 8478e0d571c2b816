"""No step waits for the device: counted on the CPU, by what would make a GPU's host wait."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sentemb import Settings, train
from sentemb.encoders.packing import Packing, lengths_known
from sentemb.errors import NumericError
from sentemb.methods import moco, recipe_named
from sentemb.runs.guarded_trainer import leaving_out
from sentemb.training import run
from sentemb.training.trainer import ContrastiveTrainer
from sentemb.twins.queue import Queue
from tests.support import encoders
from tests.support.helpers import assert_bit_equal, state
from tests.support.runs import Sometimes, data, queued, unsup
from tests.support.waits import CountWaits, counted

SETTINGS = Settings(
    batch_size=8, learning_rate=1e-3, epochs=9, max_steps=5, packed=False, select="last"
)


@pytest.fixture
def waits(monkeypatch):
    counting, prepare = CountWaits(), ContrastiveTrainer.__init__

    def prepared(self, *args, **kwargs):
        prepare(self, *args, **kwargs)
        self.callback_handler.callbacks.insert(0, counting.begin)
        self.add_callback(counting.end)

    monkeypatch.setattr(ContrastiveTrainer, "__init__", prepared)
    return counting


LONG = ["simcse-unsup", "consert", "byol", "esimcse", "simclr", "simsiam"]


@pytest.mark.sampled
@pytest.mark.parametrize(
    "name", ["eda", "moco", "swav", *(pytest.param(name, marks=pytest.mark.long) for name in LONG)]
)
def test_a_step_waits_for_nothing(name, unlabelled, tmp_path, waits):
    given = {"queue_size": 8} if name in ("moco", "esimcse", "swav") else {}
    given |= {"prototypes": 4} if name == "swav" else {}
    method = recipe_named(name).build(encoders.mini(), **given)
    train(method, unlabelled, tmp_path / "run", SETTINGS)
    assert (waits.found, waits.steps) == ([], 3)


def test_a_step_without_padding_reads_lengths_off_the_host(
    unlabelled, tmp_path, waits, monkeypatch
):
    make = run.collator_of

    def counting(*args):
        collator = make(*args)
        collator.counts_tokens = True
        return collator

    monkeypatch.setattr(run, "collator_of", counting)
    method = moco(encoders.mini(), queue_size=8)
    train(method, unlabelled, tmp_path / "run", replace(SETTINGS, packed=True))
    asked_for = [one for one in waits.found if "from_numpy: packing.py" not in one]  # it is pinned
    assert (asked_for, waits.steps) == ([], 3)
    monkeypatch.setattr(run, "collator_of", make)
    asked = moco(encoders.mini(), queue_size=8)
    train(asked, unlabelled, tmp_path / "asked", replace(SETTINGS, packed=True))
    assert any("tolist" in one for one in waits.found)
    assert_bit_equal(state(method), state(asked))


def test_a_packing_by_known_lengths_is_that_of_the_mask():
    lengths = np.array([3, 1, 5, 3])
    mask = torch.arange(6) < torch.from_numpy(lengths).unsqueeze(1)
    asked = Packing.of(mask)
    with lengths_known(lengths):
        known = Packing.of(mask)
    assert (known.shape, known.runs) == (asked.shape, asked.runs)
    for name in ("tokens", "first"):
        assert torch.equal(getattr(known, name), getattr(asked, name))
    real, places = known.padded
    assert real.sum(1).tolist() == [1, 3, 3, 5]
    assert torch.equal(places, real.flatten().nonzero()[:, 0])


def test_what_waits_is_counted():
    found = []
    with counted(found):
        x = torch.ones(3)
        float(x.sum()), x.tolist(), x[x > 0], x.nonzero(), torch.tensor(1), bool(x.all())
    names = [one.partition(":")[0] for one in found]
    expected = ["_local_scalar_dense", "tolist", "index", "nonzero", "tensor", "is_nonzero"]
    assert names[:5] == expected[:5]
    assert len(names) == 6


SPARSE = replace(SETTINGS, save_steps=99, max_steps=6)


def bad_at(method, steps):
    """Losses that are no number at these steps; rows with a queue are tried twice."""
    tried = 1 if method.twin.queue is not None else 0
    method.loss = Sometimes(method.loss, {s + tried for s in steps}, lambda x: x * float("nan"))
    return method


@pytest.mark.parametrize("build", [queued, pytest.param(unsup, marks=pytest.mark.long)])
def test_a_step_that_is_judged_later_leaves_what_one_judged_at_once_does(build, tmp_path, caplog):
    later, at_once = bad_at(build(), {3, 5}), bad_at(build(), {3, 5})
    came = train(later, data(), tmp_path / "later", SPARSE)
    assert came.skipped_steps == 2
    assert [m for m in caplog.messages if "is skipped" in m] == [
        f"Step {step} is skipped: loss is nan." for step in (3, 5)
    ]
    train(at_once, data(), tmp_path / "at once", replace(SPARSE, save_steps=1))
    assert_bit_equal(state(later), state(at_once))
    assert came.history[0]["skipped_steps"] == 2


def test_too_many_in_a_row_name_the_step_and_end_the_run_at_the_next(tmp_path):
    method = bad_at(unsup(), range(2, 9))
    with pytest.raises(NumericError, match="loss is nan at step 4, as in each of the last 3 steps"):
        train(method, data(), tmp_path / "run", SPARSE)


def test_the_last_step_is_judged_too(tmp_path):
    method = bad_at(unsup(), {4, 5, 6})
    with pytest.raises(NumericError, match="at step 6, as in each of the last 3"):
        train(method, data(), tmp_path / "run", SPARSE)
    assert not (tmp_path / "run/modules.json").exists()


def test_other_optimizers_leave_a_step_out_too():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=1.0, momentum=0.9, weight_decay=0.1)
    skipped = torch.tensor(True)
    leaving_out(optimizer, lambda: skipped)
    weight.grad = torch.ones(2)
    optimizer.step()
    assert weight.tolist() == [1, 1]
    skipped = torch.tensor(False)
    weight.grad = torch.ones(2)
    optimizer.step()
    assert weight.tolist() != [1, 1]


def test_a_queue_that_a_skipped_step_filled_is_not_full():
    queue = Queue(4, 2)
    before = queue.state()
    queue.add(torch.ones(4, 2), None)
    assert len(queue) == 4
    queue.restore(before, torch.tensor(True))
    assert len(queue) == 0
    queue.add(torch.ones(4, 2), None)
    found = []
    for _ in range(2):
        queue.state()
        with counted(found):
            assert len(queue) == 4
    assert len(found) == 1  # it is full for good
    queue.load_state_dict(Queue(4, 2).state_dict())
    assert len(queue) == 0
