"""SimCLR on pictures: its loss by loops, exact resume, a folder of a tower alone that encodes."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import sentemb as library
from sentemb import Settings, train
from sentemb.bundled import bundled
from sentemb.errors import InputError, UsageError
from sentemb.methods import method_named, simclr_pictures
from sentemb.modalities.captioned import read_signals
from sentemb.modalities.tower_encoder import load_tower
from sentemb.modalities.towers import TowerConfig
from sentemb.training.collator import NumberedRows
from sentemb.training.held_out import loss_of
from sentemb.training.mixed import collator_of
from tests.support.helpers import PowerCut, assert_bit_equal, assert_refused, state

pytest.importorskip("PIL", reason="the vision extra is not installed")
SETTINGS = Settings(batch_size=8, learning_rate=1e-3, max_steps=4, save_steps=2)
SMALL = {"size": 8, "width": 8, "depth": 2, "dim": 12, "projection": 6}


@pytest.fixture(scope="module")
def data():
    whole = read_signals(bundled("pictures.parquet"), TowerConfig(size=8, depth=2))
    return replace(whole, rows=whole.rows.select(range(32)))


def fresh(**options):
    torch.manual_seed(0)
    return simclr_pictures(**{**SMALL, **options})


def batch_of(method, data, micro_batch=0):
    rows = NumberedRows(data.rows)
    method.set_micro_batch(micro_batch)
    collator = collator_of(method, SETTINGS, data)
    return loss_of(method, [rows[n] for n in range(8)], collator)


def test_the_loss_is_that_of_loops_over_both_views(data):
    method = fresh().double()
    pairs = []
    method.twin.register_forward_hook(lambda _, __, output: pairs.append(output))
    loss = float(batch_of(method, data).detach())
    rows = torch.cat([pairs[0].anchor, pairs[0].positive]).detach().double()
    rows = rows / rows.norm(dim=1, keepdim=True)
    total = 0.0
    for i in range(16):
        others = [math.exp(float(rows[i] @ rows[j]) / 0.1) for j in range(16) if j != i]
        total -= math.log(math.exp(float(rows[i] @ rows[(i + 8) % 16]) / 0.1) / sum(others))
    assert loss == pytest.approx(total / 16, abs=1e-4)  # the loss itself is in float32


def test_micro_batches_change_neither_loss_nor_gradient(data):
    method, found = fresh().double(), []
    for micro_batch in (0, 3):
        method.zero_grad()
        loss = batch_of(method, data, micro_batch)
        loss.backward()
        found.append([loss.detach(), *(p.grad.clone() for p in method.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-6)


def test_a_run_that_was_cut_goes_on_bit_for_bit_and_leaves_a_tower(data, tmp_path):
    whole, cut, resumed = fresh(), fresh(), fresh()
    before = state(whole)
    run = train(whole, data, tmp_path / "whole", SETTINGS)
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", SETTINGS)
    train(resumed, data, tmp_path / "cut", SETTINGS, resume=True)
    assert_bit_equal(state(whole), state(resumed))
    assert all(not torch.equal(state(whole)[n], before[n]) for n, _ in whole.named_parameters())
    assert run.model is whole.encoder
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    assert {"picture", "run.json", "README.md"} <= names
    assert not {"modules.json", "config.json", "checkpoints"} & names
    card = (tmp_path / "whole" / "README.md").read_text()
    assert "A tower of pictures" in card
    assert "SentenceTransformer" not in card
    model = library.load(tmp_path / "whole")
    picture = bundled("pictures.parquet")
    columns, vectors = model.tower().of_source(picture)
    assert vectors.shape == (len(columns), 12)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    with pytest.raises(InputError, match="reads pictures, no texts"):
        model.encode("a text")


def test_a_tower_can_be_trained_further(data, tmp_path):
    train(fresh(), data, tmp_path / "first", replace(SETTINGS, max_steps=1))
    method = method_named("simclr-pictures", tmp_path / "first", projection=6)
    assert method.encoder.tower.config.dim == 12
    saved = load_tower(tmp_path / "first", "picture").state_dict()
    assert_bit_equal(dict(method.encoder.state_dict()), dict(saved))


def test_the_command_trains_on_a_folder_and_the_tower_encodes_and_finds(sentemb, tmp_path):
    from PIL import Image

    (tmp_path / "photos").mkdir()
    for n in range(9):
        Image.effect_noise((16, 16), 10 * n + 5).save(tmp_path / "photos" / f"{n}.png")
    small = [word for name, value in SMALL.items() for word in (f"--{name}", value)]
    words = ("train", "--method", "simclr-pictures", "--data", "photos", "--batch-size", 4)
    done = sentemb(*words, *small, "--max-steps", 2, "-o", "run")
    assert done.returncode == 0, done.stderr.decode()
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["model"] == "a new tower"
    for command in (
        "info run",
        "encode photos --model run -o vectors.parquet",
        "index photos --model run -o photos.index",
        "search --image photos/3.png photos.index -k 1 -o hits.jsonl",
        "train --method simclr-pictures --data photos --size 8 --depth 2 --batch-size 4 --dry-run",
    ):
        done = sentemb(*command.split())
        assert done.returncode == 0, done.stderr.decode()
    assert "3.png" in (tmp_path / "hits.jsonl").read_text()


@pytest.mark.parametrize(
    ("files", "words", "code", "message"),
    [
        ({"p/a.txt": "A bird."}, "--data p", 3, "holds no picture"),
        ({"a.csv": "image\nb.png\n"}, "--data a.csv", 3, "row 2: there is no file 'b.png'"),
        ({"a.csv": "words\nb.png\n"}, "--data a.csv", 3, "has no column of pictures"),
        ({}, "--dev x.csv", 2, "reads no texts that --dev could measure"),
        ({}, "--pooling mean", 2, "are of texts, which 'simclr-pictures' does not read"),
        ({}, "--view shuffle", 2, "simclr-pictures reads no texts, which views are of"),
    ],
)
def test_what_the_command_cannot_read_is_one_line(sentemb, tmp_path, files, words, code, message):
    command = f"train --method simclr-pictures --max-steps 1 -o run {words}"
    assert_refused(sentemb, tmp_path, files, command, code, message)


def test_rows_of_another_split_are_not_trained_on(tmp_path):
    from PIL import Image

    for n in range(4):
        Image.effect_noise((16, 16), 10 * n + 5).save(tmp_path / f"{n}.png")
    rows = [f"{n}.png,{split}" for n, split in enumerate(("train", "test", "train", "dev"))]
    (tmp_path / "a.csv").write_text("\n".join(["image,split", *rows]) + "\n")
    config = TowerConfig(size=8, depth=2)
    assert len(read_signals(tmp_path / "a.csv", config).rows) == 2
    (tmp_path / "a.csv").write_text("image,split\n1.png,test\n")
    with pytest.raises(InputError, match="holds no row to train on"):
        read_signals(tmp_path / "a.csv", config)


def test_views_of_texts_are_refused(data):
    method = fresh()
    with pytest.raises(UsageError, match="needs what one tower reads"):
        method.twin([])
