"""``sentemb dedup``, ``calibrate``, ``cluster`` and ``summarise``: output, examples, mistakes."""

import json
import shlex
from itertools import pairwise

import pytest
from sentemb_cli.commands import calibrate, cluster, dedup, summarise

from sentemb.bundled import bundled
from sentemb.decoders import language_model
from tests.support.helpers import assert_refused

FILES = {
    "few.txt": "It rains.\nA man sings.\nIt rains.\n",
    "blank.txt": "a\n \n",
    "table.csv": "text,score\nIt rains.,1\nIt rains.,2\n",
    "pairs.tsv": "sentence1\tsentence2\tlabel\na\tb\t1\nc\td\tyes\n",
    "taken.txt": "",
    "taken.json": "{}",
}
CASES = [
    ("cluster blank.txt", 3, "blank.txt, row 2 is blank"),
    ("cluster few.txt --clusters 3", 2, "--clusters must be at most the number of distinct texts"),
    ("cluster few.txt --method means", 2, "--method must be one of"),
    ("cluster few.txt --threshold 0.5", 2, "--threshold has no effect without --method"),
    ("cluster few.txt --method hdbscan", 3, "give a lower --min-size"),
    ("cluster few.txt -o few.txt", 2, "ending in .jsonl, .csv, .tsv, .parquet"),
    ("cluster few.txt -o - --json", 2, "both want stdout"),
    ("summarise few.txt --by topic", 3, "few.txt has no column 'topic' beside its texts"),
    ("summarise few.txt --sentences 0", 2, "--sentences must be at least 1, got 0."),
    ("summarise few.txt --method lexrank --balance 0.6", 2, "--balance has no effect without"),
    ("summarise few.txt --by a -o out.txt", 2, "ending in .jsonl, .csv, .tsv, .parquet, or -"),
    ("dedup missing.txt", 3, "No file 'missing.txt'"),
    ("dedup blank.txt", 3, "blank.txt, row 2 is blank"),
    ("dedup table.csv --column txt", 3, "Did you mean 'text'?"),
    ("dedup few.txt --model mimi", 3, "Did you mean 'mini'?"),
    ("dedup few.txt --threshold 2", 2, "--threshold must be a cosine from -1 to 1, got 2.0."),
    (
        "dedup few.txt --threshold few.txt",
        3,
        "'few.txt' is not a file that sentemb calibrate wrote",
    ),
    ("dedup few.txt --keep last", 2, "--keep must be one of first, longest, medoid"),
    ("dedup few.txt --against few.txt --complete", 2, "--complete has no effect with --against"),
    ("dedup few.txt -o taken.txt", 2, "Output 'taken.txt' exists: give another, or --overwrite"),
    ("dedup few.txt -o out.doc", 2, "ending in .jsonl, .csv, .tsv, .parquet, .txt"),
    ("dedup table.csv -o out.txt", 2, "the rows have the columns text, score"),
    ("dedup few.txt -o - --json", 2, "both want stdout"),
    ("dedup few.txt --device gpu", 2, "--device must be cpu"),
    ("calibrate missing.txt", 3, "No file 'missing.txt'"),
    ("calibrate pairs.tsv", 3, "pairs.tsv, row 3: label 'yes'"),
    ("calibrate few.txt --at-most 2", 2, "--at-most must be between 0 and 1"),
    ("calibrate few.txt --rate fdr", 2, "needs labelled pairs"),
    ("calibrate few.txt", 3, "or a higher --at-most"),
    ("calibrate few.txt -o taken.json", 2, "give another --output, or --overwrite"),
]


@pytest.mark.parametrize(("command", "code", "message"), CASES, ids=[c for c, *_ in CASES])
def test_wrong_input(sentemb, tmp_path, command, code, message):
    assert_refused(sentemb, tmp_path, FILES, command, code, message)


@pytest.fixture
def files(tmp_path):
    few = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()[:60]
    for name, rows in (("file.txt", few), ("train.txt", few[:40]), ("test.txt", few[30:])):
        (tmp_path / name).write_text("\n".join(rows) + "\n")
    rows = "".join(f"{row % 3},{text.replace(',', '')}\n" for row, text in enumerate(few))
    (tmp_path / "reviews.csv").write_text(f"stars,review\n{rows}")
    pairs = [f"{one}\t{other}\t{n % 2}" for n, (one, other) in enumerate(pairwise(few))]
    (tmp_path / "pairs.tsv").write_text("\n".join(["sentence1\tsentence2\tlabel", *pairs * 5]))
    return tmp_path


def examples(*modules):
    lines = "\n".join(module.EXAMPLES for module in modules).splitlines()
    return [line for line in lines if "sentemb " in line]


@pytest.mark.sampled
@pytest.mark.parametrize("line", examples(cluster, dedup, calibrate, summarise))
def test_examples_of_the_help_run(sentemb, files, line, monkeypatch):
    if "clusters.csv --by" in line:
        sentemb(*["cluster", "file.txt", "--clusters", "4", "--seeds", "0", "-o", "clusters.csv"])
    if "--name-by" in line:
        monkeypatch.setattr(language_model, "LAYERS", 1)
        sentemb(*shlex.split("train-decoder mini-sentemb file.txt --max-steps 1 -o runs/decoder"))
    if "--threshold threshold.json" in line:
        sentemb(*shlex.split("calibrate file.txt --at-most 0.2 -o threshold.json"))
    enough = line.replace("calibrate file.txt --at-most 0.05", "calibrate file.txt --at-most 0.2")
    process = sentemb(*shlex.split(enough)[1:])
    assert process.returncode == 0, process.stderr.decode()


def test_dedup_writes_the_rows_that_are_kept(sentemb, tmp_path):
    (tmp_path / "few.csv").write_text("id,text\n1,It rains.\n2,A man sings.\n3,It rains.\n")
    process = sentemb("dedup", "few.csv", "-o", "kept.csv", "--json", "--threshold", 1)
    assert process.returncode == 0, process.stderr.decode()
    found = json.loads(process.stdout)
    assert (found["rows"], found["kept"]) == (3, 2)
    assert found["removed"] == [
        {"row": 3, "text": "It rains.", "cosine": 1.0, "of_row": 1, "of_text": "It rains."}
    ]
    assert (tmp_path / "kept.csv").read_text() == "text,id\nIt rains.,1\nA man sings.,2\n"


def test_no_row_may_be_left(sentemb, tmp_path):
    (tmp_path / "few.txt").write_text("a\nb\n")
    process = sentemb(*["dedup", "few.txt", "--against", "few.txt", "-o", "out.txt"])
    assert process.returncode == 0, process.stderr.decode()
    assert (tmp_path / "out.txt").read_text() == ""


def test_dedup_of_stdin_to_stdout(sentemb):
    process = sentemb("dedup", "-", "-o", "-", "--threshold", 1, stdin=b"a\nb\na\n")
    assert process.stdout == b'{"text": "a"}\n{"text": "b"}\n'
    assert "3 rows: 2 kept, 1 duplicates" in process.stderr.decode()


def test_a_calibrated_threshold_is_used_by_name(sentemb, files):
    process = sentemb(*["calibrate", "file.txt", "--at-most", "0.2", "-o", "t.json", "--json"])
    assert process.returncode == 0, process.stderr.decode()
    threshold = json.loads(process.stdout)
    process = sentemb("dedup", "file.txt", "--threshold", "t.json", "--json")
    assert json.loads(process.stdout)["guarantee"] == threshold
    process = sentemb("dedup", "file.txt", "--threshold", "t.json", "--model", "mini")
    assert process.returncode == 2
    assert b"of model 'mini-sentemb', and the vectors are those of 'mini'" in process.stderr
    words = ("search", "It rains.", "file.txt", "--min", "t.json", "--json")
    found = json.loads(sentemb(*words).stdout)
    assert found["min_score"] == threshold["value"]
    assert all(hit["score"] >= threshold["value"] for hit in found["hits"])


def test_cluster_writes_every_row_with_its_cluster(sentemb, tmp_path):
    (tmp_path / "few.csv").write_text("id,text\n1,It rains.\n2,A man sings.\n3,It rains.\n")
    process = sentemb(
        *["cluster", "few.csv", "--clusters", "2", "--seeds", "0", "-o", "out.csv", "--json"]
    )
    assert process.returncode == 0, process.stderr.decode()
    found = json.loads(process.stdout)
    assert found["labels"] == [0, 1, 0]
    header, first, *_ = (tmp_path / "out.csv").read_text().splitlines()
    assert header == "text,id,cluster,name,confidence,outlier"
    assert first.startswith("It rains.,1,0,rains,")


def test_summarise_prints_the_sentences(sentemb, tmp_path):
    (tmp_path / "few.txt").write_text("It rains. A man sings.\nIt rains.\n")
    process = sentemb(*["summarise", "few.txt", "--sentences", "9", "-o", "out.txt"])
    assert process.returncode == 0, process.stderr.decode()
    shown = process.stderr.decode()
    assert "It rains.\nA man sings.\n(2 of 3 sentences, coverage 1.00)" in shown
    assert (tmp_path / "out.txt").read_text() == "It rains.\nA man sings.\n"
