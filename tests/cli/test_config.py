"""Options from a file: printed with their origin, read back, a run made again from its record."""

import json
import tomllib

import pytest
from sentemb_cli.options_of_signatures import of_training

from sentemb.methods import recipe_named
from sentemb.notation import make_loss, make_view, words_of
from sentemb.runs.conditions import stable_repr
from sentemb.signatures import METHODS

SHORT = ("--batch-size", 8, "--max-steps", 2, "--max-length", 16, "--data", "few.txt")


@pytest.fixture(autouse=True)
def few(tmp_path):
    lines = [f"Sentence {n} is about {word}." for n in range(6) for word in ("a dog", "a car")]
    (tmp_path / "few.txt").write_text("\n".join(lines))


def test_several_data_sets_are_made_again_from_their_record(sentemb, tmp_path):
    triplets = "".join(f"cat {n},small cat {n},dog {n}\n" for n in range(10))
    (tmp_path / "nli.csv").write_text("anchor,positive,negative\n" + triplets)
    graded = "".join(f"cat {n},dog {n},{n % 5}\n" for n in range(10))
    (tmp_path / "sts.csv").write_text("sentence1,sentence2,score\n" + graded)
    words = ("train", "-m", "simcse-sup", "--pooling", "mean", "--max-steps", 3, "--batch-size", 4,
             "--data", "nli.csv", "--data", "graded=sts.csv", "--source-loss",
             "graded=cosent:temperature=0.1")  # fmt: skip
    ok(sentemb(*words, "--source-weight", "nli=2", "-o", "one"))
    ok(sentemb("train", "--config", "one/run.json", "-o", "two"))
    one, two = (json.loads((tmp_path / f"{run}/run.json").read_text()) for run in ("one", "two"))
    assert one["data"] == two["data"]
    assert one["data"]["sources"][1]["loss"] == "CoSENT(temperature=0.1)"
    assert [source["batches"] for source in one["data"]["sources"]] == [2, 1]
    same = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("one", "two")]
    assert same[0] == same[1]
    for wrong, message in (
        (("--source-loss", "stsb=cosent"), "there is no data set 'stsb' in --data, which has nli"),
        (("--source-weight", "nli"), "--source-weight takes NAME=VALUE"),
        (("--source-weight", "nli=many"), "--source-weight nli must be a number, got 'many'"),
        (("--source-weight", "nli=0", "--source-weight", "graded=0"), "sum to 0"),
        (("--data", "nli=sts.csv"), "--data nli is given twice"),
    ):
        refused = sentemb(*words, *wrong, "-o", "three")
        assert refused.returncode == 2
        assert message in refused.stderr.decode()
        assert not (tmp_path / "three").exists()


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process


def test_what_is_printed_is_what_a_run_uses(sentemb, tmp_path):
    printed = ok(sentemb("train", "-m", "crop", "--lr", "1e-4", *SHORT, "--print-config")).stdout
    (tmp_path / "crop.toml").write_bytes(printed)
    assert b"learning_rate = 0.0001                    # typed" in printed
    assert b"epochs = 1                                # crop" in printed
    assert not (tmp_path / "runs").exists()
    ok(sentemb("train", "--config", "crop.toml", "-o", "out"))
    record, printed = json.loads((tmp_path / "out/run.json").read_text()), tomllib.loads(
        printed.decode())  # fmt: skip
    chosen = {("max_grad_norm", 1.0), ("select", "last"), ("packed", True), ("compile", False)}
    for name, value in record["settings"].items() - chosen:  # by loss, data and device
        assert printed.get(name) == value, name
    assert record["method_options"] == {"rate": 0.2, "temperature": 0.05}
    ok(sentemb("train", "--config", "crop.toml", "--max-steps", 1, "-o", "flags-win"))
    assert json.loads((tmp_path / "flags-win/run.json").read_text())["steps"] == 1


def test_a_run_is_made_again_from_its_record(sentemb, tmp_path):
    crossed = ("--view", "eda:0.3,keep-negations=yes", "--view", "crop+shuffle",
               "--loss", "infonce:0.1+0.1*vicreg", "--pooling", "mean",
               "--prompt", "text=about: ")  # fmt: skip
    ok(sentemb("train", *crossed, *SHORT, "-o", "first"))
    ok(sentemb("train", "--config", "first/run.json", "-o", "second"))
    first, second = (
        json.loads((tmp_path / n / "run.json").read_text()) for n in ("first", "second")
    )
    assert first["config"] == second["config"]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("first", "second")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "epoch = 3",
            "'c.toml' has 'epoch', which is not an option of train with this",
        ),
        ("temprature = 3", "Did you mean 'temperature'?"),
        ("x = =", "--config 'c.toml' cannot be read: Invalid value (at line 1, column 5)"),
        ("epochs = 'many'", "unable to parse string as a number"),
        ("method = 'simsce'", "Did you mean 'esimcse'?"),
    ],
)
def test_a_config_that_cannot_be_followed_is_one_line(sentemb, tmp_path, content, said):
    (tmp_path / "c.toml").write_text(content)
    process = sentemb("train", "--config", "c.toml", *SHORT)
    assert process.returncode == 2
    assert said in " ".join(process.stderr.decode().replace("│", " ").split())
    assert not (tmp_path / "runs").exists()


def test_a_file_that_is_no_config_is_refused(sentemb, tmp_path):
    (tmp_path / "run.json").write_text("{}")
    assert b"holds no config" in sentemb("train", "--config", "run.json").stderr
    assert b"cannot be read: [Errno 2]" in sentemb("train", "--config", "none.toml").stderr


VIEWS = ["clean", "crop:0.5+shuffle", "eda:0.3,keep-negations=yes", "feature-cutoff:0.2"]
LOSSES = ["infonce:0.1", "infonce+0.1*vicreg", "hard-contrastive:count=8", "supcon-in"]


def test_what_a_record_shows_can_be_typed(mini):
    for words in VIEWS:
        shown = stable_repr(make_view(words, mini))
        assert stable_repr(make_view(words_of(shown), mini)) == shown
    for words in LOSSES:
        shown = stable_repr(make_loss(words))
        assert stable_repr(make_loss(words_of(shown))) == shown


@pytest.mark.parametrize("method", METHODS)
def test_the_help_of_a_method_shows_its_own_defaults(method):
    recipe = recipe_named(method)
    found = {p.name: p.annotation for p in of_training(["train", "--method", method])}
    for name in ("batch_size", "learning_rate", "epochs", "max_length", "warmup", "eval_steps"):
        (option,) = found[name].__metadata__
        assert f"By default {getattr(recipe, name)}, as {method} has it." in option.help
