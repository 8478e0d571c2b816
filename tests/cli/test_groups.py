"""``sentemb dedup``, ``calibrate``, ``cluster`` and ``summarise``: output, examples, mistakes."""

import json
import shlex
from itertools import pairwise

import pytest
from sentemb_cli.commands import calibrate, dedup

from sentemb.bundled import bundled
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
    ("dedup missing.txt", 3, "No file 'missing.txt'"),
    ("dedup blank.txt", 3, "blank.txt, row 2 is blank"),
    ("dedup table.csv --column txt", 3, "Did you mean 'text'?"),
    ("dedup few.txt --model mimi", 3, "Did you mean 'mini'?"),
    ("dedup few.txt --threshold 2", 2, "--threshold must be a cosine in -1 to 1, got 2."),
    ("dedup few.txt --threshold few.txt", 3, "'few.txt' is no file that sentemb calibrate wrote"),
    ("dedup few.txt --keep last", 2, "--keep must be one of first, longest, medoid"),
    ("dedup few.txt --against few.txt --complete", 2, "--complete has no effect with --against"),
    ("dedup few.txt --against few.txt -o out.txt", 2, "No row is left to write"),
    ("dedup few.txt -o taken.txt", 2, "give another --output, or --overwrite"),
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


@pytest.mark.parametrize("line", examples(dedup, calibrate))
def test_examples_of_the_help_run(sentemb, files, line):
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
