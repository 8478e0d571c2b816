"""Fine-tuning end to end: a plain transformers classifier, every combination, what is refused."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import matthews_corrcoef
from transformers import pipeline

from sentemb.bundled import bundled
from sentemb.errors import UsageError
from sentemb.finetuning import FinetuneSettings
from sentemb.finetuning.classifier import load_classifier
from sentemb.finetuning.metrics import classification, regression
from sentemb.finetuning.trainer import TwoPassTrainer
from sentemb.losses import InfoNCE, SupConOut
from sentemb.pairs import Pairs

FEW = ("--epochs", 2, "--lr", 3e-4)


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.sampled
@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="plain"),
        pytest.param(("--rdrop", 1.0), id="rdrop", marks=pytest.mark.long),
        pytest.param(("--supcon", 0.1), id="supcon", marks=pytest.mark.long),
        pytest.param(("--contrast", 0.1), id="contrast", marks=pytest.mark.long),
        pytest.param(
            ("--rdrop", 1.0, "--supcon", 0.1, "--contrast", 0.1, "--patience", 1), id="all"
        ),
    ],
)
def test_every_combination_trains_a_plain_classifier(sentemb, tmp_path, options):
    ok(sentemb("finetune", *FEW, *options, "-o", "out"))
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["rows"] + record["dev_rows"] == 160
    assert record["steps"] == 8
    terms = {k for line in lines(tmp_path / "out") for k in line if k.startswith("loss_")}
    names = {"supcon": "--supcon", "contrast": "--contrast"}
    expected = {"loss_task", "loss_kl"} if options else set()
    assert terms == expected | {f"loss_{k}" for k, flag in names.items() if flag in options}
    classify = pipeline("text-classification", str(tmp_path / "out"), device="cpu")
    (answer,) = classify("the cat sleeps in the sun")
    assert answer["label"] in record["classes"]
    assert not list((tmp_path / "out").glob("*.bin"))
    ok(sentemb("predict", "out", bundled("topics.tsv"), "--columns", "text", "-o", "p.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert len(rows) == 160
    texts = [line.split("\t")[1] for line in
             bundled("topics.tsv").read_text(encoding="utf-8").splitlines()[1:4]]  # fmt: skip
    for text, row in zip(texts, rows, strict=False):
        (answer,) = classify(text)
        assert (row["text"], row["label"]) == (text, answer["label"])
        assert row["probability"] == pytest.approx(answer["score"], abs=1e-5)


def test_a_resumed_run_is_the_uninterrupted_one(sentemb, tmp_path):
    words = ("finetune", *FEW, "--rdrop", 1.0, "--supcon", 0.1, "--accumulation", 2, "-o", "out",
             "--keep-checkpoints")  # fmt: skip
    ok(sentemb(*words))
    whole = (tmp_path / "out/model.safetensors").read_bytes()
    first, last = sorted((tmp_path / "out/checkpoints").iterdir())
    assert first.name == "checkpoint-2"
    shutil.rmtree(last)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "out" / name).unlink()
    ok(sentemb(*words, "--resume"))
    assert (tmp_path / "out/model.safetensors").read_bytes() == whole
    process = sentemb(*words, "--resume")
    assert process.returncode == 2
    assert b"nothing is left to resume" in process.stderr


def test_weights_under_old_names_are_resumed_and_the_best_is_whole(sentemb, tmp_path):
    """As in the hub's BERT, whose norms have a gamma: transformers saves them under it again."""
    shutil.copytree(bundled("mini"), tmp_path / "old")
    weights = load_file(tmp_path / "old/model.safetensors")
    old = {
        name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): tensor
        for name, tensor in weights.items()
    }
    assert old.keys() != weights.keys()
    save_file(old, tmp_path / "old/model.safetensors", {"format": "pt"})
    words = ("finetune", "--model", "old", "--epochs", 4, "--lr", 0.03, "--keep-checkpoints", "-o")
    ok(sentemb(*words, "out"))
    checkpoints = tmp_path / "out/checkpoints"
    best = json.loads((tmp_path / "out/run.json").read_text())["best_step"]
    newest = max(int(path.name.split("-")[1]) for path in checkpoints.iterdir())
    assert best < newest
    whole = load_file(tmp_path / "out/model.safetensors")
    for name, tensor in load_file(checkpoints / f"checkpoint-{best}/model.safetensors").items():
        assert torch.equal(whole[name], tensor), name
    shutil.rmtree(checkpoints / f"checkpoint-{newest}")
    (tmp_path / "out/model.safetensors").unlink()
    ok(sentemb(*words, "out", "--resume"))
    for name, tensor in load_file(tmp_path / "out/model.safetensors").items():
        assert torch.equal(whole[name], tensor), name


def test_bf16(sentemb, tmp_path):
    ok(sentemb("finetune", "--epochs", 0.5, "--rdrop", 1.0, "--precision", "bf16", "-o", "out"))
    assert lines(tmp_path / "out")[-1]["eval_accuracy"] > 0


def test_a_model_without_dropout_is_refused_before_anything_is_written(sentemb, tmp_path):
    config = json.loads(bundled("mini/config.json").read_text())
    shutil.copytree(bundled("mini"), tmp_path / "still")
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (tmp_path / "still/config.json").write_text(json.dumps(config))
    process = sentemb("finetune", "--model", "still", "--rdrop", 1.0, "-o", "out")
    assert process.returncode == 3
    assert b"contrast have no effect. Set hidden_dropout_prob" in process.stderr
    assert not (tmp_path / "out").exists()


def test_pairs_and_scores(sentemb, tmp_path):
    graded = bundled("graded.tsv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "train.tsv").write_text("\n".join(graded[:16]) + "\n", encoding="utf-8")
    (tmp_path / "dev.tsv").write_text("\n".join([graded[0], *graded[16:]]) + "\n")
    data = ("--data", "train.tsv", "--dev", "dev.tsv", "--regression", "--rdrop", 1.0)
    ok(sentemb("finetune", *data, *FEW, "-o", "out"))
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert set(record["metrics"]) >= {"pearson", "spearman", "mse"}
    process = ok(sentemb("predict", "out", "dev.tsv"))
    scores = [json.loads(line)["score"] for line in process.stdout.splitlines()]
    assert len(scores) == len(graded) - 16
    assert np.isfinite(scores).all()


IN_ONE_PROCESS = """
import sys
from sentemb_cli.main import main
then = sys.argv.index("then")
for words in (sys.argv[1:then], sys.argv[then + 1:]):
    sys.argv = ["sentemb", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words
"""


@pytest.mark.long
def test_a_run_is_the_same_in_a_locale_without_unicode(tmp_path):
    rows = "".join(f"wörter {i}\t{('grün', 'rot')[i % 2]}\n" for i in range(4))
    (tmp_path / "ä.tsv").write_text(f"text\tlabel\n{rows}", encoding="utf-8")
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    finetune = ["finetune", "--data", "ä.tsv", "--dev", "ä.tsv", "--epochs", "1", "-o", "out"]
    predict = ["predict", "out", "ä.tsv", "--columns", "text"]
    command = [sys.executable, "-c", IN_ONE_PROCESS, *finetune, "then", *predict]
    process = ok(
        subprocess.run(command, cwd=tmp_path, env=os.environ | ascii_only, capture_output=True)
    )
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "| data | ä.tsv, 4 rows" in card
    assert "grün, rot" in card
    found = {json.loads(line)["label"] for line in process.stdout.decode().splitlines()}
    assert found <= {"grün", "rot"}


def test_seeds_are_summed_up(sentemb, tmp_path):
    ok(sentemb("finetune", "--epochs", 1, "--seeds", "0-1", "-o", "out"))
    spread = json.loads((tmp_path / "out/seeds.json").read_text())["spread"]
    runs = [json.loads((tmp_path / f"out/seed-{i}/run.json").read_text()) for i in (0, 1)]
    values = [run["metrics"]["accuracy"] for run in runs]
    assert spread["accuracy"]["mean"] == pytest.approx(np.mean(values))


def test_the_weights_of_the_terms():
    """(1 − λ) of the task, of both passes with R-Drop and of their mean without."""
    for settings, expected in [
        (FinetuneSettings(r_drop=2.0), (1.0, 2.0)),
        (FinetuneSettings(supcon=0.2), (0.4, 0.0)),
        (FinetuneSettings(r_drop=1.0, supcon=0.2), (0.8, 1.0)),
    ]:
        trainer = TwoPassTrainer.__new__(TwoPassTrainer)
        trainer.settings, trainer.r_drop = settings, settings.r_drop
        assert (trainer.weight_of("task"), trainer.weight_of("kl")) == expected
        assert trainer.weight_of("supcon") == settings.supcon


def test_contrasts_are_of_the_first_token_of_both_passes():
    trainer = TwoPassTrainer.__new__(TwoPassTrainer)
    trainer.settings = FinetuneSettings(supcon=0.1, contrast=0.1)
    hidden = torch.randn(8, 5, 6, generator=torch.manual_seed(0))
    labels = torch.tensor([0, 1, 0, 1])
    terms = trainer.further_terms({"hidden_states": (None, hidden)}, labels)
    first, second = hidden[:4, 0], hidden[4:, 0]
    assert torch.equal(terms["supcon"], SupConOut(0.3)(Pairs(first, second, labels=labels)))
    assert torch.equal(terms["contrast"], InfoNCE(0.05)(Pairs(first, second)))


def test_a_lone_row_has_no_contrast():
    trainer = TwoPassTrainer.__new__(TwoPassTrainer)
    trainer.settings = FinetuneSettings(supcon=0.1, contrast=0.1)
    hidden = {"hidden_states": (torch.randn(2, 5, 6),)}
    assert trainer.further_terms(hidden, torch.tensor([0])) == {"supcon": 0, "contrast": 0}


def test_a_last_batch_of_one_row_does_not_end_a_run(sentemb, tmp_path):
    (tmp_path / "odd.tsv").write_text(OF_NINE)
    files = ("--data", "odd.tsv", "--dev", "odd.tsv", "--batch-size", 4, "--epochs", 1)
    ok(sentemb("finetune", *files, "--contrast", 0.1, "--supcon", 0.1, "-o", "out"))


@pytest.mark.parametrize(
    "passes",
    [
        pytest.param((), id="one-pass", marks=pytest.mark.long),
        pytest.param(("--rdrop", 1.0), id="two-passes"),
    ],
)
def test_accumulated_batches_are_a_mean(sentemb, tmp_path, passes):
    whole, parts = ("--batch-size", 32), ("--batch-size", 8, "--accumulation", 4)
    first = []
    for name, batches in (("whole", whole), ("parts", parts)):
        ok(sentemb("finetune", "--epochs", 1, *batches, *passes, "-o", name))
        first.append(lines(tmp_path / name)[0])
    assert first[1]["loss"] == pytest.approx(first[0]["loss"], rel=0.02)
    assert first[1]["grad_norm"] == pytest.approx(first[0]["grad_norm"], rel=0.3)


def test_models_that_return_more_than_logits(sentemb, tmp_path):
    """``mini-sentemb`` pools several layers, so that its config asks for hidden states."""
    ok(sentemb("finetune", "--model", "mini-sentemb", "--epochs", 1, "-o", "out"))
    assert (tmp_path / "out/config.json").is_file()


def test_a_classifier_of_other_labels_is_drawn_afresh(sentemb, tmp_path):
    (tmp_path / "ab.tsv").write_text(OF_NINE)
    (tmp_path / "cd.tsv").write_text(OF_NINE.replace("\ta\n", "\tc\n").replace("\tb\n", "\td\n"))
    ok(sentemb("finetune", "--data", "ab.tsv", "--dev", "ab.tsv", "--epochs", 1, "-o", "first"))
    names = {"num_labels": 2, "problem_type": "single_label_classification"}
    labels = {
        "same": {0: "a", 1: "b"},
        "other": {0: "c", 1: "d"},
        "more": {0: "a", 1: "b", 2: "c"},
    }
    fresh = {}
    for name, of_number in labels.items():
        given = names | {"num_labels": len(of_number), "id2label": of_number}
        given["label2id"] = {label: number for number, label in of_number.items()}
        fresh[name] = load_classifier(tmp_path / "first", **given)[1:]
    before = fresh["same"][0].classifier.weight
    assert fresh["same"][1] == set()
    assert fresh["other"][1] == fresh["more"][1] == {"classifier.weight", "classifier.bias"}
    assert not torch.isclose(fresh["other"][0].classifier.weight, before).any()
    assert float(fresh["other"][0].classifier.weight.detach().std()) == pytest.approx(0.02, rel=0.3)
    again = ("--data", "cd.tsv", "--dev", "cd.tsv", "--epochs", 1, "--model", "first")
    ok(sentemb("finetune", *again, "-o", "second"))


def test_metrics():
    logits = np.array([[2.0, 1], [0, 1], [3, 1], [0, 2]])
    labels = np.array([0, 1, 1, 1])
    numbers = classification(logits, labels)
    assert numbers["accuracy"] == numbers["f1_micro"] == 0.75
    assert numbers["f1"] == pytest.approx(0.8)
    assert numbers["f1_macro"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert numbers["mcc"] == pytest.approx(matthews_corrcoef(labels, [0, 1, 0, 1]))
    assert regression(np.ones((3, 1)), np.arange(3.0))["spearman"] == 0.0
    assert regression(np.arange(3.0), np.arange(3.0))["pearson"] == pytest.approx(1.0)


OF_NINE = "text\tlabel\n" + "".join(f"words {i}\t{'ab'[i % 2]}\n" for i in range(9))
FILES = {
    "long.tsv": "text\tlabel\n" + "word " * 200 + "\ta\nx y\tb\n",
    "ok.tsv": "text\tlabel\n" + "".join(f"words {i}\t{'ab'[i % 2]}\n" for i in range(8)),
    "one.tsv": "text\tlabel\nx y\ta\nz\ta\n",
    "unseen.tsv": "text\tlabel\nx y\ta\nz\tc\n",
    "pairs.tsv": "sentence1\tsentence2\tlabel\nx\ty\ta\nz\t\tb\n",
    "wrong.tsv": "txt\tlabel\nx\ta\n",
    "nan.tsv": "text\tscore\nx\t1\ny\tnan\n",
    "none.tsv": "text\tlabel\nx\ta\ny\ta\nz\tnan\n",
    "None.tsv": "text\tlabel\nx\t-1\ny\tNaN\nz\t-\n",
    "true.jsonl": '{"text": "x", "score": 1}\n{"text": "y", "score": true}\n',
    "long.jsonl": '{"text": "x", "score": 1}\n{"text": "y", "score": 1' + "0" * 400 + "}\n",
    "scores.tsv": "text\tscore\nx\t1\ny\t2\n",
    "flat.tsv": "text\tscore\nx\t3\ny\t3.0\n",
    "both.tsv": "sentence1\tsentence2\tlabel\nx\ty\ta\nz\tw\tb\n",
    "bare.jsonl": '{"text": "x", "label": "a"}\n{"text": "y", "label": NaN}\n',
}


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("--data one.tsv --dev ok.tsv", 3, "one label only, 'a'"),
        ("--data ok.tsv --dev unseen.tsv", 3, "row 3: label 'c' is none of those trained on: a, b"),
        ("--data pairs.tsv --dev ok.tsv", 3, "row 3 has no sentence2"),
        ("--data wrong.tsv --dev ok.tsv", 3, "missing: text"),
        ("--data nan.tsv --dev ok.tsv --regression", 3, "row 3: score 'nan' is not a finite"),
        (
            "--data bare.jsonl --dev ok.tsv",
            3,
            "one label only, 'a': at least 2 are needed (row 2 has no label)",
        ),
        (
            "--data none.tsv --dev ok.tsv",
            3,
            "one label only, 'a': at least 2 are needed (row 4 has no label)",
        ),
        ("--data ok.tsv --dev None.tsv", 3, "(row 2 has no label)"),
        ("--data true.jsonl --dev nan.tsv --regression", 3, "row 2: score True is not a finite"),
        ("--data long.jsonl --dev nan.tsv --regression", 3, "row 2: score 10"),
        ("--data scores.tsv --dev flat.tsv --regression", 3, "flat.tsv has one score only, 3"),
        ("--data ok.tsv --dev both.tsv", 3, "ok.tsv has single texts, both.tsv has pairs"),
        ("--data both.tsv --dev ok.tsv", 3, "both.tsv has pairs, ok.tsv has single texts"),
        ("--dev ok.tsv", 2, "--dev is given without --data"),
        ("--rdrop -1", 2, "--r-drop must be 0 or more, got -1"),
        ("--rdrop inf", 2, "--r-drop must be 0 or more, got inf"),
        ("--lr inf", 2, "--learning-rate must be above 0, got inf"),
        ("--seed 99999999999", 2, "seed must be below 2^32"),
        ("--supcon 0.1 --supcon-temperature 0", 2, "--supcon-temperature must be above 0, got 0"),
        ("--contrast 0.1 --batch-size 1", 2, "A batch of 1 row has nothing to contrast with"),
        ("--max-length 2", 2, "--max-length must be at least 5, got 2"),
        ("--data long.tsv --dev ok.tsv --max-length 256", 2, "128 places: give a smaller"),
        ("--data ok.tsv --dev long.tsv --max-length 256", 2, "128 places: give a smaller"),
        ("--supcon 1", 2, "supcon is a weight in [0, 1), got 1"),
        ("--metric f2", 2, "metric must be one of auto, accuracy"),
        ("--metric spearman", 2, "metric spearman does not fit rows with classes"),
        ("--metric f1", 2, "metric f1 needs 2 classes, got 8: use f1_macro"),
        ("--model nowhere/at/all", 3, "No model 'nowhere/at/all'"),
    ],
)
def test_wrong_input(sentemb, tmp_path, words, code, message):
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    process = sentemb("finetune", *words.split(), "--epochs", 1, "-o", "out")
    assert process.returncode == code
    (line,) = [x for x in process.stderr.decode().splitlines() if x.startswith("error")]
    assert message in line
    assert not (tmp_path / "out").exists()


def test_settings_name_what_is_wrong():
    with pytest.raises(UsageError, match="epochs must be above 0, got 0"):
        FinetuneSettings(epochs=0)
    with pytest.raises(UsageError, match=r"warmup is a rate in \[0, 1\], got 2"):
        FinetuneSettings(warmup=2)


def test_predict_refuses_a_model_without_a_classifier(sentemb, tmp_path):
    (tmp_path / "few.txt").write_text("one\n")
    process = sentemb("predict", "mini-sentemb", "few.txt")
    assert process.returncode == 3
    assert b"has no classifier" in process.stderr
    assert not process.stdout


def test_predict_refuses_what_it_cannot_write(sentemb, tmp_path):
    (tmp_path / "few.txt").write_text("one\n")
    assert (
        b"give a file ending in .jsonl"
        in sentemb("predict", "mini", "few.txt", "-o", "x.xlsx").stderr
    )
    (tmp_path / "x.jsonl").write_text("kept")
    assert b"exists" in sentemb("predict", "mini", "few.txt", "-o", "x.jsonl").stderr
