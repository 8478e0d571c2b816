"""Every example runs, top to bottom."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
ARGUMENTS = {
    "nearest.py": ["sentences.txt", "sentences.npy", "a man plays the guitar"],
    "plot_training.py": ["run", "picture.png"],
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example(example, tmp_path, mini, unlabelled, sentences):
    if example.name == "nearest.py":
        from sentemb import encode_file

        (tmp_path / "sentences.txt").write_text("\n".join(sentences[:50]) + "\n")
        encode_file(mini, sentences[:50], tmp_path / "sentences.npy")
    if example.name == "plot_training.py":
        pytest.importorskip("matplotlib", reason="the plot extra is not installed")
        (tmp_path / "run").mkdir()
        (tmp_path / "run/metrics.jsonl").write_text(
            '{"step": 0, "eval_spearman": 1, "eval_alignment": 0.2, "eval_uniformity": -1}\n'
            '{"step": 5, "eval_spearman": 2, "eval_alignment": 0.3, "eval_uniformity": -2}\n'
        )
    process = subprocess.run(
        [sys.executable, str(example), *ARGUMENTS.get(example.name, [])],
        cwd=tmp_path,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "MPLBACKEND": "Agg"},
        capture_output=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr.decode()
    assert len(example.read_text().splitlines()) <= 40
