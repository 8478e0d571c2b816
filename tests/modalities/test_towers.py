"""Towers: the attention pooling of the books, views by row, folders that hold all."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from sentemb.errors import InputError, UsageError
from sentemb.modalities.picture_views import PictureView
from sentemb.modalities.sound_views import SoundView
from sentemb.modalities.tower_networks import SmallCNN
from sentemb.modalities.tower_poolings import AttentionPooling, MeanAndMax
from sentemb.modalities.towers import Tower, TowerConfig
from sentemb.views import Draws

TINY = TowerConfig(size=8, stem=2, width=8, depth=2, dim=6)
TOWERS = {
    "cnn": TINY,
    "attention": TowerConfig(size=8, width=8, depth=2, dim=6, pooling="attention", queries=2),
    "vit": TowerConfig(network="vit", size=16, width=32, depth=1, dim=6),
    "sound": TowerConfig("sound", size=32, width=8, depth=2, dim=6),
    "mean-max": TowerConfig("sound", size=32, width=8, depth=2, dim=6, pooling="mean-max"),
    "sound vit": TowerConfig("sound", "vit", size=32, width=32, depth=1, dim=6),
}


def rows_of(config, count=3):
    torch.manual_seed(1)
    if config.modality == "picture":
        return torch.randint(0, 256, (count, *config.shape), dtype=torch.uint8)
    return torch.randn(count, *config.shape)


def test_attention_pooling_has_the_frozen_values():
    i, j = torch.arange(5.0).double().unsqueeze(1), torch.arange(4.0).double()
    pooling = AttentionPooling(4, queries=2, heads=2).double()
    attention = pooling.attention
    with torch.no_grad():
        pooling.query.copy_(torch.cos(i[:2] + j))
        attention.in_proj_weight.copy_(torch.eye(4).repeat(3, 1))
        attention.in_proj_bias.zero_()
        attention.out_proj.weight.copy_(torch.eye(4))
        attention.out_proj.bias.zero_()
    found = pooling.each(torch.sin((i + 1) * (j + 1)).unsqueeze(0))[0]
    expected = torch.tensor(
        [
            [0.4775807333, 0.3050591542, 0.0610966557, -1.0329086689],
            [0.6640036647, -0.2947900314, -0.1891918059, -0.4437896694],
        ],
        dtype=torch.float64,
    )
    torch.testing.assert_close(found.detach(), expected, atol=1e-8, rtol=0)


def test_mean_and_max_are_those_of_the_places():
    places = torch.tensor([[[1.0, -2.0], [3.0, -6.0]], [[0.0, 4.0], [0.0, 0.0]]])
    assert MeanAndMax()(places).tolist() == [[5.0, -6.0], [0.0, 6.0]]


def test_bands_are_channels_and_frames_are_places():
    torch.manual_seed(0)
    network = SmallCNN(replace(TOWERS["sound"], size=128)).eval()
    sound = torch.zeros(1, 1, 64, 128)
    sound[..., 20:28, 60:64] = torch.rand(8, 4)
    with torch.no_grad():
        places = network(sound)
        later = network(sound.roll(8, dims=3))
        higher = network(sound.roll(16, dims=2))
    assert places.shape == (1, 32, 16)
    torch.testing.assert_close(later[:, 10:26], places[:, 8:24])
    assert (higher - places).abs().max() > 0.1


@pytest.mark.parametrize("name", TOWERS)
def test_a_folder_holds_all_of_a_tower(name, tmp_path):
    torch.manual_seed(0)
    tower, rows = Tower(TOWERS[name]).eval(), rows_of(TOWERS[name])
    tower.save(tmp_path / "tower")
    again = Tower.load(tmp_path / "tower")
    with torch.no_grad():
        assert torch.equal(tower(rows), again(rows))
        torch.testing.assert_close(tower(rows).norm(dim=1), torch.ones(3))
    assert {path.name for path in (tmp_path / "tower").iterdir()} == {
        "tower.json",
        "model.safetensors",
    }


def test_a_damaged_folder_is_named(tmp_path):
    Tower(TINY).save(tmp_path)
    (tmp_path / "tower.json").write_text('{"network": "cnn", "depht": 3}')
    with pytest.raises(InputError, match="depht"):
        Tower.load(tmp_path)


@pytest.mark.parametrize("view", [PictureView(outline=0.5), SoundView()])
def test_a_view_belongs_to_its_row(view):
    shape = (4, 3, 8, 8) if isinstance(view, PictureView) else (4, 1, 8, 8)
    rows, keys = torch.rand(shape), torch.arange(4) * 7919
    whole = view(rows, Draws(keys))
    for n in range(4):
        torch.testing.assert_close(view(rows[n : n + 1], Draws(keys[n : n + 1])), whole[n : n + 1])
    assert not torch.equal(whole, rows)
    assert not torch.equal(view(rows, Draws(keys + 1)), whole)


def test_a_view_that_changes_nothing_gives_the_picture_back():
    rows = torch.rand(2, 3, 8, 8)
    still = PictureView(0, 0, 0, 0, 0, 0)
    torch.testing.assert_close(still(rows, Draws(torch.arange(2))), rows)
    mirrored = PictureView(0, 0, 0, 1, 0, 0)(rows, Draws(torch.arange(2)))
    torch.testing.assert_close(mirrored, rows.flip(3))
    sound = torch.rand(2, 1, 8, 8)
    assert torch.equal(SoundView(0, 0, 0, 0, 0)(sound, Draws(torch.arange(2))), sound)


def test_a_sound_is_played_at_the_speed_that_its_row_drew():
    sound, draws = torch.arange(10.0).expand(3, 1, 4, 10), Draws(torch.arange(3))
    seen = SoundView(stretch=0.5, shift=0, bands=0, frames=0, loud=0)(sound, draws)
    speed = torch.exp(0.5 * (2 * draws.uniform(7)[:, 6:] - 1))
    place = torch.arange(10.0) * speed
    expected = place.where(place <= 9, 0.0).view(3, 1, 1, 10).expand_as(seen)
    torch.testing.assert_close(seen, expected)
    assert (speed > 1).any()
    assert (speed < 1).any()


def test_no_row_depends_on_another():
    torch.manual_seed(0)
    tower, rows = Tower(TINY), rows_of(TINY, 4)
    torch.testing.assert_close(tower(rows)[:2], tower(rows[:2]))


@pytest.mark.parametrize("wrong", [{"width": 7}, {"depth": 0}, {"size": 4, "depth": 3}, {"dim": 0}])
def test_a_tower_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError):
        TowerConfig(**wrong)
    with pytest.raises(UsageError):
        PictureView(mirror=2)


def test_biases_and_norms_are_named_so_that_they_do_not_decay():
    tower = Tower(TOWERS["attention"])
    norms = {
        name
        for name, module in tower.named_modules()
        if isinstance(module, nn.GroupNorm | nn.LayerNorm)
    }
    assert norms
    assert all(name.endswith("norm") for name in norms)
