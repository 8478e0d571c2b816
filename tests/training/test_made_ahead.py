"""Batches that are made in a thread are the batches that the collator makes, one step ahead."""

import threading

import pytest
import torch

from sentemb import Settings, View, train
from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.training import trainer
from sentemb.training.collator import Collator
from sentemb.training.made_ahead import MadeAhead
from sentemb.twins import Siamese
from sentemb.views import WordDropout
from tests.support import encoders
from tests.support.helpers import assert_bit_equal, state

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=3, select="last")


def edited() -> Method:
    encoder = encoders.mini()
    return Method((View(), View(edit=WordDropout(0.3))), Siamese(encoder), InfoNCE(0.05))


def test_a_batch_is_made_in_a_thread_while_the_step_before_runs(unlabelled, tmp_path, monkeypatch):
    collate, compute = Collator.__call__, trainer.ContrastiveTrainer.compute_loss
    made, stepping = [], threading.Event()

    def collated(self, rows):
        if made:
            assert stepping.wait(60)  # for ever, if it were made before the step
        made.append(threading.current_thread().name.partition("_")[0])
        return collate(self, rows)

    def computed(self, *args, **kwargs):
        stepping.set()
        return compute(self, *args, **kwargs)

    method = edited()
    monkeypatch.setattr(trainer.ContrastiveTrainer, "compute_loss", computed)
    monkeypatch.setattr("sentemb.training.mixed.try_out", lambda *args: None)
    monkeypatch.setattr(Collator, "__call__", collated)
    train(method, unlabelled, tmp_path / "run", SETTINGS)
    assert len(made) >= 3
    assert set(made) == {"collate"}
    assert not [t for t in threading.enumerate() if t.name.startswith("collate")]


@pytest.mark.sampled
@pytest.mark.parametrize("accumulation", [1, 2])
def test_weights_are_bit_for_bit_those_without_a_thread(
    unlabelled, tmp_path, monkeypatch, accumulation
):
    settings = Settings(**{**vars(SETTINGS), "accumulation": accumulation, "max_steps": 2})
    ahead = edited()
    train(ahead, unlabelled, tmp_path / "ahead", settings)
    monkeypatch.setattr(MadeAhead, "__call__", lambda self, rows: self.collate(rows))
    by_step = edited()
    train(by_step, unlabelled, tmp_path / "by step", settings)
    assert_bit_equal(state(ahead), state(by_step))


def test_an_error_of_a_view_ends_the_run_in_its_own_words(unlabelled, tmp_path):
    def edit(text, random):
        if threading.current_thread().name.startswith("collate"):
            raise ValueError("no such word")
        return text

    method = Method((View(), View(edit=edit)), Siamese(encoders.mini()), InfoNCE(0.05))
    with pytest.raises(ValueError, match="no such word"):
        train(method, unlabelled, tmp_path / "run", SETTINGS)
    assert not [t for t in threading.enumerate() if t.name.startswith("collate")]


def test_a_batch_comes_to_the_device_that_it_is_moved_to():
    def collate(rows):
        return {"views": [{"input_ids": torch.tensor(rows)}], "labels": torch.tensor(rows)}

    with MadeAhead(collate) as ahead:
        batch = ahead([1, 2]).to(torch.device("meta"), non_blocking=True)
        ahead.rest()
    assert batch["views"][0]["input_ids"].device.type == batch["labels"].device.type == "meta"
