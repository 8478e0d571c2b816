"""``sentemb analyze``: what it prints, what it writes, what it refuses."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sentemb_cli.commands import analyze

from sentemb.bundled import bundled
from tests.support.helpers import assert_refused

PAGE = (Path(__file__).parents[2] / "docs/analysis.md").read_text()
FILES = {
    "few.txt": "One.\nTwo.\n\nTwo.\n",
    "blank.txt": "\n \n\n",
    "wrong.csv": "txet\nhello\n",
    "one.tsv": "label\ttext\na\tOne.\na\tTwo.\n",
    "each.tsv": "label\ttext\na\tOne.\nb\tTwo.\nc\tThree.\nc\tFour.\n",
    "alone.tsv": "label\ttext\n" + "".join(f"{n % 3}\tText {n}.\n" for n in range(3)),
    "words.tsv": "sentence1\tsentence2\tscore\na\tb\t3\nc\td\thigh\n",
    "full/thesis.txt": "mine",
}
CASES = [
    ("nothing", 3, "No model 'nothing'"),
    ("mini mimi", 3, "Did you mean 'mini'?"),
    ("few.txt mini", 2, "models come first, then one file"),
    ("mini few.txt", 3, "few.txt has 2 distinct sentences; geometry needs at least 8"),
    ("mini blank.txt", 3, "blank.txt holds no row with text"),
    ("mini missing.txt", 3, "No file 'missing.txt'"),
    ("mini wrong.csv", 3, "Did you mean 'txet'?"),
    ("mini --labels one.tsv", 3, "one label only, 'a'"),
    ("mini --labels alone.tsv", 3, "mini: each of the 3 classes has one sentence"),
    ("mini --labels missing.tsv", 3, "No file 'missing.tsv'"),
    ("mini --sts words.tsv", 3, "row 3: score 'high'"),
    ("mini --temperature 0", 2, "--temperature"),
    ("mini -o full", 2, "Output folder 'full' is not empty"),
    ("mini -o full --overwrite", 2, "holds no analysis of sentemb"),
    ("a b c d e f g h i", 2, "at most 8"),
]


EXAMPLES = [e for e in analyze.EXAMPLES.splitlines() if " --" in e or " -o" in e]
"""The other names nothing, as a test below."""


@pytest.mark.sampled
@pytest.mark.parametrize(("command", "code", "message"), CASES, ids=[c for c, *_ in CASES])
def test_wrong_input(sentemb, tmp_path, command, code, message):
    assert_refused(sentemb, tmp_path, FILES, f"analyze {command}", code, message)


def test_several_models_as_a_table(sentemb):
    """Nothing but models is named."""
    process = sentemb("analyze", "mini", "mini-sentemb", "mini")
    assert process.returncode == 0, process.stderr.decode()
    header, *rows = process.stdout.decode().splitlines()
    assert header.split() == ["n", "mini", "mini-sentemb"]
    assert {line.split()[0] for line in rows} >= {"Spearman", "uniformity", "dimensions"}
    assert "bundled: sentences.txt, graded.tsv, topics.tsv" in process.stderr.decode()


@pytest.mark.long
def test_the_numbers_of_the_page(sentemb, all_bundled):
    process = sentemb("analyze", "mini", "mini-sentemb")
    assert process.returncode == 0, process.stderr.decode()
    for line in process.stdout.decode().splitlines()[1:]:
        *words, first, second = re.split(r"\s+", line.strip())
        (said,) = [row for row in PAGE.splitlines() if row.split()[:-2] == words]
        assert [float(x) for x in said.split()[-2:]] == pytest.approx(
            [float(first), float(second)], abs=0.02
        ), line


@pytest.mark.wide
def test_numbers_are_those_of_evaluate(sentemb, tmp_path):
    few = bundled("sentences.txt").read_text().splitlines()[:80]
    (tmp_path / "own.txt").write_text("\n".join([*few, "", few[0]]) + "\n")
    process = sentemb("analyze", "mini", "own.txt", "--energy", "-o", "out", "--json")
    assert process.returncode == 0, process.stderr.decode()
    assert "own.txt: 1 empty rows left out" in process.stderr.decode()
    result = json.loads(process.stdout)
    assert result["schema"] == "sentemb.analyze/1"
    measures = result["models"]["mini"]["measures"]
    assert "tolerance" not in measures  # no labels beside a file of one's own
    assert measures["mean_cosine"]["n"] == 80
    evaluated = json.loads(sentemb("evaluate", "mini", "--json").stdout)["results"]["graded"]
    for name in ("spearman", "alignment", "uniformity"):
        assert measures[name]["value"] == pytest.approx(evaluated[name], abs=1e-4)
    assert [name for name in measures if f"`{name}`" not in PAGE] == []
    written = json.loads((tmp_path / "out/analysis.json").read_text())
    assert written == {**result, "versions": written["versions"]}
    assert (tmp_path / "out/map.png").stat().st_size > 1000
    process = sentemb("analyze", "mini", "own.txt", "-o", "out", "--overwrite")
    assert process.returncode == 0, process.stderr.decode()


@pytest.mark.sampled
@pytest.mark.parametrize("line", EXAMPLES)
def test_examples_of_the_help_run(sentemb, line, tmp_path):
    few = bundled("sentences.txt").read_text().splitlines()[:30]
    (tmp_path / "file.txt").write_text("\n".join(few) + "\n")
    (tmp_path / "topics.tsv").write_bytes(bundled("topics.tsv").read_bytes())
    (tmp_path / "STSB.dev.tsv").write_bytes(bundled("formats/graded.tsv").read_bytes())
    process = sentemb(*shlex.split(line.replace("runs/mine", "mini"))[1:])
    assert process.returncode == 0, process.stderr.decode()


def test_help_imports_neither_torch_nor_matplotlib(sentemb):
    assert "Examples:" in sentemb("analyze", "--help").stdout.decode()
    code = """
import sys
from sentemb_cli.main import main
sys.argv = ["sentemb", "analyze", "--help"]
try:
    main()
except SystemExit:
    sys.exit(bool({"torch", "matplotlib", "scipy"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
