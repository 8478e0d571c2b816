"""The README is true: its commands run as written, its Python runs, its figures are measured."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sentemb_cli.main import EXIT_CODES, build
from typer.testing import CliRunner

from sentemb.bundled import bundled
from tests.support.processes import run_twice, sentemb_in

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MEASURED = README + "".join((ROOT / f"docs/{name}.md").read_text() for name in ("results", "speed"))


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the user's own files, of few rows where the bundled files have few."""
    monkeypatch.chdir(tmp_path)
    few = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()[:130]
    for name in ("file.txt", "sentences.txt"):
        (tmp_path / name).write_text("\n".join(few) + "\n", encoding="utf-8")
    for name in ("triplets.csv", "graded.tsv"):
        (tmp_path / name).write_bytes(bundled(name).read_bytes())
    return tmp_path


def test_exit_codes_are_those_of_the_command_line():
    assert " ".join(EXIT_CODES.split()) in " ".join(README.split())


FEWER = {
    "--max-steps 20": "--max-steps 2 --batch-size 16",
    "--max-steps 3": "--max-steps 1",
    "--batch-size 512": "--batch-size 64",
    "--epochs 2": "--epochs 0.2",
    "--epochs 1": "--epochs 0.2",
}
"""What the commands are given instead, so that they are over soon."""


def run_in_order(folder, shortened):
    commands = "\n".join(blocks("sh")).replace("\\\n", " ")
    for written, fewer in shortened.items():
        assert written in commands
        commands = commands.replace(written, fewer)
    ours = [line for line in commands.splitlines() if "sentemb " in line]
    assert len(ours) >= 10
    for line in ours:
        before, command = re.fullmatch(r"(.*?)(?<![\w-])sentemb (.*)", line).groups()
        words = shlex.split(command.partition(">")[0])
        stdin = (folder / "sentences.txt").read_bytes() if before else None
        result = CliRunner().invoke(build(words), words, input=stdin)
        assert result.exit_code == 0, f"{line}\n{result.output}"


def test_every_sentemb_command_runs_in_order(few_bundled, folder):
    run_in_order(folder, FEWER)


@pytest.mark.long
def test_every_sentemb_command_runs_as_written(all_bundled, folder):
    run_in_order(folder, {})


def of_torchrun():
    """Return the words of the command: of torchrun, and of what it starts twice."""
    (line,) = [line for line in "\n".join(blocks("sh")).splitlines() if "torchrun" in line]
    launcher, module, words = line.partition(" -m sentemb_cli ")
    assert module
    return launcher.split(), words.split()


def test_what_torchrun_starts_runs(few_bundled, folder):
    launcher, words = of_torchrun()
    assert launcher == ["torchrun", "--nproc-per-node", "2"]
    run_twice(sentemb_in(folder, *words), folder)
    assert (folder / "two/modules.json").is_file()


@pytest.mark.long
def test_torchrun_starts_it(folder):
    (_, *launcher), words = of_torchrun()
    torchrun = Path(sys.executable).with_name("torchrun")
    process = subprocess.run(
        [str(torchrun), *launcher, "-m", "sentemb_cli", *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert (folder / "two/modules.json").is_file()


def test_the_python_runs(few_bundled, folder):
    for code in blocks("python"):
        exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    assert (folder / "my-model/modules.json").is_file()
    assert (folder / "from-python/modules.json").is_file()


@pytest.mark.parametrize(
    "name",
    [
        "simcse.md",
        "views.md",
        "recipes.md",
        "cached.md",
        "finetune-mini.md",
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
    ],
)
def test_tables_are_those_the_benchmarks_wrote(name):
    result = ROOT / "benchmarks/results" / name
    table = [line for line in result.read_text().splitlines() if line.startswith("|")]
    assert len(table) >= 3
    for line in table:
        assert line in MEASURED


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
)
def test_links_lead_somewhere(page):
    path = ROOT / page
    for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert link.startswith("http") or (path.parent / link).exists(), link
