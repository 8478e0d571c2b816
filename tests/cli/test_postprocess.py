"""``sentemb postprocess``: what it writes, and who can load it; what it refuses."""

import json
import shlex

import numpy as np
import pytest
from sentemb_cli.commands import postprocess
from sentence_transformers import SentenceTransformer

from sentemb import build_encoder
from sentemb.bundled import bundled
from tests.support.helpers import assert_refused

FILES = {
    "few.txt": "".join(f"Sentence {n} of fifty.\n" for n in range(50)),
    "same.txt": "One.\nOne.\n\nOne.\n",
    "two.txt": "One.\nAnother one.\n",
    "blank.txt": "\n \n",
    "words.tsv": "sentence1\tsentence2\tscore\na\tb\t3\nc\td\thigh\n",
    "full/thesis.txt": "mine",
    "file": "taken",
}
CASES = [
    ("mini -o new", 2, "Give one of --whiten and --remove-top"),
    ("mini --whiten --remove-top 2 -o new", 2, "--whiten or --remove-top, not both"),
    ("mini --remove-top 2 --dims 3 -o new", 2, "--dims is for --whiten"),
    ("mini --remove-top 0 -o new", 2, "--remove-top"),
    ("mini --remove-top 99 --data few.txt -o new", 2, "--remove-top must be from 1 to 4"),
    (
        "mini --whiten --dims 0 --data few.txt -o new",
        2,
        "of the vectors, got 0",
    ),
    (
        "mini --whiten --dims 97 --data few.txt -o new",
        2,
        "--dims must be from 1 to 96",
    ),
    ("mini --whiten --dims 96 -o new", 3, "vary in 95 directions only"),
    ("mini --whiten", 2, "--output"),
    ("mini --whiten -o full", 2, "Output folder 'full' is not empty"),
    ("mini --whiten -o full --overwrite", 2, "holds no postprocess of sentemb"),
    ("mini --whiten -o file", 2, "is a file"),
    ("nothing --whiten -o new", 3, "No model 'nothing'"),
    ("mini --whiten --data few.txt -o new", 3, "50 distinct rows whiten at most 49 dimensions"),
    ("mini --whiten --dims 1 --data same.txt -o new", 3, "1 distinct rows do not differ"),
    ("mini --remove-top 1 --data same.txt -o new", 3, "distinct rows do not differ"),
    ("mini --remove-top 1 --data blank.txt -o new", 3, "holds no row with text"),
    ("mini --whiten --data missing.txt -o new", 3, "No file 'missing.txt'"),
    ("mini --whiten --sts words.tsv -o new", 3, "row 3: score 'high'"),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("command", "code", "message"), CASES, ids=[c for c, *_ in CASES])
def test_wrong_input(sentemb, tmp_path, command, code, message):
    assert_refused(sentemb, tmp_path, FILES, f"postprocess {command}", code, message)


def test_empty_rows_are_left_out_and_said(sentemb, tmp_path):
    (tmp_path / "a.txt").write_text("One.\n\nAnother one.\nA third.\n \n")
    process = sentemb("postprocess", "mini", "--remove-top", 1, "--data", "a.txt", "-o", "new")
    assert process.returncode == 0, process.stderr.decode()
    assert "a.txt: 2 empty rows left out" in process.stderr.decode()
    record = json.loads((tmp_path / "new/postprocess.json").read_text())
    assert record["data"]["texts"] == 3


@pytest.mark.sampled
@pytest.mark.parametrize("words", ["--whiten", "--whiten --dims 64", "--remove-top 3"])
def test_every_command_takes_the_folder(sentemb, tmp_path, words):
    few = bundled("sentences.txt").read_text().splitlines()[:200]
    (tmp_path / "file.txt").write_text("\n".join(few) + "\n")
    process = sentemb(
        "postprocess", "mini", *words.split(), "--data", "file.txt", "-o", "out/new", "--json"
    )
    assert process.returncode == 0, process.stderr.decode()
    result = json.loads(process.stdout)
    assert result["schema"] == "sentemb.postprocess/1"
    written = json.loads((tmp_path / "out/new/postprocess.json").read_text())
    assert written.items() <= result.items()
    card = (tmp_path / "out/new/README.md").read_text()
    before, after = (f"{result[side]['spearman']:.2f}" for side in ("before", "after"))
    assert f"| spearman × 100 | {before} | {after} |" in card
    assert before in (stderr := process.stderr.decode())
    assert after in stderr

    evaluated = json.loads(sentemb("evaluate", "out/new", "--json").stdout)["results"]["graded"]
    assert evaluated["spearman"] == pytest.approx(result["after"]["spearman"], abs=0.01)
    assert json.loads(sentemb("info", "out/new", "--json").stdout)["dimension"] == result["dim"]
    assert sentemb("encode", "file.txt", "--model", "out/new").returncode == 0
    expected = SentenceTransformer(str(tmp_path / "out/new"), device="cpu").encode(few)
    found = np.load(tmp_path / "file.npy")
    size = np.linalg.norm(expected, axis=1).mean()
    np.testing.assert_allclose(found / size, expected / size, atol=5e-5)


def test_the_fitted_texts_are_white(sentemb, tmp_path):
    assert sentemb("postprocess", "mini-sentemb", "--whiten", "-o", "new").returncode == 0
    texts = bundled("sentences.txt").read_text().splitlines()
    vectors = SentenceTransformer(str(tmp_path / "new"), device="cpu").encode(texts)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(vectors.T, ddof=0), np.eye(vectors.shape[1]), atol=1e-3)


@pytest.mark.sampled
@pytest.mark.parametrize("line", [e for e in postprocess.EXAMPLES.splitlines() if "sentemb " in e])
def test_examples_of_the_help_run(sentemb, line, tmp_path):
    few = bundled("sentences.txt").read_text().splitlines()[:100]
    (tmp_path / "file.txt").write_text("\n".join(few) + "\n")
    (tmp_path / "STSB.dev.tsv").write_bytes(bundled("formats/graded.tsv").read_bytes())
    process = sentemb(*shlex.split(line)[1:])
    assert process.returncode == 0, process.stderr.decode()
    assert process.stdout == b""


def test_unit_length_is_kept(sentemb, tmp_path):
    from sentence_transformers.sentence_transformer.modules import Normalize

    encoder = build_encoder("mini", device="cpu")
    encoder.append(Normalize())
    encoder.save_pretrained(str(tmp_path / "unit"), create_model_card=False)
    few = bundled("sentences.txt").read_text().splitlines()[:200]
    (tmp_path / "file.txt").write_text("\n".join(few) + "\n")
    process = sentemb("postprocess", "unit", "--whiten", "--data", "file.txt", "-o", "new")
    assert process.returncode == 0, process.stderr.decode()
    assert sentemb("encode", "file.txt", "--model", "new").returncode == 0
    expected = SentenceTransformer(str(tmp_path / "new"), device="cpu").encode(few)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.load(tmp_path / "file.npy"), expected, atol=5e-5)


@pytest.mark.wide
@pytest.mark.parametrize(("part", "least"), [(5, 2), pytest.param(1, 4, marks=pytest.mark.long)])
def test_the_effect_on_real_pairs(sentemb, tmp_path, shared, all_bundled, part, least):
    """Fitted to texts like those it sees it helps a raw encoder, to others it harms."""
    pairs = tmp_path / "STSB.dev.tsv"
    head, *rows = shared("sts/STSB.dev.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    pairs.write_text("".join([head, *rows[::part]]), encoding="utf-8")
    own = ("--data", pairs, "--column", "sentence1")
    found = {}
    for name, data in (("own", own), *([("bundled", ())] if part == 1 else [])):
        words = ("--whiten", "--sts", pairs, "-o", name, "--json")
        found[name] = json.loads(sentemb("postprocess", "mini", *words, *data).stdout)
        print({side: found[name][side]["spearman"] for side in ("before", "after")})
    if part == 1:
        assert found["own"]["before"]["spearman"] == pytest.approx(72.05, abs=0.1)
        assert found["bundled"]["after"]["spearman"] < found["own"]["before"]["spearman"] - 1
    assert found["own"]["after"]["spearman"] > found["own"]["before"]["spearman"] + least
