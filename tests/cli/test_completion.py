"""What a shell completes, by the protocol that its script speaks."""

import json
import os
import subprocess
import sys
from typing import get_args

import pytest
from sentemb_cli import options
from sentemb_cli.main import typed_words

from sentemb import signatures
from sentemb.encoders.poolings import PoolingName
from sentemb.methods.recipe import METHODS
from sentemb.notation import LOSSES
from sentemb.suites import SUITES

CASES = {
    "train --method simcse": ["simcse++", "simcse-sup", "simcse-unsup"],
    "train -m mo": ["moco", "moco-v2", "moco-v3"],
    "train --loss flat": ["flatnce", "flatnce-one-way"],
    "train --loss infonce+0.1*dim": ["infonce+0.1*dimension-wise"],
    "train --view crop+sh": ["crop+shuffle"],
    "train --view clea": ["clean"],
    "train --pooling ": list(get_args(PoolingName)),
    "train --precision ": ["auto", "fp32", "bf16", "fp16"],
    "finetune --precision b": ["bf16"],
    "encode --precision ": ["fp32", "fp16", "bf16"],
    "encode --model mini-": ["mini-sentemb"],
    "encode --empty ": ["encode", "nan", "error"],
    "encode --device c": ["cpu", "cuda"],
    "evaluate ": ["mini", "mini-sentemb", "tiny"],
    "evaluate --suite ": list(SUITES),
    "evaluate --format m": ["markdown"],
    "evaluate mini --pooling avg_t": ["avg_top2"],
    "compare moco mini": ["mini", "mini-sentemb"],
    "study temperature --loss barlow": ["barlow-twins"],
    "train -m moco --queue-s": ["--queue-size"],
    "train -m distill --teacher ": ["mini", "mini-sentemb", "tiny"],
    "train -m rankcse --second-teacher ": ["mini", "mini-sentemb", "tiny"],
    "export runs/": [],
    "push mini-": ["mini-sentemb"],
    "trai": ["train", "train-decoder"],
}
CHILD = """
import contextlib, io, json, os, sys
from sentemb_cli.main import main
sys.argv = ["sentemb"]
for line in json.load(sys.stdin):
    words = "sentemb " + line
    os.environ |= {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    with contextlib.redirect_stdout(out := io.StringIO()), contextlib.suppress(SystemExit):
        main()
    heavy = sorted({"torch", "transformers", "datasets", "numpy"} & set(sys.modules))
    print(json.dumps([line, out.getvalue().split("\\n"), heavy]))
"""


def test_a_shell_gets_the_values_and_no_library_is_imported():
    """One process for all lines, as none of them may import what the next could then use."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(list(CASES)),
        env={**os.environ, "_SENTEMB_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(CASES), done.stderr
    for line, values, heavy in found:
        wanted = CASES[line]
        got = [value for value in values if value]
        assert (line, heavy) == (line, [])
        assert (line, sorted(got)) == (line, sorted(wanted))


@pytest.mark.parametrize(
    ("complete", "known"),
    [
        (options.complete_methods, METHODS),
        (options.complete_losses, LOSSES),
        (options.complete_suites, SUITES),
    ],
)
def test_every_name_is_offered(complete, known):
    assert complete("") == list(known)
    assert complete("nothing-begins-so") == []


def test_choices_of_the_source_are_those_of_the_library():
    from sentemb.encoding.options import PRECISIONS

    assert signatures.choices("sentemb.encoding.options", "PRECISIONS") == get_args(PRECISIONS)
    assert signatures.keys("sentemb.suites.catalogue", "SUITES") == list(SUITES)


def test_other_shells_hand_over_one_line(monkeypatch):
    monkeypatch.setenv("_SENTEMB_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "sentemb train -m moco ")
    assert typed_words(["x"]) == ["train", "-m", "moco"]
    monkeypatch.delenv("_SENTEMB_COMPLETE")
    assert typed_words(["x"]) == ["x"]
