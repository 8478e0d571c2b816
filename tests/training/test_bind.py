"""Binding: sounds learn to be where pictures are; both find texts; all else stays as it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import sentemb
from sentemb import Settings, train
from sentemb.datasets.in_memory import InMemory
from sentemb.encoders import build_encoder
from sentemb.errors import UsageError
from sentemb.losses import SymmetricInfoNCE
from sentemb.methods import bind, clip
from sentemb.methods.bind import towers_of
from sentemb.modalities.captioned import read_captioned
from sentemb.modalities.towers import Tower
from sentemb.pairs import Pairs
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, state
from tests.support.loss_cases import in_float64

Image = pytest.importorskip("PIL.Image", reason="the vision extra is not installed")
SETTINGS = Settings(batch_size=8, learning_rate=1e-3, max_steps=4, save_steps=2)
SMALL = {"frames": 16, "width": 8, "depth": 2}


def png(number):
    import io

    file = io.BytesIO()
    Image.new("RGB", (8, 8), (number * 9, 255 - number * 5, number)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    torch.manual_seed(0)
    method = clip(encoders.mini(), size=8, width=8, depth=2, dim=12)
    folder = tmp_path_factory.mktemp("hub")
    method.encoder.save_pretrained(str(folder))
    method.twin.tower.save(folder / "picture", scale=7.0)
    return folder


@pytest.fixture(scope="module")
def data(hub):
    draw = np.random.default_rng(0)
    rows = [
        {
            "image": png(n),
            "sound": draw.standard_normal((64, 12)).astype(np.float16).tobytes(),
            "text": f"Text number {n}.",
            "split": "train" if n < 16 else "test",
        }
        for n in range(24)
    ]
    return read_captioned(InMemory(rows, (), "data"), towers_of(hub, {"frames": 16, "hub": None}))


def fresh(hub):
    encoder = build_encoder(hub, device="cpu")
    torch.manual_seed(0)
    return bind(encoder, **SMALL)


def test_a_run_that_was_cut_goes_on_bit_for_bit_and_moves_the_tower_alone(hub, data, tmp_path):
    whole, cut, resumed = (fresh(hub) for _ in range(3))
    before = state(whole)
    run = train(whole, data, tmp_path / "whole", SETTINGS)
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", SETTINGS)
    train(resumed, data, tmp_path / "cut", SETTINGS, resume=True)
    assert_bit_equal(state(whole), state(resumed))
    changed = {n for n, tensor in state(whole).items() if not torch.equal(tensor, before[n])}
    assert changed
    assert all(name.startswith("twin.tower.") for name in changed)
    assert {"sound_to_text_r10", "picture_to_text_r10"} <= set(run.metrics)
    model = sentemb.load(str(tmp_path / "whole"))
    assert model.tower("sound").encode([np.ones((64, 9), np.float16).tobytes()]).shape == (1, 12)
    scale = Tower.load(hub / "picture").config.scale
    assert Tower.load(tmp_path / "whole" / "picture").config.scale == scale != 1
    kept = Tower.load(tmp_path / "whole" / "picture").state_dict()
    assert_bit_equal(dict(kept), dict(Tower.load(hub / "picture").state_dict()))


def test_the_control_shuffles_pictures_and_leaves_sounds_with_their_texts(data):
    control = data.shuffled(0)
    assert control.rows["text"][:] == data.rows["text"][:]
    assert control.rows["sound"][:] == data.rows["sound"][:]
    assert control.rows["picture"][:] != data.rows["picture"][:]


def test_a_model_without_pictures_cannot_be_bound_to():
    with pytest.raises(UsageError, match="tower of pictures"):
        bind(encoders.mini())
    with pytest.raises(UsageError, match="tower of pictures"):
        towers_of("mini", {"frames": 16, "hub": None})


def test_two_modalities_at_their_own_scales_have_the_frozen_value(frozen):
    i, j = torch.arange(4.0).double().unsqueeze(1), torch.arange(3.0).double()
    hub = torch.cos((i + 0.5) * (j + 1))
    spokes = (frozen.anchor, 0.07), (frozen.positive, 0.2)
    losses = [
        in_float64(lambda t=t: SymmetricInfoNCE(t))(Pairs(hub, spoke)).item() for spoke, t in spokes
    ]
    assert sum(losses) == pytest.approx(13.5198586868, abs=1e-8)


def test_micro_batches_of_sounds_train_alike(hub, data, tmp_path):
    found = []
    for micro_batch in (0, 4):
        method = fresh(hub)
        settings = replace(SETTINGS, micro_batch=micro_batch, max_steps=1)
        train(method, data, tmp_path / str(micro_batch), settings)
        found.append(state(method))
    for name, tensor in found[0].items():
        torch.testing.assert_close(tensor, found[1][name], atol=1e-3, rtol=0, msg=name)
