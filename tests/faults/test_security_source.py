"""What our own code may not do, found in its syntax trees; and what it writes."""

import ast
import json
import tomllib
from pathlib import Path

import pytest
from sentemb_cli.console import inert

from sentemb.encoding.writers import WRITERS

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "sentemb").rglob("*.py")), *sorted((ROOT / "cli").rglob("*.py"))]
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "pty.spawn"}
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "subprocess"}
UNPACKED = {"zipfile", "tarfile", "shutil.unpack_archive"}


def faults(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in MODULES | UNPACKED]
        if isinstance(node, ast.ImportFrom) and node.module in MODULES | UNPACKED:
            found.append(node.module)
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if name in CALLS | UNPACKED:
            found.append(name)
        if name == "torch.load" and given.get("weights_only") != "True":
            found.append("torch.load without weights_only=True")
        if name in ("np.load", "numpy.load") and given.get("allow_pickle", "False") != "False":
            found.append("np.load with pickles")
        for word in ("trust_remote_code", "shell"):
            if given.get(word) == "True":
                found.append(f"{word}=True")
    return found


def test_our_code_runs_nothing_that_it_read():
    found = {str(path.relative_to(ROOT)): faults(ast.parse(path.read_text())) for path in FILES}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    "line",
    [
        "eval(x)",
        "import pickle",
        "from joblib import load",
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "np.load(file, allow_pickle=True)",
        "run(x, shell=True)",
        "load(x, trust_remote_code=True)",
        "import tarfile",
    ],
)
def test_the_search_finds_what_it_looks_for(line):
    assert len(faults(ast.parse(line))) == 1


def test_the_rules_and_the_floors_are_on():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "S" in project["tool"]["ruff"]["lint"]["select"]
    floors = {"torch>=2.11,<3", "transformers>=5.19,<6", "sentence-transformers>=6.0,<7"}
    assert floors | {"safetensors>=0.8,<1"} <= set(project["project"]["dependencies"])


def test_no_format_of_spreadsheets_is_written():
    assert not {".xls", ".xlsx", ".ods"} & set(WRITERS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31mred", r"\x9b31mred"),
        ("a\rb\bc\x7f", r"a\rb\x08c\x7f"),
        ("abc\u202edcba\u2066", r"abc\u202edcba\u2066"),
        ("line\u2028next", r"line\u2028next"),
        ("\ud800", r"\ud800"),
        ("Zwei\tü ☃\n", "Zwei\tü ☃\n"),
        ("=cmd()", "=cmd()"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text, shown):
    assert inert(text) == shown


def test_an_error_is_one_line():
    assert inert("a\nb\tc", lines=False) == r"a\nb\tc"


ESCAPE = "\x1b[2J\x1b]0;owned\x07\x9b31m\x08\x7f\u202e\u2066\u2028"
OBEYED = set("\x1b\x07\x9b\x08\x7f\u202e\u2066\u2028")
COMMANDS = [
    ("views", "word {escape}"),
    ("views", "word", "--view", "{escape}"),
    ("check", "texts.csv"),
    ("encode", "{escape}.txt"),
    ("encode", "texts.csv", "--column", "{escape}"),
    ("evaluate", "mini", "--sts", "scores.tsv"),
    ("evaluate", "mini", "--sts", "{escape}.tsv"),
    ("info", "model"),
    ("train", "--data", "triplets.csv", "--method", "simcse-sup"),
    ("finetune", "--data", "labels.tsv", "--dev", "labels.tsv", "--columns", "text,label"),
]


@pytest.mark.sampled
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_prints_an_escape(words, sentemb, tmp_path, loaded_mini):
    (tmp_path / "texts.csv").write_text(f"te{ESCAPE}xt\nOne.\n")
    (tmp_path / "scores.tsv").write_text(f"sentence1\tsentence2\tscore\na\tb\t{ESCAPE}\n")
    graded = "sentence1\tsentence2\tscore\na\tb\t1\nb\tc\t2\n"
    (tmp_path / f"{ESCAPE}.tsv").write_text(graded)
    (tmp_path / "triplets.csv").write_text(f"anchor,posi{ESCAPE}tive\na,b\n")
    (tmp_path / "labels.tsv").write_text("text\tlabel\n" + f"a\t{ESCAPE}\nb\tx\n" * 2)
    loaded_mini.save_pretrained(str(tmp_path / "model"), create_model_card=False)
    (tmp_path / "model/run.json").write_text(json.dumps({"method": ESCAPE}))
    process = sentemb(*(word.format(escape=ESCAPE) for word in words))
    for stream in (process.stdout.decode(), process.stderr.decode()):
        assert not OBEYED & set(stream)
    assert r"\x1b[2J" in (process.stdout + process.stderr).decode()
