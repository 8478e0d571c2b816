"""The pages about tasks: their commands and blocks run in order, their tables are measured."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from sentemb_cli.main import build
from typer.testing import CliRunner

from sentemb.bundled import bundled

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/clusters_and_duplicates.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()[:60]
    for name, rows in (("file.txt", few), ("train.txt", few[:40]), ("test.txt", few[30:])):
        (tmp_path / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    pairs = [f"{one}\t{other}\t{n % 2}" for n, (one, other) in enumerate(pairwise(few))]
    table = "\n".join(["sentence1\tsentence2\tlabel", *pairs * 5])
    (tmp_path / "pairs.tsv").write_text(table, encoding="utf-8")
    return tmp_path


def test_the_commands_run_in_order(folder, few_bundled):
    commands = re.findall(
        r"^sentemb (.*)", "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.S)), re.M
    )
    assert len(commands) == 7
    for command in commands:
        words = shlex.split(command)
        result = CliRunner().invoke(build(words), words)
        assert result.exit_code == 0, f"{command}\n{result.output}"


def test_the_blocks_run_in_order(folder, few_bundled):
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(compile(code, "page", "exec"), names)  # noqa: S102
    assert len(names["found"].labels) == 5


@pytest.mark.parametrize("name", ["dedup", "rates", "cluster", "summaries"])
def test_the_tables_are_those_that_were_measured(name):
    measured = (ROOT / f"benchmarks/results/groups-{name}.md").read_text(encoding="utf-8")
    rows = [line for line in measured.splitlines() if line.startswith("|")]
    assert len(rows) > 5
    shown = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert {row for row in rows if "nearest text" not in row} & set(shown)
    assert set(shown_of(name)) <= set(rows)


def shown_of(name):
    section = PAGE.partition(f"groups-{name}.md")[2]
    return [line for line in section.partition("\n#")[0].splitlines() if line.startswith("|")]
