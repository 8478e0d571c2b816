"""The layers, the packages and the public names are what they are said to be."""

import ast
import inspect
import re
import tomllib
from pathlib import Path

import pytest

import sentemb
from sentemb import losses, methods, twins, views

ROOT = Path(__file__).parents[1]
BELOW = {  # what each part may import of sentemb; cli may import everything
    "errors": set(),
    "inert": set(),
    "bundled": set(),
    "cards": {"bundled", "inert", "storage"},
    "types": set(),
    "versions": set(),
    "texts": set(),
    "pairs": {"types"},
    "functional": {"types"},
    "safety": {"errors"},
    "storage": {"errors"},
    "views": {"types", "errors"},
    "losses": {"pairs", "texts", "functional", "errors", "types"},
    "locate": {"bundled", "safety", "errors"},
    "encoders": {"views", "types", "errors", "locate", "safety"},
    "twins": {"encoders", "pairs", "texts", "views", "types", "errors"},
    "adversary": {"losses", "pairs", "views", "types", "errors"},
    "method": {"adversary", "twins", "encoders", "losses", "pairs", "views", "types", "errors"},
    "evaluation": {"functional", "types", "errors"},
    "geometry": {"evaluation", "functional", "storage", "types", "errors", "versions"},
    "datasets": {"evaluation", "errors", "types"},
    "suites": {"datasets", "evaluation", "errors"},
    "checks": {"datasets", "errors"},
    "inference": {"cards", "encoders", "geometry", "locate", "safety", "storage", "types", "errors"}
    | {"versions"},
    "interruption": set(),
    "encoding": {"datasets", "encoders", "inference", "interruption", "storage", "types", "errors"},
    "runs": {"datasets", "encoders", "encoding", "interruption", "storage", "errors", "versions"}
    | {"bundled", "cards"},
    "finetuning": {
        "runs",
        "cards",
        "versions",
        "functional",
        "losses",
        "pairs",
        "datasets",
        "types",
    }
    | {"errors", "encoders", "storage", "safety", "locate"},
    "studies": {"evaluation", "geometry", "storage", "types", "errors"},
    "methods": {"method", "twins", "losses", "views", "encoders"},
    "training": {"runs", "method", "datasets", "evaluation", "encoders", "losses", "types"}
    | {"errors", "views", "twins", "functional", "cards", "versions"},
}
NOT_FROM_A_PAPER = {"Loss", "Recipe", "Sum", "Term", "Twin", "View", "row_key"} | {
    "Edit", "EncoderTwin", "Order", "Perturbation", "Synonyms", "TokenEdit", "WithQueue",
    "text_numbers",
}  # fmt: skip
FILES = sorted((ROOT / "sentemb").rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(ROOT / "sentemb").parts[0].removesuffix(".py")


def imports(path: Path, *, at_run_time: bool = False) -> list[str]:
    tree = ast.parse(path.read_text())
    if at_run_time:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                node.body = [ast.Pass()]
    nodes = list(ast.walk(tree))
    names = [alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names]
    return names + [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom) and not n.level]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_downwards(path):
    part = part_of(path)
    if part == "__init__":
        return
    ours = [name.split(".")[1] for name in imports(path) if name.startswith("sentemb.")]
    assert set(ours) <= BELOW[part] | {part}
    assert not any(name.startswith(("sentemb_cli", "cli")) for name in imports(path))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_heavy_imports_stay_where_they_are_needed(path):
    heavy = {"sentence_transformers", "transformers"}
    roots = {name.split(".")[0] for name in imports(path, at_run_time=True)}
    if part_of(path) not in {"encoders", "runs", "training", "finetuning"}:
        assert not roots & heavy
    assert not roots & {"typer", "rich"}


@pytest.mark.parametrize("path", [*FILES, *(ROOT / "cli").glob("*.py")], ids=str)
def test_text_files_are_utf8_whatever_the_locale(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = node.func.attr if isinstance(node, ast.Call) and hasattr(node.func, "attr") else ""
        if name in ("read_text", "write_text") or (
            name in ("open", "fdopen") and re.search("'[rwax]t?'", ast.unparse(node))
        ):
            assert "encoding=" in ast.unparse(node)


def test_packages_on_disk_are_declared():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT) for path in ROOT.glob("sentemb/**/__init__.py")}
    expected = {".".join(folder.parts) for folder in folders} | {"sentemb_cli", "sentemb_data"}
    assert set(setuptools["packages"]) == expected


def test_public_names_are_complete_and_sorted():
    assert set(sentemb.__all__) == set(sentemb._HOME)
    assert list(sentemb._HOME) == sorted(sentemb._HOME)
    assert {name for name in sentemb.__all__ if not getattr(sentemb, name)} == set()
    with pytest.raises(AttributeError, match="no attribute 'simcse'"):
        sentemb.simcse  # noqa: B018


@pytest.mark.parametrize("module", [losses, methods, twins, views])
def test_what_stands_on_a_paper_names_it(module):
    for name in module.__all__:
        thing = getattr(module, name)
        if name in NOT_FROM_A_PAPER or not callable(thing):
            continue
        assert "Source:" in (inspect.getdoc(thing) or ""), name


def test_the_version_is_written_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == sentemb.__version__
    assert re.search(
        rf"^## {re.escape(sentemb.__version__)}", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
