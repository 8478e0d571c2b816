"""Towers of transformers' models from a folder: weights, inputs, saving; what is refused."""

import json

import numpy as np
import pytest
import torch
import transformers

from sentemb.errors import InputError
from sentemb.methods import simclr_pictures
from sentemb.modalities.towers import Tower, new_tower, tower_config
from tests.support.helpers import assert_bit_equal, assert_refused

VIT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SEEN = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.5]}
MODELS = {
    "vit": transformers.ViTConfig(**VIT, image_size=16, patch_size=8),
    "resnet": transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"
    ),
    "clip vision": transformers.CLIPVisionConfig(**VIT, image_size=16, patch_size=8),
    "ast": transformers.ASTConfig(**VIT, num_mel_bins=64, max_length=32),
}
CLASSES = {
    "vit": transformers.ViTModel,
    "resnet": transformers.ResNetModel,
    "clip vision": transformers.CLIPVisionModel,
    "ast": transformers.ASTModel,
}


def folder_of(name, path):
    torch.manual_seed(1)
    model = CLASSES[name](MODELS[name])
    for buffer in model.buffers():
        if buffer.is_floating_point():  # statistics of a batch normalisation
            buffer.uniform_(0.5, 1.5)
    model.save_pretrained(path)
    (path / "preprocessor_config.json").write_text(json.dumps(SEEN))
    return model.eval()


@pytest.mark.parametrize("name", MODELS)
def test_a_tower_reads_as_the_model_does_and_comes_back(name, tmp_path):
    model, modality = folder_of(name, tmp_path / "m"), "sound" if name == "ast" else "picture"
    network = str(tmp_path / "m")
    config = tower_config(modality, network, 24, dim=6, width=8)
    assert config.size == {"resnet": 24, "ast": 32}.get(name, 16)
    tower = new_tower(config, network)
    torch.manual_seed(2)
    if modality == "picture":
        rows = torch.randint(0, 256, (3, *config.shape), dtype=torch.uint8)
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in SEEN.values())
        given = {"pixel_values": (rows.permute(0, 3, 1, 2) / 255 - mean) / deviation}
    else:
        rows = torch.randn(3, *config.shape)
        given = {"input_values": ((rows + 2.4) / 5.6).transpose(1, 2)}
    with torch.no_grad():
        places = model(**given).last_hidden_state
        if places.ndim == 4:
            places = places.flatten(2).transpose(1, 2)
        theirs = torch.nn.functional.normalize(tower.projection(places.mean(dim=1)), dim=1)
        torch.testing.assert_close(tower.eval()(rows), theirs, atol=1e-5, rtol=1e-4)
    alone = tower.train()(rows[:1])
    torch.testing.assert_close(tower(rows)[:1], alone, atol=1e-5, rtol=1e-4)
    tower(rows)[:, 0].sum().backward()
    unlearned = [n for n, p in tower.named_parameters() if p.requires_grad and p.grad is None]
    assert unlearned == []
    assert {id(p) for p in tower.pretrained()} < {id(p) for p in tower.parameters()}
    tower.save(tmp_path / "tower")
    assert {path.suffix for path in (tmp_path / "tower").iterdir()} == {".json", ".safetensors"}
    again = Tower.load(tmp_path / "tower")
    assert_bit_equal(dict(again.state_dict()), dict(tower.state_dict()))
    with torch.no_grad():
        assert torch.equal(again(rows), tower.eval()(rows))


def test_clip_as_a_whole_gives_its_part_for_pictures(tmp_path):
    text = {**VIT, "vocab_size": 20, "eos_token_id": 1, "bos_token_id": 0, "pad_token_id": 1}
    config = transformers.CLIPConfig(
        vision_config={**VIT, "image_size": 16, "patch_size": 8}, text_config=text
    )
    torch.manual_seed(1)
    model = transformers.CLIPModel(config)
    model.save_pretrained(tmp_path)
    known = tower_config("picture", str(tmp_path), 32, dim=6)
    tower = new_tower(known, str(tmp_path))
    ours = {name: t for name, t in tower.network.model.state_dict().items() if t.ndim > 1}
    theirs = [t for name, t in model.state_dict().items() if "vision" in name]
    assert ours
    for name, tensor in ours.items():
        assert any(tensor.shape == t.shape and torch.equal(tensor, t) for t in theirs), name


def test_a_network_from_a_folder_trains(tmp_path):
    folder_of("vit", tmp_path)
    method = simclr_pictures(network=str(tmp_path), dim=6, projection=4)
    assert method.encoder.tower.config.network == "auto"
    assert method.encoder.encode([]).shape == (0, 6)
    assert np.isfinite(method.encoder.of([np.zeros((16, 16, 3), np.uint8)])).all()


def test_folders_that_are_no_network_are_refused(tmp_path):
    transformers.BertConfig(hidden_size=16).save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "model.safetensors").write_bytes(b"")
    folder_of("ast", tmp_path / "ast")
    folder_of("vit", tmp_path / "vit")
    for modality, name, message in (
        ("picture", "none", "No model"),
        ("picture", "bert", "bert"),
        ("picture", "ast", "does not read pictures"),
        ("sound", "vit", "does not read log-mels of 64 bands"),
    ):
        with pytest.raises(InputError, match=message):
            tower_config(modality, str(tmp_path / name), 16)
    config = json.loads((tmp_path / "vit" / "config.json").read_text())
    code = config | {"auto_map": {"AutoModel": "mine.Mine"}}
    (tmp_path / "vit" / "config.json").write_text(json.dumps(code))
    with pytest.raises(InputError, match="auto_map"):
        tower_config("picture", str(tmp_path / "vit"), 16)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"auto_map": {"AutoModel": "mine.Mine"}}, "auto_map"),
        ({"_attn_implementation": "someone/kernel"}, "code of the hub"),
        ({"model_type": "mine"}, "no model of transformers"),
    ],
)
def test_a_saved_tower_cannot_ask_for_code(tmp_path, changed, message):
    folder_of("vit", tmp_path / "vit")
    network = str(tmp_path / "vit")
    new_tower(tower_config("picture", network, 16, dim=6), network).save(tmp_path / "tower")
    file = tmp_path / "tower" / "tower.json"
    content = json.loads(file.read_text())
    content["model"]["config"] |= changed
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        Tower.load(tmp_path / "tower")


def test_the_command_trains_a_network_from_a_folder(sentemb, tmp_path):
    folder_of("vit", tmp_path / "m")
    words = ("train", "--method", "clip", "--dim", 12, "--max-steps", 2, "--batch-size", 8)
    done = sentemb(*words, "--network", "m", "-o", "run")
    assert done.returncode == 0, done.stderr.decode()
    tower = Tower.load(tmp_path / "run" / "picture")
    assert tower.config.size == 16
    start = transformers.ViTModel.from_pretrained(tmp_path / "m", add_pooling_layer=False)
    now, before = tower.network.model.state_dict(), start.state_dict()
    assert not all(torch.equal(now[name], tensor) for name, tensor in before.items())


def test_a_network_that_is_not_there_is_one_line(sentemb, tmp_path):
    command = "train --method clip --max-steps 1 -o run --network resnet"
    assert_refused(sentemb, tmp_path, {}, command, 3, "No model 'resnet'")
