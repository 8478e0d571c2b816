"""``sentemb classify`` and ``map``: output, examples, mistakes."""

import csv
import json
import re
import shlex

import pytest
from sentemb_cli.commands import classify, map  # noqa: A004

from sentemb.bundled import bundled
from tests.support.helpers import assert_refused

FILES = {
    "few.txt": "It rains.\nA man sings.\nThe cat sleeps.\n",
    "blank.txt": "a\n \n",
    "labels.txt": "weather\nmusic\n",
    "one.txt": "weather\n",
    "same.csv": "label,text\na,It rains.\nb,It rains.\n",
    "shots.tsv": "label\ttext\na\tOne.\na\tTwo.\n",
    "other.csv": "text,stars\nIt rains.,1\nA man sings.,2\nA cat.,3\n",
    "taken.jsonl": "",
    "few.html": "",
    "full/thesis.txt": "mine",
}
CASES = [
    ("classify few.txt", 2, "Give either --labels, for zero-shot, or --examples, for few-shot."),
    ("classify few.txt --labels labels.txt --examples shots.tsv", 2, "Give either --labels"),
    ("classify missing.txt --labels labels.txt", 3, "No file 'missing.txt'"),
    ("classify few.txt --labels missing.txt", 3, "No file 'missing.txt'"),
    ("classify few.txt --labels one.txt", 3, "one.txt has 1 label, 'weather': at least 2"),
    ("classify few.txt --labels same.csv", 3, "same.csv, row 3: label 'b' has the text of row 2"),
    ("classify few.txt --examples shots.tsv", 3, "shots.tsv has one label only, 'a'"),
    ("classify few.txt --examples other.csv", 3, "needed are text, label"),
    ("classify blank.txt --labels labels.txt", 3, "blank.txt, row 2 is blank"),
    ("classify other.csv --labels labels.txt --label-column star", 3, "Did you mean 'stars'?"),
    ("classify few.txt --labels labels.txt --template none", 2, "'none' has no {} for the label"),
    ("classify few.txt --labels labels.txt --epochs 2", 2, "--epochs has no effect without"),
    ("classify few.txt --labels labels.txt --save new", 2, "--save has no effect without"),
    ("classify few.txt --examples shots.tsv --template {}", 2, "--template has no effect"),
    ("classify few.txt --examples shots.tsv --batch-size 1", 2, "--batch-size must be at least 2"),
    ("classify few.txt --labels labels.txt --at-most 2", 2, "--at-most must be a rate between"),
    ("classify few.txt --labels labels.txt --at-most 0.1", 2, "name their column with --label-col"),
    ("classify few.txt --labels labels.txt --abstain-by size", 2, "one of margin, probability"),
    ("classify few.txt --labels labels.txt --json", 2, "both want stdout"),
    ("classify few.txt --labels labels.txt -o taken.jsonl", 2, "give another, or --overwrite"),
    ("classify few.txt --labels labels.txt -o out.doc", 2, "ending in .jsonl, .csv, .tsv"),
    ("classify few.txt --labels labels.txt --plot risk.doc", 2, "Cannot draw 'risk.doc'"),
    ("classify few.txt --labels labels.txt --plot risk.png", 2, "needs labelled rows"),
    ("classify few.txt --labels labels.txt --model mimi", 3, "Did you mean 'mini'?"),
    ("map missing.txt", 3, "No file 'missing.txt'"),
    ("map blank.txt", 3, "blank.txt, row 2 is blank"),
    ("map one.txt", 3, "make no map: give at least 3"),
    ("map few.txt", 2, "Output 'few.html' exists"),
    ("map other.csv -o out.png", 2, "give a file ending in .html; --plot draws"),
    ("map other.csv --color-by star", 3, "Did you mean 'stars'?"),
    ("map other.csv --clusters 1", 2, "--clusters must be at least 2, got 1"),
    ("map other.csv --projection tsne", 2, "--projection must be one of pca, umap"),
    ("map other.csv --model mimi", 3, "Did you mean 'mini'?"),
    ("map -", 2, "Reading stdin, the page needs a name: give --output."),
]


@pytest.mark.parametrize(("command", "code", "message"), CASES, ids=[c for c, *_ in CASES])
def test_wrong_input(sentemb, tmp_path, command, code, message):
    assert_refused(sentemb, tmp_path, FILES, command, code, message)


@pytest.fixture
def files(tmp_path):
    few = bundled("topics.tsv").read_text(encoding="utf-8").splitlines()
    both = [row.split("\t") for row in few[1:]]
    labels = sorted({label for label, _ in both})
    chosen = [row for label in labels[:2] for row in both if row[0] == label]
    chosen = [*chosen[:8], *chosen[-8:]]
    table = [few[0], *("\t".join(row) for row in chosen)]
    (tmp_path / "file.txt").write_text("".join(f"{text}\n" for _, text in chosen))
    (tmp_path / "labelled.tsv").write_text("\n".join(table) + "\n")
    (tmp_path / "labels.txt").write_text("".join(f"{label}\n" for label in labels[:2]))
    texts = "".join(f'{label},"All about {label}."\n' for label in labels[:2])
    (tmp_path / "labels.csv").write_text(f"label,text\n{texts}")
    rows = "".join(f"{n % 3},{text.replace(',', '')}\n" for n, (_, text) in enumerate(chosen))
    (tmp_path / "reviews.csv").write_text(f"stars,review\n{rows}")
    return tmp_path


LINES = [
    line
    for module in (classify, map)
    for line in module.EXAMPLES.splitlines()
    if "sentemb " in line and not re.search("runs/few --epochs|umap|photos", line)
]
"""Others are below, what is saved and used again and what needs umap-learn; or in test_pictures."""


@pytest.mark.sampled
@pytest.mark.parametrize("line", LINES)
def test_examples_of_the_help_run(sentemb, files, line):
    if "--plot" in line:
        pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    process = sentemb(*shlex.split(line)[1:])
    assert process.returncode == 0, process.stderr.decode()


@pytest.mark.long
def test_the_example_of_umap_runs(sentemb, files):
    pytest.importorskip("umap", reason="the map extra is not installed")
    (line,) = [line for line in map.EXAMPLES.splitlines() if "umap" in line]
    assert sentemb(*shlex.split(line)[1:]).returncode == 0
    assert "by UMAP" in (files / "reviews.html").read_text()


def test_what_few_examples_taught_is_saved_and_used_again(sentemb, files):
    saving, using = [line for line in classify.EXAMPLES.splitlines() if "runs/few" in line]
    fast = ["--lr", "1e-3", "--batch-size", "8", "--overwrite"]
    assert sentemb(*shlex.split(saving)[1:], *fast).returncode == 0
    process = sentemb(*shlex.split(using)[1:])
    assert process.returncode == 0, process.stderr.decode()
    with (files / "answers.csv").open() as file:
        saved = list(csv.DictReader(file))
    again = [json.loads(line) for line in process.stdout.decode().splitlines()]
    assert [row["label"] for row in saved] == [row["label"] for row in again]
    assert saved[0].keys() == {"text", "label", "score", "abstained"}
    process = sentemb(*shlex.split(saving)[1:], "--overwrite")
    assert process.returncode == 2
    assert "'runs/few'" in process.stderr.decode()


def test_classify_prints_a_summary_as_json(sentemb, files):
    words = ["--labels", "labels.txt", "-o", "out.jsonl", "--json", "--abstain-below", "0.01"]
    process = sentemb("classify", "labelled.tsv", *words)
    assert process.returncode == 0, process.stderr.decode()
    found = json.loads(process.stdout)
    rows = [json.loads(line) for line in (files / "out.jsonl").read_text().splitlines()]
    assert found["schema"] == "sentemb.classify/1"
    assert found["rows"] == len(rows)
    assert found["abstained"] == sum(row["abstained"] for row in rows)
    assert all(row["abstained"] == (row["score"] < 0.01) for row in rows)
    assert len(found["risk_coverage"]) == 10
    assert "abstained (margin below 0.01)" in process.stderr.decode()


def test_classify_reads_stdin(sentemb, files):
    process = sentemb("classify", "-", "--labels", "labels.txt", stdin=b"A cat.\nA dog.\n")
    assert process.returncode == 0, process.stderr.decode()
    assert [json.loads(line)["text"] for line in process.stdout.splitlines()] == [
        "A cat.",
        "A dog.",
    ]


def test_map_prints_what_it_wrote(sentemb, files):
    process = sentemb("map", "labelled.tsv", "--model", "mini", "--json", "--clusters", 3)
    assert process.returncode == 0, process.stderr.decode()
    found = json.loads(process.stdout)
    assert (found["files"], found["models"]) == (["labelled.html"], ["mini"])
    assert {name: len(each) for name, each in found["groups"].items()} == {"label": 2, "cluster": 3}
    assert (files / "labelled.html").stat().st_size > 10_000
