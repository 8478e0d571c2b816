"""The pages are true: their blocks run from an empty folder, their links lead somewhere."""

import importlib.util
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from sentemb_cli.main import EXIT_CODES

import sentemb
from sentemb.notation import LOSSES
from sentemb.pairs import Pairs
from sentemb.signatures import METHODS
from tests.support.blocks import blocks, commands, run_page
from tests.support.processes import run_twice, sentemb_in

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES += sorted(DOCS.rglob("*.md"))
TESTED_APART = {"clusters_and_duplicates", "extending", "search"}
SLOW = {"vectors_to_text"}
"""Run as written alone, in `make test-all`: tests/decoders runs what these pages show."""
DEAR = {
    *("classify_and_map", "losses", "options", "prompts", "score_got_worse", "smaller_models"),
    *("studies", "todays_encoders", "twins", "views", "words", "your_data"),
}
"""Run by `make test-wide`."""
RUN = [page for page in PAGES if blocks(page) and page.stem not in TESTED_APART]
FEWER = {
    "max_steps=100": "max_steps=2",
    "--max-steps 20": "--max-steps 2 --batch-size 16",
    "--max-steps 3": "--max-steps 1",
    "--max-steps 25": "--max-steps 3 --batch-size 16",
    "--batch-size 512": "--batch-size 64",
    "--epochs 2": "--epochs 0.2",
    "--epochs 1": "--epochs 0.2",
}
"""What the blocks are given instead, so that they are over soon."""


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Be in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.wide] * (page.stem in DEAR))
        for page in RUN
        if page.stem not in SLOW
    ],
    ids=named,
)
def test_the_blocks_run_in_order(page, few_bundled, folder):
    run_page(page, FEWER)


@pytest.mark.long
@pytest.mark.parametrize("page", RUN, ids=named)
def test_the_blocks_run_as_written(page, all_bundled, folder):
    run_page(page, {})


def test_all_that_is_shortened_is_written_somewhere():
    written = "".join(code for page in PAGES for _, code in blocks(page))
    assert [one for one in FEWER if one not in written] == []


def of_torchrun():
    """Return the words of the command: of torchrun, and of what it starts twice."""
    code = "".join(code for _, code in blocks(DOCS / "large_batches.md"))
    (line,) = [line for line in commands(code) if line.startswith("torchrun")]
    launcher, module, words = line.partition(" -m sentemb_cli ")
    assert module
    return launcher.split(), words.split()


@pytest.mark.wide
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


def test_what_is_shown_of_extending_is_what_it_says(few_bundled, folder):
    names = run_page(DOCS / "extending.md", FEWER)
    assert (folder / "stuttering/modules.json").is_file()
    pairs, tied = Pairs(torch.eye(3), torch.eye(3)), Pairs(torch.ones(3, 2), torch.ones(3, 2))
    assert float(names["Softmax"]()(tied)) == pytest.approx(math.log(3))
    assert float(names["Hardest"]()(pairs)) == 0
    assert float(names["Hardest"]()(tied)) == pytest.approx(0.3)
    assert set(names["pull"](pairs)) == {"apart", "off_centre"}
    assert float(names["pull"](pairs)["apart"]) == 0


def script(name):
    """Return the module that writes a page."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_api_is_up_to_date():
    pages = script("api").pages()
    assert {str(page.relative_to(DOCS)) for page in DOCS.rglob("api/*.md")} | {"api.md"} == {*pages}
    for path, text in pages.items():
        assert text == (DOCS / path).read_text("utf-8"), "run python docs/api.py"


@pytest.mark.parametrize("name", ["commands", "losses"])
def test_pages_made_of_the_sources_are_up_to_date(name):
    page = (DOCS / f"{name}.md").read_text("utf-8")
    assert page == script(name).page(), f"run python docs/{name}.py"


def test_every_option_of_a_method_is_on_the_page_of_commands():
    page = (DOCS / "commands.md").read_text("utf-8")
    table = page.partition("### Options of single methods")[2].partition("\n## ")[0]
    assert "| `--hard-negative-weight` |" in table
    assert {name for name in METHODS if f"`{name}` (" not in table} == {"simsiam", "nsp"}


def test_every_loss_that_has_a_name_is_in_the_table():
    table = (DOCS / "losses.md").read_text("utf-8").partition("```sh")[0]
    assert [name for name in LOSSES if f"`{name}`" not in table] == []


def test_every_public_name_is_in_the_api():
    page = (DOCS / "api/sentemb.md").read_text("utf-8")
    assert [name for name in sentemb.__all__ if f"::: sentemb.{name}\n" not in page] == []


def test_every_loss_has_a_formula_needs_use_and_source():
    module, page = script("losses"), (DOCS / "losses.md").read_text("utf-8")
    sections = re.split(r"^## ", page, flags=re.M)[1:]
    complete = [one for one in sections if all(f"**{p}**" in one for p in module.PARAGRAPHS)]
    missing = [one.split()[0] for one in sections if one not in complete]
    assert missing == ["Sum"]  # it is from no paper
    assert all("```math" in one for one in complete)


def test_exit_codes_are_those_of_the_command_line():
    page = (DOCS / "exit_codes.md").read_text("utf-8")
    assert EXIT_CODES in page
    codes = re.findall(r"(?<![\w.])(\d+) ", EXIT_CODES.partition(":")[2])
    assert re.findall(r"^\| (\d+) \|", page, re.M) == codes


def anchors(page: Path) -> set[str]:
    """Return what a link can point at within a page: its headings."""
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    for link in found:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert link.startswith("http") or target.exists(), link
        assert not anchor or link.startswith("http") or anchor in anchors(target), link
