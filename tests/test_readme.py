"""The README is a landing page: short, with Python early, and its figures are measured."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MEASURED = README + "".join(page.read_text("utf-8") for page in (ROOT / "docs/lab").glob("*.md"))


def test_it_is_short_and_shows_python_early():
    assert len(README.encode()) <= 10_000
    assert README.splitlines().index("```python") < 60


def test_its_picture_is_small():
    (picture,) = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert (ROOT / picture).stat().st_size < 100_000


@pytest.mark.parametrize(
    "name",
    [
        "simcse.md",
        "views.md",
        "recipes.md",
        "cached.md",
        "finetune-mini.md",
        "mini.md",
        "finetune-minilm.md",
        "precision.md",
        "blockwise.md",
        "evaluator.md",
        "bench.md",
        "encode-1t.md",
        "encode-2t.md",
        "evaluate.md",
        "train_step.md",
        "train_quality.md",
        "startup.md",
        "export.md",
        "scale-encode.md",
        "scale-memory.md",
        "scale-train.md",
        "scale-candidates.md",
        "temperature.md",
        "leaderboard.md",
        "taught.md",
        "several_data_sets.md",
        "multilingual.md",
        "sncse.md",
    ],
)
def test_tables_are_those_the_benchmarks_wrote(name):
    result = ROOT / "benchmarks/results" / name
    table = [line for line in result.read_text("utf-8").splitlines() if line.startswith("|")]
    assert len(table) >= 3
    for line in table:
        assert line in MEASURED
