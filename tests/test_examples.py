"""Every example runs, top to bottom."""

import os
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import transformers

from sentemb import encode_file

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
ARGUMENTS = {
    "nearest.py": ["sentences.txt", "sentences.npy", "a man plays the guitar"],
    "plot_training.py": ["run", "picture.png"],
}


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def example(request, tmp_path, mini, sentences):
    """An example, beside what it reads."""
    name = request.param.name
    if name == "nearest.py":
        (tmp_path / "sentences.txt").write_text("\n".join(sentences[:50]) + "\n")
        encode_file(mini, sentences[:50], tmp_path / "sentences.npy")
    if name == "plot_training.py":
        pytest.importorskip("matplotlib", reason="the plot extra is not installed")
        (tmp_path / "run").mkdir()
        (tmp_path / "run/metrics.jsonl").write_text(
            '{"step": 0, "eval_spearman": 1, "eval_alignment": 0.2, "eval_uniformity": -1}\n'
            '{"step": 5, "eval_spearman": 2, "eval_alignment": 0.3, "eval_uniformity": -2}\n'
        )
    return request.param


@pytest.mark.sampled
def test_example(example, request, tmp_path, monkeypatch):
    """On a few rows, and a few steps where it is not the library that trains."""
    if example.name != "moco_longhand.py":  # it counts on more
        request.getfixturevalue("few_bundled")
    few_steps = partial(transformers.TrainingArguments, max_steps=2, dataloader_pin_memory=False)
    monkeypatch.setattr(transformers, "TrainingArguments", few_steps)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(example), *ARGUMENTS.get(example.name, [])])
    runpy.run_path(str(example), run_name="__main__")
    assert len(example.read_text().splitlines()) <= 40


@pytest.mark.long
def test_example_as_it_is(example, tmp_path):
    process = subprocess.run(
        [sys.executable, str(example), *ARGUMENTS.get(example.name, [])],
        cwd=tmp_path,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "MPLBACKEND": "Agg"},
        capture_output=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr.decode()
