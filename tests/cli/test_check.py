"""``sentemb check``: exit codes, what is printed, and that it imports little."""

import json
import shlex
import subprocess
import sys

import pytest
from sentemb_cli.commands import check
from transformers import AutoTokenizer

from sentemb.bundled import bundled

ENOUGH = "".join(f"Sentence number {number}.\n" for number in range(64))
FILES = {
    "good.txt": ENOUGH,
    "twice.txt": ENOUGH + "Sentence number 3.\n",
    "bad.tsv": "sentence1\tsentence2\tscore\na\tb\tnan\nc\td\thigh\n",
    "ragged.csv": "a,b\n1\n",
    "late.jsonl": '{"other": "x"}\n{"text": "a"}\n',
    "dev.txt": "Something else.\nSENTENCE number  5.\n",
}


@pytest.fixture(autouse=True)
def files(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("good.txt", 0, "good.txt: 64 rows, 64 different texts (text), the longest of"),
        ("twice.txt", 0, "note   1 row (65): the same as an earlier row"),
        ("twice.txt --strict", 1, "the same as an earlier row"),
        ("bad.tsv", 1, "error  2 rows (2, 3): the score is not a finite number"),
        ("good.txt dev.txt", 1, "error  1 row (2): all its texts are in good.txt"),
        ("good.txt --test dev.txt", 1, "all its texts are in good.txt"),
        ("good.txt --batch-size 65", 1, "64 rows are fewer than a batch of 65"),
        ("good.txt --max-length 2", 0, "note   64 rows (1, 2, 3, 4, 5, …): more than 2 tokens"),
        ("ragged.csv", 3, "row 2: 1 fields"),
        ("missing.txt", 3, "No file 'missing.txt'"),
        ("-", 2, "check cannot read stdin"),
        ("good.txt --test -", 2, "check cannot read stdin"),
        ("good.txt --columns ,", 2, "--columns takes names"),
        ("good.txt --columns text,", 2, "--columns takes names"),
        ("late.jsonl", 1, "error  1 row (2): columns differ between rows"),
        ("good.txt --columns txet", 3, "Did you mean 'text'?"),
        ("good.txt --model nothing", 3, "No model 'nothing'"),
        ("", 2, "FILE"),
    ],
)
def test_what_is_said(sentemb, words, code, message):
    process = sentemb("check", *words.split())
    assert process.returncode == code, process.stderr
    assert message in (process.stdout + process.stderr).decode()


def test_one_json_object(sentemb):
    process = sentemb("check", "bad.tsv", "--test", "dev.txt", "--json")
    assert process.returncode == 1
    result = json.loads(process.stdout)
    assert result["schema"] == "sentemb.check/1"
    assert (result["errors"], result["notes"], result["max_length"]) == (1, 1, 128)
    bad, dev = result["files"]
    assert bad["problems"][0] == {
        "name": "not_finite",
        "severity": "error",
        "message": "the score is not a finite number",
        "rows": 2,
        "first": [2, 3],
    }
    assert (dev["file"], dev["rows"], dev["problems"]) == ("dev.txt", 2, [])


def test_tokens_are_the_models(sentemb, minilm):
    for model in ("mini", minilm):
        process = sentemb("check", "good.txt", "--json", "--model", model)
        tokenizer = AutoTokenizer.from_pretrained(bundled("mini") if model == "mini" else model)
        longest = max(map(len, tokenizer(ENOUGH.splitlines())["input_ids"]))
        assert json.loads(process.stdout)["files"][0]["longest"] == longest


def test_escapes_of_rows_and_names_are_printed_inert(sentemb, tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n" + "a,\x1b[31mred\n" * 2)
    (tmp_path / "b.csv").write_text("te\x1b[31mxt\na\n")
    for name in ("a.csv", "b.csv"):
        process = sentemb("check", name)
        assert b"\x1b" not in process.stdout
        assert rb"\x1b[31m" in process.stdout


@pytest.mark.parametrize("line", [e for e in check.EXAMPLES.splitlines() if "sentemb " in e])
def test_examples_of_the_help_run(sentemb, line, tmp_path):
    (tmp_path / "train.csv").write_bytes(bundled("triplets.csv").read_bytes())
    (tmp_path / "reviews.csv").write_text("review,stars\nVery good,5\nNot good,1\n")
    for name in ("dev.tsv", "test.tsv"):
        (tmp_path / name).write_bytes(bundled("graded.tsv").read_bytes())
    process = sentemb(*shlex.split(line)[1:])
    assert process.returncode == 0, process.stdout


@pytest.mark.wide
def test_checking_imports_no_library_that_takes_seconds(tmp_path):
    slow = "{'sentence_transformers', 'transformers', 'datasets', 'scipy', 'pyarrow'}"
    code = f"""
import sys
from sentemb_cli.main import main
for words in (["check", "--help"], ["check", "good.txt"]):
    sys.argv = ["sentemb", *words]
    try:
        main()
    except SystemExit:
        pass
    print(sorted(({slow} | {{"torch"}} if "--help" in words else {slow}) & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.count("[]") == 2, done.stdout + done.stderr
