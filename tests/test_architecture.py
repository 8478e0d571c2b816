"""The layers, the packages and the public names are what they are said to be."""

import ast
import inspect
import re
import tomllib
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sentemb
from sentemb import losses, methods, twins, views

ROOT = Path(__file__).parents[1]
BELOW = {  # what each part may import of sentemb; cli may import everything
    "__main__": set(),
    "errors": set(),
    "inert": set(),
    "bars": set(),
    "bundled": set(),
    "table": {"errors", "inert", "versions"},
    "cards": {"bundled", "inert", "storage"},
    "types": set(),
    "values": {"errors"},
    "signatures": {"errors", "methods"},
    "notation": {"encoders", "errors", "losses", "signatures", "views"},
    "versions": set(),
    "text_ids": set(),
    "pairs": {"types"},
    "functional": {"types"},
    "safety": {"errors"},
    "storage": {"errors"},
    "views": {"types", "errors"},
    "losses": {"pairs", "text_ids", "functional", "errors", "types"},
    "locate": {"bundled", "safety", "errors"},
    "encoders": {"views", "types", "errors", "locate", "safety"},
    "twins": {"encoders", "pairs", "text_ids", "views", "types", "errors"},
    "adversary": {"losses", "pairs", "views", "types", "errors"},
    "method": {"adversary", "twins", "encoders", "losses", "pairs", "views", "types", "errors"},
    "evaluation": {"functional", "types", "errors"},
    "geometry": {"evaluation", "functional", "plotting", "storage", "types", "errors", "versions"},
    "datasets": {"evaluation", "errors", "types"},
    "suites": {"bundled", "datasets", "evaluation", "modalities", "errors"},
    "checks": {"datasets", "encoders", "inference", "modalities", "table", "errors"},
    "inference": {"cards", "encoders", "geometry", "locate", "safety", "storage", "types", "errors"}
    | {"versions"},
    "interruption": set(),
    "encoding": {"datasets", "encoders", "inference", "interruption", "storage", "types", "errors"}
    | {"modalities"},
    "encoder": {"datasets", "deployment", "locate", "encoders", "encoding", "errors", "inference"}
    | {"modalities", "storage", "types"},
    "adapters": {"losses", "pairs", "errors"},
    "runs": {"datasets", "encoders", "encoding", "interruption", "storage", "errors", "versions"}
    | {"bundled", "cards", "plotting", "types"},
    "jobs": {
        "bundled",
        "data_sources",
        "datasets",
        "encoders",
        "errors",
        "evaluation",
        "losses",
        "method",
        "notation",
    }
    | {"inference", "locate", "methods", "modalities", "runs", "training", "views"},
    "tasks": {"datasets", "decoders", "modalities"}
    | {"encoder", "encoding", "errors", "evaluation", "finetuning", "inference"}
    | {"encoders", "inert", "jobs", "losses", "method", "plotting", "runs", "training", "twins"}
    | {"storage", "table", "types", "versions", "views"},
    "decoders": {"bars", "cards", "datasets", "encoder", "encoders", "encoding", "errors"}
    | {"evaluation", "functional", "inference", "interruption", "jobs", "locate", "modalities"}
    | {"runs", "safety", "storage", "table", "types", "versions"},
    "data_sources": {"datasets", "errors", "losses", "notation", "runs", "training", "views"},
    "doors": {"bundled", "datasets", "encoders", "errors", "evaluation", "finetuning", "jobs"}
    | {"method", "notation", "runs", "training"},
    "deployment": {"bundled", "datasets", "encoding", "errors", "evaluation", "geometry"}
    | {"inference", "storage", "words"},
    "about": {
        *("bundled", "encoders", "errors", "locate", "methods", "modalities", "runs", "table"),
        "versions",
    },
    "hub": {"bundled", "cards", "errors", "locate", "runs", "table"},
    "finetuning": {"runs", "cards", "versions", "functional", "losses", "pairs", "datasets"}
    | {"types", "errors", "encoders", "storage", "safety", "locate"}
    | {"inert", "plotting", "table"},
    "plotting": {"errors"},
    "experiments": {"bundled", "datasets", "encoders", "evaluation", "geometry", "inference"}
    | {"locate", "plotting", "storage", "suites", "table", "types", "versions", "errors"}
    | {"encoding", "jobs", "losses", "method", "methods", "modalities", "notation", "runs"}
    | {"training"},
    "preview": {"encoders", "training", "views", "types", "errors"},
    "modalities": {"datasets", "encoders", "errors", "evaluation", "locate", "safety", "storage"}
    | {"types", "views"},
    "methods": {"method", "modalities", "twins", "losses", "views", "encoders", "errors", "table"}
    | {"datasets", "locate"},
    "words": {"cards", "datasets", "encoders", "errors", "inference", "losses", "pairs", "storage"}
    | {"twins", "types"},
    "training": {
        "runs",
        "method",
        "modalities",
        "datasets",
        "evaluation",
        "encoders",
        "losses",
        "types",
    }
    | {"errors", "views", "twins", "functional", "cards", "table", "versions"},
}
NOT_FROM_A_PAPER = {"Loss", "Recipe", "RowLoss", "Sum", "Term", "Twin", "View", "row_key"} | {
    "Edit", "EncoderTwin", "Order", "Perturbation", "Synonyms", "TokenEdit",
    "FileTeacher", "Teacher", "require_twin", "text_ids", "method_named", "options_of",
    "recipe_named",
}  # fmt: skip
FILES = sorted((ROOT / "sentemb").rglob("*.py"))


def of_every_file(paths):
    """Have a test look at every file, and tell of all that fail: one for each would take as long
    again."""

    def looking_at_all(check):
        def test():
            wrong = {}
            for path in paths:
                try:
                    check(path)
                except AssertionError as error:
                    wrong[str(path.relative_to(ROOT))] = str(error)
            assert wrong == {}

        test.__name__ = check.__name__
        return test

    return looking_at_all


def part_of(path: Path) -> str:
    return path.relative_to(ROOT / "sentemb").parts[0].removesuffix(".py")


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module", autouse=True)
def _forget_nodes():
    yield
    nodes_of.cache_clear()


def imports(path: Path, *, at_run_time: bool = False) -> list[str]:
    nodes = nodes_of(path)
    if at_run_time:
        unread = {
            id(node)
            for branch in nodes
            if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
            for child in branch.body
            for node in ast.walk(child)
        }
        nodes = [node for node in nodes if id(node) not in unread]
    names = [alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names]
    return names + [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom) and not n.level]


@of_every_file(FILES)
def test_imports_point_downwards(path):
    part = part_of(path)
    if part == "__init__":
        return
    ours = [name.split(".")[1] for name in imports(path) if name.startswith("sentemb.")]
    assert set(ours) <= BELOW[part] | {part, "values", "bars"}
    assert not any(name.startswith(("sentemb_cli", "cli")) for name in imports(path))


@of_every_file(FILES)
def test_heavy_imports_stay_where_they_are_needed(path):
    heavy = {"sentence_transformers", "transformers"}
    roots = {name.split(".")[0] for name in imports(path, at_run_time=True)}
    if part_of(path) not in {
        "decoders",
        "encoders",
        "modalities",
        "runs",
        "training",
        "finetuning",
        "doors",
        "jobs",
        "about",
    }:
        assert not roots & heavy
    assert not roots & {"typer", "rich"}


@of_every_file([*FILES, *(ROOT / "cli").rglob("*.py")])
def test_text_files_are_utf8_whatever_the_locale(path):
    for node in nodes_of(path):
        name = node.func.attr if isinstance(node, ast.Call) and hasattr(node.func, "attr") else ""
        if name in ("read_text", "write_text") or (
            name in ("open", "fdopen") and re.search("'[rwax]t?'", ast.unparse(node))
        ):
            assert "encoding=" in ast.unparse(node)


IN_PLACE = {"storage/lock.py", "inference/static.py"}
"""What writes a file that nobody takes for whole: a lock, and a draft in a temporary folder."""


@of_every_file(FILES)
def test_what_others_read_is_written_whole_or_not_at_all(path):
    calls = [n for n in nodes_of(path) if type(n) is ast.Call]
    written = [ast.unparse(n) for n in calls if getattr(n.func, "attr", "") == "write_text"]
    assert not written or str(path.relative_to(ROOT / "sentemb")) in IN_PLACE, written


@of_every_file(FILES)
def test_the_library_speaks_of_parameters_and_never_of_flags(path):
    strings = {
        id(node): node.value
        for node in nodes_of(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for node in nodes_of(path):
        if isinstance(node, ast.Expr):  # a docstring
            strings.pop(id(node.value), None)
    flags = [text for text in strings.values() if re.search(r"(^|[^\w-])--[a-z]|\s--$", text)]
    assert not flags


def at_module_level(node):
    """The names that a file imports when it is read, TYPE_CHECKING included."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        if isinstance(child, ast.ImportFrom):
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        yield from at_module_level(child)


def test_no_two_files_import_each_other():
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in FILES
    }
    graph = {module: set() for module in modules}
    for module, path in modules.items():
        for name in at_module_level(ast.parse(path.read_text(encoding="utf-8"))):
            while name and name not in modules:
                name = name.rpartition(".")[0]
            if name not in ("", "sentemb", module):
                graph[module].add(name)
    TopologicalSorter(graph).prepare()  # raises at a circle, and shows it


@pytest.mark.parametrize("path", sorted((ROOT / "sentemb/losses").glob("*.py")), ids=str)
def test_losses_hide_nothing_and_are_short(path):
    assert "contextvars" not in imports(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == "of_rows":
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                assert body[-1].end_lineno - body[0].lineno < 6, ast.unparse(node)


@of_every_file([*FILES, *(ROOT / "cli").glob("*.py")])
def test_no_kind_of_twin_is_told_from_another_outside_of_twins(path):
    if "twins" in path.parts:
        return
    kinds = {name for name in twins.__all__ if inspect.isclass(getattr(twins, name))}
    for node in nodes_of(path):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            assert not kinds & set(re.findall(r"\w+", ast.unparse(node.args[1])))


OF_THEIR_FOLDER = {"clustering", "retrieval", "sts", "transfer", "two_tower", "r_drop"} | {
    "result", "run", "settings", "trainer",  # of a training, of a fine-tuning
}  # fmt: skip


def test_a_module_name_stands_once():
    names = Counter(path.stem for path in FILES if path.stem not in ("__init__", "__main__"))
    assert {name for name, count in names.items() if count > 1} <= OF_THEIR_FOLDER


def test_a_class_name_means_one_thing():
    trees = [ast.parse(path.read_text()) for path in [*FILES, *(ROOT / "cli").rglob("*.py")]]
    classes = [node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    assert [name for name, count in Counter(classes).items() if count > 1] == []


def test_packages_on_disk_are_declared():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT) for path in ROOT.glob("sentemb/**/__init__.py")}
    expected = {".".join(folder.parts) for folder in folders}
    expected |= {"sentemb_cli", "sentemb_cli.commands", "sentemb_data"}
    assert set(setuptools["packages"]) == expected


def test_public_names_are_complete_and_sorted():
    assert set(sentemb.__all__) == set(sentemb._HOME)
    assert not set(dir(sentemb)) & set(sentemb._EARLIER)
    assert all(getattr(sentemb, name) for name in sentemb._EARLIER)
    assert len(dir(sentemb)) <= 40
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


def test_a_file_of_a_command_is_short():
    long = {
        file.name: count
        for file in (ROOT / "cli/commands").glob("*.py")
        if (count := len(file.read_text("utf-8").splitlines())) > 120
    }
    assert long == {}
