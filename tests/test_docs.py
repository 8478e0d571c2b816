"""The pages of docs/ are true: the table of losses is that of the docstrings, the blocks run."""

import importlib.util
import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from sentemb_cli.main import build
from typer.testing import CliRunner

from sentemb.bundled import bundled
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


@pytest.mark.parametrize("page", ["search.md"])
def test_the_blocks_of_a_tutorial_run_in_order(tmp_path, monkeypatch, few_bundled, page):
    pytest.importorskip("bm25s", reason="the search extra is not installed")
    monkeypatch.chdir(tmp_path)
    shutil.copy(bundled("triplets.csv"), tmp_path)
    names = {"__name__": page}
    for kind, code in re.findall(r"```(python|sh)\n(.*?)```", (DOCS / page).read_text(), re.S):
        if kind == "python":
            exec(compile(code, page, "exec", dont_inherit=True), names)  # noqa: S102
            continue
        for line in code.strip().splitlines():
            words = shlex.split(line)[1:]
            result = CliRunner().invoke(build(words), words)
            assert result.exit_code == 0, f"{line}\n{result.output}"


def test_the_tables_about_search_are_those_that_were_measured():
    page = (DOCS / "search.md").read_text()
    measured = (DOCS.parent / "benchmarks/results/search.md").read_text()
    rows = [line for line in measured.splitlines() if line.startswith("|")]
    assert len(rows) > 8
    assert set(rows) <= set(page.splitlines())


def test_the_tables_about_temperature_are_those_that_were_measured():
    page = (DOCS / "temperature.md").read_text()
    measured = (DOCS.parent / "benchmarks/results/temperature.md").read_text()
    rows = [line for line in measured.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    assert set(rows) <= set(page.splitlines())
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", page):
        assert (DOCS / picture).is_file()
