"""The commands as a user types them: what goes where, and what is left in the folder."""

import io
import json
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from sentemb_cli.commands import encode, evaluate, info, train
from sentence_transformers import SentenceTransformer

from sentemb import build_encoder
from sentemb.bundled import bundled
from sentemb.encoders import describe

FEW = ("--batch-size", 8, "--max-steps", 4)


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process


def run_process(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, **options)


def test_help_needs_no_torch():
    code = """
import sys
from sentemb_cli.main import main
sys.argv = ["sentemb", "--help"]
try:
    main()
except SystemExit:
    sys.exit("torch" in sys.modules)
"""
    assert run_process(code).returncode == 0


@pytest.mark.wide
def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    (tmp_path / "file.txt").write_text("One.\nTwo.\n" * 200)
    command = "from sentemb_cli.main import main; main()"
    line = f'{sys.executable} -c "{command}" encode file.txt -o - | head -c 100'
    process = run_process(f"import subprocess; subprocess.run({line!r}, shell=True)", cwd=tmp_path)
    assert b"Traceback" not in process.stderr
    assert b"error" not in process.stderr
    assert process.stdout.startswith(b'{"text": "One.", "embedding": [')


def test_version(sentemb):
    assert re.fullmatch(rb"sentemb \d+\.\d+\.\d+\n", ok(sentemb("--version")).stdout)


@pytest.mark.sampled
@pytest.mark.parametrize(
    "command",
    [
        *("train", "evaluate", "analyze", "encode", "merge", "export", "postprocess"),
        *("check", "methods", "plot", "views", "info", "predict", "push"),
        *("calibrate", "cluster", "dedup", "summarise", "word2vec", "static"),
    ],
)
def test_every_command_has_help_and_examples(sentemb, command):
    text = ok(sentemb(command, "--help")).stdout.decode()
    assert "Examples:" in text
    assert f"sentemb {command}" in text


def test_a_method_shows_its_own_options(sentemb):
    text = ok(sentemb("train", "--method", "simcse-sup", "--help")).stdout.decode()
    assert "Options of simcse-sup" in text
    assert "--hard-negative-weight" in text
    text = ok(sentemb("train", "-m", "simcse-unsup", "--help")).stdout.decode()
    assert "--temperature" in text
    assert "--hard-negative-weight" not in text


def examples():
    lines = "\n".join(module.EXAMPLES for module in (train, evaluate, encode, info)).splitlines()
    return [line for line in lines if "sentemb " in line]


@pytest.mark.sampled
@pytest.mark.parametrize("line", examples())
def test_examples_of_the_help_run(sentemb, line, tmp_path):
    few = bundled("sentences.txt").read_text().splitlines()[:30]
    (tmp_path / "file.txt").write_text("\n".join(few) + "\n")
    rows = "".join(f"{a},not {a},{n % 5}\n" for n, a in enumerate("abcde"))
    (tmp_path / "nli.csv").write_text(f"anchor,positive,negative\n{rows}")
    (tmp_path / "sts.csv").write_text(f"sentence1,sentence2,score\n{rows}")
    (tmp_path / "reviews.csv").write_text("review,stars\nVery good,5\nNot good,1\n")
    for name in ("STSB.dev.tsv", "STSB.test.tsv"):
        (tmp_path / name).write_bytes(bundled("formats/graded.tsv").read_bytes())
    if "runs/mine" in line and "-o runs/mine" not in line:
        encoder = build_encoder("mini", device="cpu")
        encoder.save_pretrained(str(tmp_path / "runs/mine"), create_model_card=False)
    fewer = line.replace("--batch-size 256", "--batch-size 64")  # of the few rows
    before, command = re.fullmatch(r"(.*?)(?<![\w-])sentemb (.*)", fewer).groups()
    stdin = (tmp_path / "file.txt").read_bytes() if before else None
    ok(sentemb(*shlex.split(command), stdin=stdin))


def test_train_needs_nothing_else(sentemb, tmp_path):
    process = ok(sentemb("train", "--method", "simcse-unsup", "--max-steps", 2))
    first = process.stderr.decode().splitlines()[0]
    assert first.startswith("simcse-unsup from mini; data: bundled sentences-20k.txt.gz (")
    assert "dev: bundled graded.tsv" in first
    assert process.stdout == b""
    folder = tmp_path / "runs/simcse-unsup"
    names = {path.name for path in folder.iterdir()}
    assert {"modules.json", "run.json", "metrics.jsonl", "README.md"} <= names
    assert "checkpoints" not in names
    record = json.loads((folder / "run.json").read_text())
    assert record["method_options"] == {"temperature": 0.05}
    assert record["settings"]["learning_rate"] == 3e-5
    assert "Spearman on the labelled pairs" in (folder / "README.md").read_text()
    SentenceTransformer(str(folder), device="cpu")


def test_train_prints_one_json_object(sentemb):
    process = ok(sentemb("train", *FEW, "--temperature", 0.1, "--json", "-o", "a"))
    result = json.loads(process.stdout)
    assert result["schema"] == "sentemb.train/1"
    assert result["steps"] == 4
    assert result["method_options"] == {"temperature": 0.1}
    assert result["metrics"].keys() == result["before"].keys()


def test_train_on_pairs_under_other_names(sentemb, tmp_path):
    rows = "".join(f"question {i}?,answer {i}.\n" for i in range(20))
    (tmp_path / "qa.csv").write_text("question,answer\n" + rows)
    options = ("--data", "qa.csv", "--columns", "question,answer", "-o", "a", *FEW)
    process = ok(sentemb("train", "-m", "simcse-sup", *options, "--json"))
    assert json.loads(process.stdout)["data"]["columns"] == ["anchor", "positive"]
    assert b"dev: none, so the last step is kept; give --dev" in process.stderr


def test_several_seeds_and_their_spread(sentemb, tmp_path):
    process = ok(
        sentemb(
            "train", *FEW, "--lr", "1e-3", "--seeds", "0-2", "--select", "last", "-o", "a", "--json"
        )
    )
    result = json.loads(process.stdout)
    values = [run["metrics"]["spearman"] for run in result["runs"]]
    spread = result["spread"]["spearman"]
    assert spread["mean"] == pytest.approx(np.mean(values))
    assert spread["sd"] == pytest.approx(np.std(values, ddof=1))
    assert (spread["min"], spread["max"]) == (min(values), max(values))
    assert len(set(values)) == 3
    assert json.loads((tmp_path / "a/seeds.json").read_text())["spread"] == result["spread"]
    assert (tmp_path / "a/seed-2/modules.json").is_file()


@pytest.mark.wide
def test_resume_goes_on(sentemb, tmp_path):
    ok(sentemb("train", *FEW, "--keep-checkpoints", "-o", "a"))
    options = ("--batch-size", 8, "--max-steps", 6, "--resume", "-o", "a", "--json",
               "--allow-changed", "steps")  # fmt: skip
    assert json.loads(ok(sentemb("train", *options)).stdout)["steps"] == 6


def test_evaluate_several_files_as_a_table_and_as_json(sentemb, tmp_path):
    for name in ("a.tsv", "b.tsv"):
        (tmp_path / name).write_bytes(bundled("formats/graded.tsv").read_bytes())
    table = ok(sentemb("evaluate", "mini-sentemb", "--sts", "a.tsv", "b.tsv")).stdout.decode()
    assert re.search(r"^a +50 +-?\d+\.\d\d", table, re.M)
    assert re.search(r"^b +50 +-?\d+\.\d\d", table, re.M)
    result = json.loads(ok(sentemb("evaluate", "mini-sentemb", "--sts", "a.tsv", "--json")).stdout)
    assert f"{result['results']['a']['spearman']:.2f}" in table


def test_two_files_of_one_name_are_two_results(sentemb, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "dev.tsv").write_bytes(bundled("formats/graded.tsv").read_bytes())
    process = ok(sentemb("evaluate", "mini-sentemb", "--sts", "a/dev.tsv", "b/dev.tsv", "--json"))
    assert set(json.loads(process.stdout)["results"]) == {"a/dev.tsv", "b/dev.tsv"}


def test_what_is_recorded_is_what_was_trained(sentemb, tmp_path):
    ok(sentemb("train", *FEW, "--model", "mini-sentemb", "-o", "a"))
    modules = json.loads((tmp_path / "a/run.json").read_text())["modules"]
    assert modules == describe(build_encoder("mini-sentemb"))


def test_held_out_selection_says_so(sentemb, tmp_path):
    (tmp_path / "s.txt").write_text("".join(f"sentence number {i}\n" for i in range(40)))
    options = ("--data", "s.txt", "--select", "held-out-loss", "-o", "a", *FEW)
    stderr = ok(sentemb("train", *options)).stderr.decode()
    assert "held-out rows choose the checkpoint" in stderr.splitlines()[0]
    assert "no graded pair was used" in (tmp_path / "a/README.md").read_text()


def test_encode_writes_beside_its_input(sentemb, tmp_path):
    (tmp_path / "file.txt").write_text("One sentence.\n\nA third row.\n")
    process = ok(sentemb("encode", "file.txt"))
    expected = build_encoder("mini-sentemb", device="cpu").encode(
        ["One sentence.", "", "A third row."]
    )
    np.testing.assert_allclose(np.load(tmp_path / "file.npy"), expected, atol=5e-6)
    assert b"model: mini-sentemb (bundled)" in process.stderr
    assert b"3 rows x 96" in process.stderr
    assert b"1 empty, 0 truncated at 128 tokens" in process.stderr
    assert process.stdout == b""


def test_encode_from_stdin_to_stdout_and_to_a_file(sentemb, tmp_path):
    process = ok(sentemb("encode", "-", "-o", "-", stdin="One.\nZwei ü.\n".encode()))
    rows = [json.loads(line) for line in process.stdout.splitlines()]
    assert [row["text"] for row in rows] == ["One.", "Zwei ü."]
    process = ok(sentemb("encode", "-", "-o", "a.npy", "--json", stdin=b"One.\n"))
    assert json.loads(process.stdout)["summary"]["rows"] == 1
    assert np.load(io.BytesIO((tmp_path / "a.npy").read_bytes())).shape == (1, 96)


def test_info(sentemb):
    assert b"simcse-unsup" in ok(sentemb("info")).stdout
    result = json.loads(ok(sentemb("info", "mini-sentemb", "--json")).stdout)
    assert result["dimension"] == 96
    assert result["method"] == "cosent"


def test_encoding_imports_no_library_that_takes_seconds(tmp_path):
    (tmp_path / "a.txt").write_text("one line\n")
    program = (
        "import sys; sys.argv = ['sentemb', 'encode', 'a.txt']\n"
        "from sentemb_cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    print(sorted({'sentence_transformers', 'transformers', 'datasets', 'scipy',"
        " 'sklearn', 'torch._dynamo'} & set(sys.modules)))\n"
    )
    done = run_process(program, cwd=tmp_path)
    assert done.stdout.decode().strip() == "[]", done.stderr
    assert np.load(tmp_path / "a.npy").shape == (1, 192)
