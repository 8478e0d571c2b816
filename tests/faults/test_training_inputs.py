"""T8, T9, T11, T12, T15: what else must not change a run, and what is refused before it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from safetensors.torch import load_file

from sentemb import train
from sentemb.bundled import bundled
from tests.support.helpers import assert_bit_equal, state
from tests.support.runs import SETTINGS, data, dev, unsup

FEW = ("train", "--batch-size", 4, "--max-steps", 3, "--eval-steps", 3)


@pytest.mark.wide
def test_evaluating_at_every_step_or_never_changes_nothing(tmp_path):
    """T8."""
    settings = replace(SETTINGS, max_steps=8, select="last", save_steps=8)
    plain = unsup()
    train(plain, data(), tmp_path / "plain", settings)
    for often in (1, 7):
        watched = unsup()
        train(
            watched, data(), tmp_path / str(often), replace(settings, eval_steps=often), dev=dev()
        )
        assert_bit_equal(state(plain), state(watched))


@pytest.mark.long
def test_two_processes_of_their_own_hash_seed_agree(sentemb, tmp_path, monkeypatch):
    """T9: weights, metrics and the record, but for times and the folder's name; the other is in a
    locale without Unicode besides."""
    (tmp_path / "ä.txt").write_bytes(bundled("sentences.txt").read_bytes())
    (tmp_path / "dev.tsv").write_bytes(bundled("formats/graded.tsv").read_bytes())
    shutil.copytree(bundled("mini"), tmp_path / "tiny")
    words = [
        *map(str, FEW),
        "--method",
        "consert",
        "--model",
        "../tiny",
        "--data",
        "../ä.txt",
        "--dev",
        "../dev.tsv",
    ]
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    env = {**os.environ, **ascii_only, "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "sentemb_cli", *words, "-o", "out"], check=True,
                   cwd=tmp_path / "there", env=env, capture_output=True)  # fmt: skip
    monkeypatch.chdir(tmp_path / "here")
    assert sentemb(*words, "-o", "out").returncode == 0
    one, other = (tmp_path / name / "out" for name in ("here", "there"))
    assert_bit_equal(*(load_file(folder / "model.safetensors") for folder in (one, other)))
    assert read(one / "metrics.jsonl") == read(other / "metrics.jsonl")
    records = [json.loads(read_in_any_locale(folder / "run.json")) for folder in (one, other)]
    assert {k: v for k, v in records[0].items() if k != "seconds"} == {
        k: v for k, v in records[1].items() if k != "seconds"
    }
    assert (one / "README.md").read_text() == (other / "README.md").read_text()


def read_in_any_locale(path):
    """A name that a locale without Unicode cannot hold has its bytes as halves of surrogates."""
    text = json.dumps(json.loads(path.read_text()), ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape").decode("utf-8")


def read(path):
    lines = map(json.loads, path.read_text().splitlines())
    times = ("runtime", "per_second")
    return [{k: v for k, v in line.items() if not k.endswith(times)} for line in lines]


GRADED = "sentence1\tsentence2\tscore\na cat\ta dog\t{}\na man\ta boy\t{}\na bird\ta fish\t{}\n"


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ((1, "nan", 3), "row 3: score 'nan' is not a finite number"),
        ((1, 2, "good"), "row 4: score 'good' is not a finite number"),
        ((2, 2, 2), "all 3 scores are 2"),
        ((1, "", ""), "1 graded pair; at least 2 are needed"),
    ],
)
def test_gold_scores_that_rank_nothing(sentemb, tmp_path, scores, told):
    """T11: before the model is loaded."""
    (tmp_path / "dev.tsv").write_text(GRADED.format(*scores))
    process = sentemb(*FEW, "--dev", "dev.tsv", "-o", "out")
    assert process.returncode == 3
    assert told in process.stderr.decode()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "options", "code", "told"),
    [
        ("wrong.csv", "title,body\na,b\n", (), 3, "has the columns title, body; needed are"),
        ("empty.txt", "", (), 3, "empty.txt holds no row"),
        ("blank.txt", "\n \n", (), 3, "holds no row with text"),
        ("few.txt", "a cat\na dog\na bird\n", (), 2, "batch of 4 is larger than the data (3 rows)"),
        ("one.txt", "a cat\n", (), 2, "Contrastive training needs at least 2 rows; the data has 1"),
        ("same.txt", "a cat sleeps\n" * 12, (), 3, "All 12 rows have the same text"),
        ("same.csv", "anchor,positive\n" + "a cat,a dog\n" * 12,
         ("--method", "simcse-sup", "--columns", "anchor,positive"), 3,
         "All 12 rows have the same anchor"),
    ],
)  # fmt: skip
def test_data_that_teaches_nothing(sentemb, tmp_path, name, content, options, code, told):
    """T12: named before the first step, and nothing written."""
    (tmp_path / name).write_text(content)
    process = sentemb(*FEW, *options, "--data", name, "-o", "out")
    assert (process.returncode, told in process.stderr.decode()) == (code, True), process.stderr
    assert not (tmp_path / "out").exists()


def test_swapped_columns_are_named(sentemb, tmp_path):
    """A score where a text should be, and a text where a score should be."""
    (tmp_path / "dev.tsv").write_text("sentence1\tscore\tsentence2\na cat\ta dog\t3\n")
    process = sentemb(*FEW, "--dev", "dev.tsv", "-o", "out")
    assert process.returncode == 3
    assert b"row 2: score 'a dog' is not a finite number" in process.stderr


@pytest.mark.parametrize(
    "command",
    [
        (*FEW, "--model", "model", "-o", "out"),
        ("finetune", "--model", "model", "-o", "out"),
        ("encode", "rows.txt", "--model", "model", "-o", "out.npy"),
        ("evaluate", "model"),
        ("info", "model"),
        ("predict", "model", "rows.tsv", "-o", "out.jsonl"),
    ],
    ids=lambda command: command[0],
)
def test_a_model_without_a_tokenizer_is_refused(sentemb, tmp_path, command):
    """T15."""
    shutil.copytree(bundled("mini"), tmp_path / "model")
    for path in (tmp_path / "model").glob("tokenizer*"):
        path.unlink()
    (tmp_path / "rows.txt").write_text("a cat\n")
    (tmp_path / "rows.tsv").write_text("text\na cat\n")
    process = sentemb(*command)
    assert process.returncode == 3, process.stderr
    assert b"tokenizer.json (or vocab.txt) missing?" in process.stderr
    assert not list(tmp_path.glob("out*"))


@pytest.fixture
def read_only(tmp_path):
    """A folder with an encoder in it that cannot be written to; needs a mount."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(bundled("mini"), folder / "mini")
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_read_only_model_is_read_and_a_read_only_output_is_named(sentemb, tmp_path, read_only):
    process = sentemb(*FEW, "--model", read_only / "mini", "-o", "out")
    assert process.returncode == 0, process.stderr
    process = sentemb(*FEW, "-o", read_only / "out")
    assert process.returncode == 4
    assert b"Read-only file system" in process.stderr
    assert str(read_only).encode() in process.stderr
