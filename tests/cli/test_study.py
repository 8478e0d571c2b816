"""Studies, comparisons and sweeps: each run once, whatever happens in between."""

import json
import os
import signal

import pytest
from sentemb_cli.commands import compare, study, sweep

from sentemb import training
from sentemb.bundled import bundled
from sentemb.runs import committed_trainer
from tests.support.processes import exit_code, forked

SMALL = ("--max-steps", 2, "--batch-size", 4, "--pooling", "mean", "--data", "few.txt",
         "--dev", bundled("formats/graded.tsv"))  # fmt: skip


@pytest.fixture(autouse=True)
def few(tmp_path):
    lines = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()[:24]
    (tmp_path / "few.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def trained(monkeypatch):
    """The folders that are trained in, and whether each run went on."""
    calls, train = [], training.train

    def counted(method, data, output, *args, **options):
        calls.append((output.name, options["resume"]))
        return train(method, data, output, *args, **options)

    monkeypatch.setattr(training, "train", counted)
    return calls


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process


def lines_of(folder):
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


@pytest.mark.wide
def test_a_study_draws_and_tells_every_loss_and_value(sentemb, tmp_path, trained):
    words = ("study", "temperature", "--values", "0.05", "--loss", "infonce",
             "--loss", "simple-contrastive:0.3", "--seeds", "0-1", *SMALL, "-o", "s")  # fmt: skip
    output = json.loads(ok(sentemb(*words, "--json")).stdout.decode().splitlines()[-1])
    rows = lines_of(tmp_path / "s")
    found = [(row["loss"], row["value"], row["seed"]) for row in rows]
    assert found == [
        ("before training", None, None),
        *[("infonce", 0.05, seed) for seed in (0, 1)],
        *[("simple-contrastive:0.3", None, seed) for seed in (0, 1)],
    ]
    assert set(rows[1]) >= {"spearman", "uniformity", "tolerance", "local_separation", "alignment"}
    assert output["results"] == rows
    assert output["schema"] == "sentemb.study/1"
    assert [line["runs"] for line in output["summary"]] == [1, 2, 2]
    assert (tmp_path / "s/study.png").read_bytes().startswith(b"\x89PNG")
    assert not list((tmp_path / "s/runs").iterdir())
    before = len(trained)
    again = ok(sentemb(*words))
    assert len(trained) == before == 4
    assert again.stderr.count(b"done before") == 4
    assert b"\xc2\xb1" in again.stdout


def test_a_killed_study_goes_on_in_the_middle_of_a_run_and_ends_the_same(
    sentemb, tmp_path, trained
):
    words = ("study", "learning-rate", "--values", "1e-4,1e-3,1e-2", *SMALL,
             "--save-steps", 1, "-o")  # fmt: skip
    ok(sentemb(*words, "whole"))
    trained.clear()

    def killed():
        commit, count = committed_trainer.commit, [0]

        def commit_and_die(*args):
            commit(*args)
            count[0] += 1
            if count[0] == 3:  # the first checkpoint of the second run
                os.kill(os.getpid(), signal.SIGKILL)

        committed_trainer.commit = commit_and_die
        sentemb(*words, "cut")

    assert exit_code(forked(killed)) == -signal.SIGKILL
    assert len(list((tmp_path / "cut/results").glob("*.json"))) == 2  # the start and one run
    ok(sentemb(*words, "cut"))
    assert trained == [("002-simcse-unsup-0.001-0", True), ("003-simcse-unsup-0.01-0", False)]
    whole, cut = (tmp_path / name / "results.jsonl" for name in ("whole", "cut"))
    assert cut.read_bytes() == whole.read_bytes()


@pytest.mark.long
def test_a_choice_is_studied_as_well(sentemb, tmp_path):
    ok(sentemb("study", "pooling", "--values", "mean,cls", *SMALL, "-o", "s"))
    assert [row["value"] for row in lines_of(tmp_path / "s")] == [None, "mean", "cls"]


def test_a_comparison_is_of_methods_and_models(sentemb, tmp_path, trained):
    methods = ("simcse-unsup", "consert", "mini-sentemb")
    words = ("compare", *methods, "--seeds", "4-4", *SMALL, "-o", "c")
    ok(sentemb(*words))
    rows = lines_of(tmp_path / "c")
    assert [(row["method"], row["seed"]) for row in rows] == [
        ("simcse-unsup", 4),
        ("consert", 4),
        ("mini-sentemb", None),
    ]
    assert rows[0]["seconds"] > 0
    assert rows[-1]["seconds"] is None
    assert (tmp_path / "c/compare.png").is_file()
    header, *rows = ok(sentemb(*words, "--format", "csv")).stdout.decode().splitlines()
    assert header == "method,spearman,alignment,uniformity,seconds"
    assert [row.partition(",")[0] for row in rows] == list(methods)
    shown = ok(sentemb(*words, "--format", "markdown")).stdout
    assert shown.startswith(b"| method | spearman |")
    assert sentemb(*words, "--format", "latex", "--json").returncode == 2
    table = ok(sentemb(*words)).stdout.decode()
    assert len(trained) == 2
    assert "spearman" in table
    assert "uniformity" in table


@pytest.mark.long
def test_a_stopped_sweep_tries_what_a_whole_one_does(sentemb, tmp_path, trained):
    pytest.importorskip("optuna", reason="the sweep extra is not installed")
    trials = ("--trials", 2, "-o")
    words = ("sweep", "--search", "temperature=0.01..1", "--search", "batch-size=4,8", *SMALL)
    ok(sentemb(*words, *trials, "whole"))
    trained.clear()

    def killed():
        commit, count = committed_trainer.commit, [0]

        def commit_and_die(*args):
            commit(*args)
            count[0] += 1
            if count[0] == 2:  # in the second trial
                os.kill(os.getpid(), signal.SIGKILL)

        committed_trainer.commit = commit_and_die
        sentemb(*words, *trials, "cut")

    assert exit_code(forked(killed)) == -signal.SIGKILL
    result = ok(sentemb(*words, *trials, "cut", "--json"))
    assert [name for name, _ in trained] == ["0001-0"]
    whole, cut = lines_of(tmp_path / "whole"), lines_of(tmp_path / "cut")
    assert whole == cut
    best = max(cut, key=lambda row: row["spearman"])
    shown = json.loads(result.stdout.decode().splitlines()[-1])["best"]
    assert shown == {"temperature": best["temperature"], "batch_size": best["batch_size"]}


CASES = [
    ("study temprature --values 1", "Did you mean 'temperature'?"),
    ("study data --values a", "not an option with numbers or choices; allowed: batch-size"),
    ("study learning-rate", "Which values of learning-rate?"),
    ("study learning-rate --values 1e-4,much", "learning-rate takes numbers; got 'much'"),
    ("study batch-size --values 8,9.5", "batch-size takes whole numbers; got '9.5'"),
    ("study batch-size --values 8,1", "--batch-size must be at least 2, got 1"),
    ("study temperature --values 0.1,0", "temperature must be a positive number"),
    ("study temperature --values 0.1,0.10", "gives a value twice"),
    ("study pooling --values mean,meen", "Did you mean 'mean'?"),
    ("study temperature --seeds some", "--seeds takes 0-4 or 1,7,42"),
    ("study temperature --loss infonse", "Did you mean 'infonce'?"),
    ("study temperature --values 1 --loss infonce:0.1", "temperature cannot be set here"),
    ("study temperature --values 1 --loss simple-contrastive", "not an option with numbers"),
    ("study temperature --values 1 --labels few.txt", "needed are text, label"),
    ("study temperature -o taken", "holds no study"),
    ("compare simcse-unsup simsce-sup", "Unknown method or model 'simsce-sup'"),
    ("compare simcse-unsup simcse-unsup", "once"),
    ("sweep --search temperature", "OPTION=LOW..HIGH"),
    ("sweep --search temperature=1..0.1", "the lower first"),
    ("sweep --search pooling=cls..mean", "a range needs two numbers"),
    ("sweep --search temperature=0..1", "temperature must be a positive number"),
]


@pytest.mark.parametrize(("command", "said"), CASES)
def test_bad_input_is_one_clear_line_and_nothing_is_trained(
    sentemb, tmp_path, trained, command, said
):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/thesis.txt").write_text("mine")
    result = sentemb(*command.split(), "--data", "few.txt")
    assert result.returncode in (2, 3)
    (line,) = [x for x in result.stderr.decode().splitlines() if x.startswith("error: ")]
    assert said in line
    assert trained == []


@pytest.mark.wide
def test_other_data_or_another_grid_is_refused_with_the_difference(sentemb, tmp_path):
    words = ("study", "temperature", *SMALL, "-o", "s", "--values")
    ok(sentemb(*words, "0.1", "--loss", "infonce"))
    refused = sentemb(*words, "0.1,0.2", "--loss", "infonce")
    assert refused.returncode == 2
    assert b"values was [0.1], is now [0.1, 0.2]" in refused.stderr
    with (tmp_path / "few.txt").open("a") as file:
        file.write("One more sentence.\n")
    refused = sentemb(*words, "0.1", "--loss", "infonce")
    assert b"data was" in refused.stderr
    assert b"24 rows" in refused.stderr


def test_a_sweep_without_optuna_says_what_to_install(sentemb, monkeypatch):
    monkeypatch.setattr("sentemb_cli.early.find_spec", lambda name: None)
    result = sentemb("sweep", "--search", "temperature=0.01..1", "--data", "few.txt")
    assert result.returncode == 2
    assert b'pip install "optuna' in result.stderr


def examples():
    text = "\n\n".join(module.EXAMPLES for module in (study, compare, sweep))
    return [block.replace("\n", " ") for block in text.split("\n\n") if "sentemb " in block]


@pytest.mark.long
@pytest.mark.parametrize("line", examples())
def test_every_example_of_the_help_runs(sentemb, line):
    ok(sentemb(*line.split()[1:]))


@pytest.mark.parametrize("command", ["study", "compare", "sweep"])
def test_help_shows_examples_and_the_options_of_train(sentemb, command):
    text = ok(sentemb(command, "--help")).stdout.decode()
    assert f"sentemb {command}" in text
    assert "--learning-rate" in text
