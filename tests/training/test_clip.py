"""CLIP: its data, its loss by whole and by micro-batches, exact resume, what is saved."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import Settings, train
from sentemb.bundled import bundled
from sentemb.datasets.in_memory import InMemory
from sentemb.errors import InputError, UsageError
from sentemb.losses import Sigmoid, SymmetricInfoNCE
from sentemb.methods import clip, lit, siglip
from sentemb.modalities.captioned import CrossModalRetrieval, read_captioned
from sentemb.modalities.towers import Tower, TowerConfig
from sentemb.runs.arguments import run_arguments
from sentemb.training.collator import NumberedRows
from sentemb.training.held_out import loss_of
from sentemb.training.mixed import collator_of
from sentemb.training.trainer import ContrastiveTrainer
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, assert_refused, state, without_dropout
from tests.support.loss_cases import in_float64

pytest.importorskip("PIL", reason="the vision extra is not installed")
SETTINGS = Settings(batch_size=8, learning_rate=1e-3, max_steps=4, save_steps=2)
SMALL = {"size": 8, "width": 8, "depth": 2, "dim": 12}


@pytest.fixture(scope="module")
def data():
    whole = read_captioned(bundled("pictures.parquet"), [TowerConfig(size=8, depth=2)])
    return replace(whole, rows=whole.rows.select(range(40)))


def fresh(recipe=clip, **options):
    torch.manual_seed(0)
    return recipe(encoders.mini(), **{**SMALL, **options})


def test_the_bundled_pictures_have_a_split(data):
    assert len(data.dev.rows) == 86
    assert len(data.signals["picture"]) == 401
    assert not set(data.rows["picture"]) & set(data.dev.rows["picture"])
    assert data.rows.column_names == ["text", "picture"]


def test_rows_that_dev_leaves_out_are_counted(caplog):
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(bundled("pictures.parquet")).to_pylist()
    some = [next(row for row in rows if row["split"] == split) for split in ("train", "test")]
    caplog.set_level("INFO", "sentemb")
    found = read_captioned(
        InMemory(some), [TowerConfig(size=8, depth=2)], dev=InMemory([*some, some[1]], name="dev")
    )
    assert (len(found.rows), len(found.dev.rows)) == (1, 2)
    assert "1 rows of another split in 'data' are neither trained on nor measured" in caplog.text
    assert "dev: 1 rows of the split 'train' left out" in caplog.text


METHODS = {
    "clip": {},
    "micro-batches": {},
    "siglip": {"recipe": siglip},
    "frozen": {"freeze": "text", "dim": 96},
}


@pytest.mark.sampled
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.long] * (n == "siglip")) for n in METHODS]
)
def test_a_run_that_was_cut_goes_on_bit_for_bit(name, data, tmp_path):
    settings = replace(SETTINGS, micro_batch=4 if name == "micro-batches" else 0)
    whole, cut, resumed = (fresh(**METHODS[name]) for _ in range(3))
    before = state(whole)
    train(whole, data, tmp_path / "whole", settings)
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", settings)
    train(resumed, data, tmp_path / "cut", settings, resume=True)
    assert_bit_equal(state(whole), state(resumed))
    changed = {
        name for name, tensor in state(whole).items() if not torch.equal(tensor, before[name])
    }
    assert any("tower" in name for name in changed)
    assert any("encoder" in name for name in changed) is (name != "frozen")


def test_the_folder_is_a_text_encoder_with_a_tower_in_it(data, tmp_path):
    run = train(fresh(), data, tmp_path / "run", SETTINGS)
    plain = SentenceTransformer(str(tmp_path / "run"), device="cpu")
    texts = ["A red bus.", "A cat."]
    np.testing.assert_allclose(plain.encode(texts), run.model.encode(texts), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(plain.encode(texts), axis=1), 1, atol=1e-5)
    tower = Tower.load(tmp_path / "run" / "picture")
    numbers = CrossModalRetrieval(tower, data.dev)(plain.encode)
    for name, value in numbers.items():
        assert run.metrics[name] == pytest.approx(value), name
    assert run.metrics["picture_to_text_r10_chance"] == pytest.approx(1000 / 86, abs=1e-3)
    assert tower.config.scale == pytest.approx(1 / 0.07, rel=0.1)
    card = (tmp_path / "run" / "README.md").read_text()
    assert "A sentence encoder and a tower of pictures trained with sentemb." in card
    assert 'model = SentenceTransformer("run")' in card
    assert (
        'model = sentemb.load("run")\npictures = model.tower("picture").encode(["one.png"' in card
    )


def batch_of(method, data, micro_batch=0):
    settings = replace(SETTINGS, micro_batch=micro_batch)
    method.set_micro_batch(micro_batch)
    rows = NumberedRows(data.rows)
    return loss_of(method, [rows[n] for n in range(8)], collator_of(method, settings, data))


@pytest.mark.parametrize("name", ["clip", "siglip", "frozen"])
def test_micro_batches_change_neither_loss_nor_gradient(name, data):
    method = fresh(**METHODS[name])
    without_dropout(method.encoder)
    found = []
    for micro_batch in (0, 3):
        method.zero_grad()
        loss = batch_of(method, data, micro_batch)
        loss.backward()
        learned = [p for p in method.parameters() if p.requires_grad]
        found.append([loss.detach(), *(p.grad.clone() for p in learned)])
    assert len(found[0]) > 10
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_equal_captions_and_equal_pictures_are_no_negatives(data):
    texts, numbers = data.rows["text"][:8], data.rows["picture"][:8]
    texts[1], numbers[3] = texts[0], numbers[2]
    columns = {"text": texts, "picture": numbers}
    twins = replace(data, rows=data.rows.from_dict(columns))
    method = fresh()
    outputs = []
    method.register_forward_hook(lambda _, __, output: outputs.append(output))
    batch_of(method, twins)
    assert int(outputs[0]["masked_negatives"]) == 2 * 4  # two couples, both ways, from either side


def test_the_scale_is_clamped_after_every_step(data, tmp_path):
    for start, end in (1000.0, 100.0), (1e-3, 1.0):
        method = fresh()
        with torch.no_grad():
            method.loss.log_inverse_temperature.fill_(np.log(start))
        train(
            method, data, tmp_path / str(start), replace(SETTINGS, max_steps=1, learning_rate=0.1)
        )
        learned = method.loss.log_inverse_temperature.item()
        assert np.exp(learned) == pytest.approx(end, rel=0.2)
        assert 0 <= learned <= np.log(100) + 1e-6


def test_scale_biases_and_norms_do_not_decay_and_the_transformer_is_slower(data, tmp_path):
    method = fresh(text_rate=0.25)
    arguments = run_arguments(replace(SETTINGS, weight_decay=0.1), tmp_path, 4)
    arguments.remove_unused_columns = False
    trainer = ContrastiveTrainer(method, arguments, data.rows, collator_of(method, SETTINGS, data))
    groups = trainer.create_optimizer().param_groups
    of = {id(p): group for group in groups for p in group["params"]}
    for name, parameter in method.named_parameters():
        group = of[id(parameter)]
        decays = parameter.ndim > 1 and "norm" not in name.lower()
        assert (group["weight_decay"] > 0) is decays, name
        slower = name.startswith("twin.encoder.0.")
        assert group["lr"] == pytest.approx(2.5e-4 if slower else 1e-3), name


def test_the_control_has_the_same_pictures_and_texts_in_other_pairs(data):
    control = data.shuffled(seed=0)
    assert control.rows["picture"][:] == data.rows["picture"][:]
    assert sorted(control.rows["text"]) == sorted(data.rows["text"])
    pairs = zip(control.rows["text"], data.rows["text"], strict=True)
    assert sum(one == other for one, other in pairs) < 8
    assert control.dev is data.dev


def test_lit_has_the_width_of_the_encoder_and_leaves_it(data):
    torch.manual_seed(0)
    encoder = encoders.mini()
    method = lit(encoder, size=8, width=8, depth=2)
    assert method.twin.tower.config.dim == encoder.get_embedding_dimension()
    assert len(encoder) == 2
    batch_of(method, data).backward()
    assert all(p.grad is None for p in encoder.parameters())
    with pytest.raises(UsageError, match="no projection"):
        fresh(freeze="text", dim=12)


def test_the_loss_of_clip_has_the_frozen_gradient(frozen):
    z1 = frozen.anchor.clone().requires_grad_()
    loss = in_float64(lambda: SymmetricInfoNCE(0.07))
    assert loss.log_inverse_temperature.item() == pytest.approx(2.6592600369, abs=1e-8)
    loss(replace(frozen, anchor=z1, negatives=None)).backward()
    assert float(loss.log_inverse_temperature.grad) == pytest.approx(0.0697475595, abs=1e-8)
    expected = [-0.2614071958, 0.3190101379, -0.2545950608]
    assert z1.grad[0].tolist() == pytest.approx(expected, abs=1e-8)


def test_the_loss_of_siglip_has_the_frozen_gradient(frozen):
    loss = in_float64(Sigmoid)
    loss(replace(frozen, negatives=None)).backward()
    assert float(loss.log_inverse_temperature.grad) == pytest.approx(-5.4161885286, abs=1e-8)
    assert float(loss.bias.grad) == pytest.approx(-0.6680758682, abs=1e-8)


def test_the_scale_starts_and_stays_where_the_papers_have_it():
    assert fresh().loss.log_inverse_temperature.item() == pytest.approx(np.log(1 / 0.07), rel=1e-7)
    of_siglip = fresh(siglip).loss
    assert of_siglip.log_inverse_temperature.item() == pytest.approx(np.log(10), rel=1e-7)
    assert of_siglip.bias.item() == -10
    loss = in_float64(SymmetricInfoNCE)
    for given, kept in (9.0, 4.6051701860), (-3.0, 0.0), (3.0, 3.0):
        with torch.no_grad():
            loss.log_inverse_temperature.fill_(given)
        loss.on_step_end()
        assert loss.log_inverse_temperature.item() == pytest.approx(kept, abs=1e-8)


def test_the_command_trains_on_the_bundled_pictures_and_draws_what_they_find(sentemb, tmp_path):
    small = ("--size", 8, "--width", 8, "--depth", 2, "--dim", 12)
    done = sentemb("train", "--method", "clip", "--max-steps", 2, *small, "-o", "run", "--control")
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "run" / "hits.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "picture" / "tower.json").is_file()
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["method_options"]["control"] is True
    assert b"text_to_picture_r10_chance" in done.stderr


@pytest.mark.parametrize(
    ("files", "words", "code", "message"),
    [
        ({}, "--data none.csv", 3, "none.csv"),
        ({"a.csv": "image,text\nb.png,A bird.\n"}, "--data a.csv", 3, "row 2: there is no file"),
        ({"a.csv": "image,words\nb.png,A bird.\n"}, "--data a.csv", 3, "needed are one of image"),
        ({"a.csv": "image,text\nb.png,\n"}, "--data a.csv", 3, "row 2: column 'text' has no text"),
        ({"a.csv": "image,text\na.csv,A.\n"}, "--data a.csv", 3, "row 2: 'a.csv' is none of"),
        ({"p/a.txt": "A bird."}, "--data p", 3, "folder without metadata.csv"),
        ({}, "--width 7", 2, "width"),
    ],
)
def test_what_the_command_cannot_read_is_one_line(sentemb, tmp_path, files, words, code, message):
    command = f"train --method clip --max-steps 1 -o run {words}"
    assert_refused(sentemb, tmp_path, files, command, code, message)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"image": "a.png", "text": "A."}], "row 1: there is no file 'a.png'"),
        ([{"image": b"no", "text": "A."}], "row 1: not a picture"),
        ([{"image": None, "text": "A."}], "row 1: column 'image' has no picture"),
        ([{"image": "a.txt", "text": ""}], "row 1: column 'text' has no text"),
        ([{"picture": "a.png", "words": "A."}], "needed are one of"),
    ],
)
def test_rows_that_cannot_be_read_are_named(rows, words):
    from sentemb.datasets.in_memory import InMemory

    with pytest.raises(InputError, match=words):
        read_captioned(InMemory(rows, (), "data"), [TowerConfig(size=8, depth=2)])


def test_bf16_trains_float32_weights_and_fp16_needs_a_gpu(data, tmp_path):
    method = fresh()
    run = train(method, data, tmp_path / "run", replace(SETTINGS, max_steps=2, precision="bf16"))
    assert {p.dtype for p in method.parameters()} == {torch.float32}
    assert all(np.isfinite(value) for value in run.metrics.values())
    losses = []
    for enabled in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            losses.append(float(batch_of(without_noise(), data).detach()))
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="fp16 needs a CUDA GPU"):
            train(fresh(), data, tmp_path / "half", replace(SETTINGS, precision="fp16"))
        assert not (tmp_path / "half" / "checkpoints").exists()


def without_noise():
    method = fresh()
    without_dropout(method.encoder)
    return method
