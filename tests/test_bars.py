"""Bars: what is shown of a long task, where, and what may not break it."""

import io
import logging
import os
import sys
import time
from contextlib import redirect_stderr

import pytest

import sentemb
from sentemb import bars
from tests.support.terminal import in_a_terminal


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 100 columns, for `redirect_stderr`."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr("tqdm.std._screen_shape_wrapper", lambda: lambda _: (100, 30))
    monkeypatch.setattr(logging.getLogger("sentemb"), "level", logging.NOTSET)
    return Terminal()


def test_a_rate_is_of_the_last_seconds_and_leaves_pauses_out():
    clock = Clock()
    speed = bars.Speed(clock)
    speed.reach(0)
    assert (speed.rate, speed.left(10)) == (0.0, None)
    for second in range(1, 101):
        clock.now += 1
        speed.reach(second if second <= 50 else 50 + 10 * (second - 50))
    assert speed.rate == pytest.approx(10)
    with speed.pausing():
        clock.now += 40
    clock.now += 1
    speed.reach(560)
    assert speed.rate == pytest.approx(10)
    assert (speed.pauses, speed.paused) == (1, 40.0)
    assert speed.left(100, pauses=2) == pytest.approx(10 + 2 * 40)


def test_a_bar_shows_rate_time_left_and_what_was_counted_apart(terminal):
    progress = bars.Progress("training", 4, "steps", ("rows", 64))
    with redirect_stderr(terminal), progress:
        assert terminal.getvalue().startswith("\rtraining:   0%")
        progress.note = "loss 1.5"
        with progress.pausing("evaluating"):
            pass
        time.sleep(0.11)
        progress(2)
    assert " 2/4 steps, loss 1.5, " in terminal.getvalue()
    assert "rows/s, 0:00 left, evaluating took 0:00" in terminal.getvalue()
    assert "evaluating …" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")  # it is taken away


def test_a_phase_is_named_while_it_lasts(terminal):
    with redirect_stderr(terminal), bars.phase("loading the model"):
        assert "loading the model …" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")


def test_lines_stand_above_the_bar(terminal):
    logger = logging.getLogger("sentemb")
    handler = logging.StreamHandler(terminal)
    logger.addHandler(handler)
    try:
        with redirect_stderr(terminal), bars.Progress("encoding", 4, "rows"):
            logger.warning("a row is empty")
            print("printed", file=sys.stderr)
            print("by a library", file=sys.stderr)
    finally:
        logger.removeHandler(handler)
    for line in ("a row is empty", "printed", "by a library"):
        before, after = terminal.getvalue().split(line + "\n")
        assert before.endswith("\r")  # the bar was cleared
        assert "encoding:   0%" in after  # and is there again


@pytest.mark.parametrize("off", ["TQDM_DISABLE", "TERM", "level", "pipe"])
def test_bars_can_be_turned_off(terminal, monkeypatch, off):
    if off == "level":
        monkeypatch.setattr(logging.getLogger("sentemb"), "level", logging.WARNING)
    elif off == "pipe":
        monkeypatch.setattr(terminal, "isatty", lambda: False)
    else:
        monkeypatch.setenv(off, {"TQDM_DISABLE": "1", "TERM": "dumb"}[off])
    progress = bars.Progress("encoding", 2, "rows")
    with redirect_stderr(terminal), bars.phase("loading the model"), progress:
        progress(1)
    assert terminal.getvalue() == ""


def test_a_notebook_is_watched(monkeypatch):
    monkeypatch.setattr(logging.getLogger("sentemb"), "level", logging.NOTSET)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    assert not bars.watched()
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert bars.watched()


def test_without_a_terminal_a_line_is_logged_every_few_seconds(monkeypatch, caplog):
    monkeypatch.setattr(bars, "EVERY", 0.05)
    with caplog.at_level(logging.INFO, "sentemb"):
        with bars.Progress("encoding", 4_000, "rows") as progress:
            progress(1_000)
            time.sleep(0.06)
            progress(2_000)
        with bars.phase("loading the model"):
            time.sleep(0.12)
    first, second = caplog.messages[:2]
    assert first.startswith("encoding: 2,000 of 4,000 rows, ")
    assert first.endswith("0:00 left")
    assert second.startswith("loading the model, for 0 s now")


def test_training_shows_its_phases_and_no_bar_of_transformers(
    terminal, capsys, unlabelled, tmp_path
):
    texts = unlabelled.rows["text"][:]
    dev = [("One is here.", "One is there.", 4.0), ("A dog.", "Nothing.", 0.0), ("A.", "A.", 5.0)]
    with redirect_stderr(terminal):
        sentemb.train(data=texts, dev=dev, output=tmp_path / "run", max_steps=4, batch_size=8)
    shown = terminal.getvalue()
    for phase in ("reading the data", "loading the model", "looking at", "evaluating", "writing"):
        assert phase in shown
    assert "/4 steps" in shown
    assert "Writing model shards" not in shown
    assert "Loading weights" not in shown
    assert capsys.readouterr().out == ""


@pytest.mark.wide
def test_a_command_shows_something_within_two_seconds(tmp_path):
    (tmp_path / "few.txt").write_text("one\ntwo\n")
    command = [sys.executable, "-m", "sentemb_cli", "encode", "few.txt", "-o", "-"]
    found = in_a_terminal(command, tmp_path, os.environ | {"TERM": "xterm"})
    assert found.code == 0
    assert found.first_cpu_seconds < 2
    assert "loading the model …" in found.stderr
    assert "\r" not in found.stdout
    assert found.stdout.count("\n") == 2
