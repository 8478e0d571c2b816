"""The pages of docs/ are true: the table of losses is that of the docstrings, the blocks run."""

import importlib.util
import re
from pathlib import Path

import torch

from sentemb.pairs import Pairs

DOCS = Path(__file__).parents[1] / "docs"


def test_the_table_of_losses_is_that_of_the_docstrings():
    spec = importlib.util.spec_from_file_location("docs_losses", DOCS / "losses.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.page()
    incomplete = [row.split("`")[1] for row in page.splitlines() if "| – |" in row]
    assert incomplete == ["Sum"]  # it is from no paper
    assert (DOCS / "losses.md").read_text() == page, "run python docs/losses.py"


def test_the_blocks_about_extending_run_in_order(tmp_path, monkeypatch, few_bundled):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "extending"}
    for code in re.findall(r"```python\n(.*?)```", (DOCS / "extending.md").read_text(), re.S):
        exec(compile(code, "extending.md", "exec", dont_inherit=True), names)  # noqa: S102
    assert (tmp_path / "shouting/modules.json").is_file()
    pairs = Pairs(torch.eye(3), torch.eye(3))
    assert float(names["Margin"]()(pairs)) == 0
    assert set(names["pull"](pairs)) == {"apart", "off_centre"}
    assert float(names["pull"](pairs)["apart"]) == 0


def test_the_tables_about_temperature_are_those_that_were_measured():
    page = (DOCS / "temperature.md").read_text()
    measured = (DOCS.parent / "benchmarks/results/temperature.md").read_text()
    rows = [line for line in measured.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    assert set(rows) <= set(page.splitlines())
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", page):
        assert (DOCS / picture).is_file()
