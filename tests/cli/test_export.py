"""``sentemb export``: what it prints, what it writes, what it refuses."""

import json
import shlex
import subprocess
import sys

import pytest
from sentemb_cli.commands import export
from sentence_transformers import SentenceTransformer

from sentemb.bundled import bundled

FILES = {
    "words.tsv": "sentence1\tsentence2\tscore\na\tb\t3\nc\td\thigh\n",
    "wrong.csv": "txet\nhello\n",
    "full/thesis.txt": "mine",
    "file": "taken",
}
CASES = [
    ("mini -o new", 2, "Give one of --static and --int8"),
    ("mini --static --int8 -o new", 2, "--static or --int8, not both"),
    ("mini --static", 2, "--output"),
    ("--static -o new", 2, "MODEL"),
    ("mini --int8 --dim 3 -o new", 2, "no effect beside --int8"),
    ("mini --int8 --texts words.tsv -o new", 2, "no effect beside --int8"),
    ("mini --static --dim 999 -o new", 2, "--dim must be 0 (keep all) or from 1 to 96"),
    ("mini --static --dim -1 -o new", 2, "--dim"),
    ("mini --static -o full", 2, "is not empty: give another; it holds no export"),
    ("mini --static -o full --overwrite", 2, "holds no export of sentemb"),
    ("mini --static -o file", 2, "is a file"),
    ("nothing --static -o new", 3, "No model 'nothing'"),
    ("mimi --static -o new", 3, "Did you mean 'mini'?"),
    ("mini --static --sts words.tsv -o new", 3, "row 3: score 'high'"),
    ("mini --static --sts missing.tsv -o new", 3, "No file 'missing.tsv'"),
    ("mini --static --texts missing.txt -o new", 3, "No file 'missing.txt'"),
    ("mini --static --texts wrong.csv -o new", 3, "Did you mean 'txet'?"),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("command", "code", "message"), CASES, ids=[c for c, *_ in CASES])
def test_wrong_input(sentemb, tmp_path, command, code, message):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    process = sentemb("export", *command.split())
    stderr = process.stderr.decode()
    assert process.returncode == code, stderr
    assert message.lower() in stderr.lower()
    assert stderr.count("error: ") <= 1
    assert process.stdout == b""
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_static_prints_one_json_object(sentemb, tmp_path):
    process = sentemb("export", "mini", "--static", "--dim", 32, "-o", "out/static", "--json")
    assert process.returncode == 0, process.stderr.decode()
    result = json.loads(process.stdout)
    assert result["schema"] == "sentemb.export/1"
    assert result["after"]["dim"] == 32
    assert {"sentemb", "torch", "sentence-transformers", "scikit-learn"} <= set(result["versions"])
    stderr = process.stderr.decode()
    assert "graded pairs: bundled graded.tsv" in stderr
    assert f"{result['after']['spearman']:.2f}" in stderr
    written = json.loads((tmp_path / "out/static/export.json").read_text())
    assert written.items() <= result.items()
    SentenceTransformer(str(tmp_path / "out/static"), device="cpu")


def examples():
    """Return the lines; the README has one with --int8, which takes seconds, for every run."""
    lines = [line for line in export.EXAMPLES.splitlines() if "sentemb " in line]
    return [pytest.param(e, marks=pytest.mark.long) if "--int8" in e else e for e in lines]


@pytest.mark.sampled
@pytest.mark.parametrize("line", examples())
def test_examples_of_the_help_run(sentemb, line, tmp_path):
    if "--int8" in line:
        for module in ("onnx", "onnxruntime", "onnxscript"):
            pytest.importorskip(module, reason="the extra int8 is not installed")
    few = bundled("sentences.txt").read_text().splitlines()[:30]
    (tmp_path / "file.txt").write_text("\n".join(few) + "\n")
    process = sentemb(*shlex.split(line)[1:])
    assert process.returncode == 0, process.stderr.decode()
    assert process.stdout == b""


def test_help_imports_neither_torch_nor_sentence_transformers(sentemb):
    text = sentemb("export", "--help").stdout.decode()
    assert "Examples:" in text
    code = """
import sys
from sentemb_cli.main import main
sys.argv = ["sentemb", "export", "--help"]
try:
    main()
except SystemExit:
    sys.exit(bool({"torch", "sentence_transformers", "onnxruntime"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
