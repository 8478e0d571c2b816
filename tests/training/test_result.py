"""What a run from Python leaves and returns: record, card, model, history, a picture."""

import gc
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from sentence_transformers import SentenceTransformer

from sentemb import Settings, build_encoder, read_sts, read_training_data, simcse_unsup, train
from sentemb.bundled import bundled
from sentemb.errors import FinishedError
from sentemb.finetuning import FinetuneSettings, finetune
from sentemb.runs.logs import read_metrics

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=4, eval_steps=2)


def method():
    torch.manual_seed(0)
    return simcse_unsup(build_encoder("mini", pooling="cls_before_pooler", device="cpu"))


@pytest.fixture(scope="module")
def dev():
    return read_sts(bundled("formats/graded.tsv"))


def test_a_run_from_python_says_how_it_was_made(unlabelled, dev, tmp_path):
    run = train(method(), unlabelled, tmp_path / "run", SETTINGS, dev=dev)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record == {"schema": "sentemb.run/1", **json.loads(json.dumps(run.record))}
    assert record["method"].startswith("Method([text; text], Siamese(")
    assert "InfoNCE(temperature=0.05" in record["method"]
    assert (record["model"], record["dev"]) == ("mini", "graded")
    assert record["data"]["source"] == unlabelled.source
    assert record["settings"]["batch_size"] == 8
    card = ModelCard.load(tmp_path / "run/README.md")
    assert (card.data.base_model, card.data.datasets) == ("mini", [Path(unlabelled.source).name])
    (spearman,) = card.data.eval_results
    assert spearman.metric_value == pytest.approx(run.metrics["spearman"] / 100, abs=1e-6)
    assert str(Path(unlabelled.source).parent) not in card.content
    assert "Siamese" in card.content
    with pytest.raises(FinishedError):
        train(method(), unlabelled, tmp_path / "run", SETTINGS, dev=dev, resume=True)


def test_a_run_holds_its_model_history_and_picture(unlabelled, dev, tmp_path, sentences):
    run = train(method(), unlabelled, tmp_path / "run", SETTINGS, dev=dev)
    plain = SentenceTransformer(str(run.output), device="cpu")
    few = sentences[:4]
    torch.testing.assert_close(
        run.model.encode(few, convert_to_tensor=True).cpu(),
        plain.encode(few, convert_to_tensor=True),
    )
    assert [dict(line) for line in run.history] == read_metrics(tmp_path / "run/metrics.jsonl")
    shown = repr(run)
    assert shown.startswith("Run: 4 steps on")
    assert f"spearman: {run.before['spearman']:.4g} -> {run.metrics['spearman']:.4g}" in shown
    pytest.importorskip("matplotlib")
    titles = [panel.get_title() for panel in run.plot().axes]
    assert "spearman" in titles


def test_without_an_output_the_folder_lives_as_long_as_the_result(unlabelled):
    run = train(method(), unlabelled, settings=replace(SETTINGS, max_steps=1))
    folder = run.output
    assert (folder / "modules.json").exists()
    assert (folder / "run.json").exists()
    del run
    gc.collect()
    assert not folder.exists()


def test_fine_tuning_says_how_it_was_made_too(tmp_path):
    data = read_training_data(bundled("topics.tsv"), [("text", "label")])
    few = replace(data, rows=data.rows.select(range(0, 160, 4)))
    settings = FinetuneSettings(batch_size=8, epochs=1)
    run = finetune("mini", few, few, tmp_path / "run", settings)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record == {"schema": "sentemb.run/1", **json.loads(json.dumps(run.record))}
    assert (record["model"], record["dev"]) == ("mini", few.source)
    assert (tmp_path / "run/README.md").exists()
    assert "accuracy" in repr(run)
    assert run.model.config.num_labels == len(data.classes)
