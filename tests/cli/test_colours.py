"""Colours: on a terminal alone, as NO_COLOR and FORCE_COLOR have it."""

import io
import logging
import os
import sys

import pytest
from sentemb_cli import console

from tests.support.terminal import in_a_terminal

RED, YELLOW, GREEN = "\x1b[31m", "\x1b[33m", "\x1b[32m"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "terminal", "pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_where_there_are_colours(monkeypatch, variables, terminal, pipe):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert console.has_colour(Terminal()) == terminal
    assert console.has_colour(io.StringIO()) == pipe


def line(level, message, *, coloured=True, **extra):
    record = logging.LogRecord("sentemb", level, "", 0, message, (), None)
    vars(record).update(extra)
    return console._Lines({}, coloured=coloured).format(record)


def test_a_warning_is_yellow_and_the_score_green():
    assert line(logging.WARNING, "3 rows are empty").startswith(YELLOW)
    assert "\x1b" not in line(logging.INFO, "3 rows")
    table = "spearman 61\nspearman_of_all 2\n3 rows"
    score, other, rest = line(logging.INFO, table, table=True, score="spearman").split("\n")
    assert GREEN in score
    assert (other, rest) == ("spearman_of_all 2", "3 rows")
    assert "\x1b" not in line(logging.WARNING, "3 rows", coloured=False)


def test_a_row_cannot_bring_colours_of_its_own():
    assert RED not in line(logging.WARNING, f"'{RED}red' is empty")


def test_an_error_is_red_on_a_terminal_alone(tmp_path):
    command = [sys.executable, "-m", "sentemb_cli", "encode", "none.txt"]
    found = in_a_terminal(command, tmp_path, os.environ | {"TERM": "xterm"})
    assert f"{RED}error: " in found.stderr
    plain = in_a_terminal(command, tmp_path, os.environ | {"TERM": "xterm", "NO_COLOR": "1"})
    assert "\nerror: " in plain.stderr
    assert plain.code == found.code == 3


def test_the_score_is_green_where_it_is_asked_for(sentemb, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert b"\x1b" not in sentemb("evaluate", "mini").stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    heading, score, *_ = sentemb("evaluate", "mini").stdout.decode().split("\n")
    assert score.startswith(GREEN)
    assert "\x1b" not in heading
    assert b"\x1b" not in sentemb("evaluate", "mini", "--json").stdout
