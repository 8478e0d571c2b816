"""A process that tokenises ahead and is killed ends the run with the likely cause."""

import os
import signal

import pytest

from sentemb import Settings, simcse_unsup, train
from sentemb.errors import OutOfMemoryError
from sentemb.runs.out_of_memory import dead_workers_told
from sentemb.training.collator import Collator


def test_a_killed_worker_is_named(mini, unlabelled, tmp_path, monkeypatch):
    collate, main = Collator.__call__, os.getpid()

    def killed(self, rows):
        if os.getpid() != main:
            os.kill(os.getpid(), signal.SIGKILL)
        return collate(self, rows)

    monkeypatch.setattr(Collator, "__call__", killed)
    settings = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=2, workers=1)
    with pytest.raises(OutOfMemoryError, match=r"tokenizes ahead died.*give fewer `workers`"):
        train(simcse_unsup(mini), unlabelled, tmp_path / "run", settings)


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shapes differ"), dead_workers_told():
        raise RuntimeError("shapes differ")
