import json

import pytest

from sentemb.bundled import bundled
from sentemb.evaluation.disclosure import disclose

YEARS = ["STS12", "STS-B"]


@pytest.fixture
def trained(tmp_path):
    def write(name, source, columns, model="mini", **more):
        (tmp_path / name).mkdir()
        record = {
            "method": "m",
            "model": str(model),
            "data": {"source": source, "columns": columns},
        }
        (tmp_path / name / "run.json").write_text(json.dumps(record | more))
        return tmp_path / name

    return write


def test_scores_of_stsb_do_not_go_with_sts12(trained):
    folder = trained("a", "STSB.train.tsv", ["sentence1", "sentence2", "label"])
    found = disclose(folder)
    assert found.labels == "m on STSB.train.tsv (labels); started from mini"
    assert found.warning("a", YEARS).startswith("a was trained on scores of STSB.train.tsv: STS12")
    assert found.warning("a", ["STS-B"]) == ""


def test_a_dev_set_is_named_but_no_training(trained):
    found = disclose(trained("a", "wiki.txt", ["text"], dev="STSB.dev.tsv"))
    assert "m on wiki.txt (no labels), checkpoint chosen by STSB.dev.tsv" in found.labels
    assert found.warning("a", YEARS) == ""


def test_what_it_started_from_is_followed(trained):
    first = trained("a", "STSB.train.tsv", ["sentence1", "sentence2", "label"])
    found = disclose(trained("b", "t.csv", ["anchor", "positive", "negative"], model=first))
    assert found.labels.startswith(
        "m on t.csv (triplets); before that, m on STSB.train.tsv (labels)"
    )
    assert found.warning("b", YEARS)


def test_a_card_names_data_sets(tmp_path):
    (tmp_path / "README.md").write_text(
        "---\ntags:\n- x\ndatasets:\n- snli\n- mteb/stsb\n---\n# M\n"
    )
    found = disclose(tmp_path)
    assert found.labels == "data sets by its card: mteb/stsb, snli"
    assert found.warning("m", YEARS)


def test_of_an_embedded_encoder_it_is_known():
    teacher = "sentence-transformers/all-MiniLM-L6-v2"
    raw = f"those of its teacher {teacher}; the model itself saw none"
    assert disclose(bundled("mini")).labels == raw
    labels = disclose(bundled("mini-sentemb")).labels
    assert labels.startswith("cosent on mixed_tagged (labels)")
    assert f"taught by {teacher}" in labels


@pytest.mark.parametrize("damaged", ["", "{", "[]", "{}"])
def test_otherwise_it_is_unknown(tmp_path, damaged):
    (tmp_path / "run.json").write_text(damaged)
    (tmp_path / "config.json").write_text(damaged)
    assert disclose(tmp_path).labels == "unknown"
