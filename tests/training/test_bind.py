"""Binding: sounds, and texts of another data set, learn to be where pictures are."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import sentemb
from sentemb import Method, Settings, train
from sentemb.datasets.in_memory import InMemory
from sentemb.encoders import build_encoder
from sentemb.errors import InputError, UsageError
from sentemb.evaluation.two_way_retrieval import cross_modal_ranks, unit
from sentemb.jobs.job_data import read
from sentemb.jobs.job_method import build
from sentemb.jobs.train_job import train_job
from sentemb.losses import SymmetricInfoNCE
from sentemb.methods import bind, bind_spokes
from sentemb.methods.bind import towers_of
from sentemb.modalities.captioned import read_captioned
from sentemb.modalities.joined_sounds import GAP, JoinedSounds
from sentemb.modalities.sound_files import SILENCE
from sentemb.modalities.spokes import read_spoke
from sentemb.modalities.towers import Tower
from sentemb.pairs import Pairs
from sentemb.training.collator import NumberedRows
from sentemb.training.mixed import collator_of
from sentemb.twins import Hub, Spokes
from sentemb.twins.cross_modal import SIGNAL
from sentemb.views import Draws
from tests.support import encoders
from tests.support.clip import save_clip
from tests.support.helpers import PowerCut, assert_bit_equal, assert_refused, state, without_dropout
from tests.support.loss_cases import in_float64
from tests.support.processes import run_twice, sentemb_in

Image = pytest.importorskip("PIL.Image", reason="the vision extra is not installed")
SETTINGS = Settings(batch_size=8, learning_rate=1e-3, max_steps=4, save_steps=2)
SMALL = {"frames": 16, "width": 8, "depth": 2}


class Through(torch.nn.Module):
    """A tower that reads vectors."""

    def forward(self, signal, draws=None):
        return signal.flatten(1)


def png(number):
    import io

    file = io.BytesIO()
    Image.new("RGB", (8, 8), (number * 9, 255 - number * 5, number)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    return save_clip(tmp_path_factory.mktemp("hub"), scale=7.0)


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
    return read_captioned(
        InMemory(rows, (), "data"),
        towers_of(hub, {"network": "cnn", "frames": 16, "hub": None, "joined": 0.0}),
    )


def fresh(hub, joined=0.5):
    encoder = build_encoder(hub, device="cpu")
    torch.manual_seed(0)
    return bind(encoder, joined=joined, **SMALL)


@pytest.mark.parametrize("joined", [0.5, pytest.param(0.0, marks=pytest.mark.wide)])
def test_a_run_that_was_cut_goes_on_bit_for_bit_and_moves_the_tower_alone(
    hub, data, tmp_path, joined
):
    whole, cut, resumed = (fresh(hub, joined) for _ in range(3))
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
    card = (tmp_path / "whole" / "README.md").read_text()
    assert "A sentence encoder and a tower of pictures and a tower of sounds trained" in card
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
        towers_of("mini", {"network": "cnn", "frames": 16, "hub": None, "joined": 0.0})


def test_the_hub_of_a_hub_id_and_of_an_object_is_found(hub, monkeypatch):
    options = {"network": "cnn", "frames": 16, "hub": None, "joined": 0.0}
    found = towers_of(hub, options)
    assert towers_of(build_encoder(hub, device="cpu"), options) == found
    monkeypatch.setattr("sentemb.locate._fetch", lambda name: hub)
    assert towers_of("owner/clip", options) == found


def test_two_modalities_at_their_own_scales_have_the_frozen_value(frozen):
    i, j = torch.arange(4.0).double().unsqueeze(1), torch.arange(3.0).double()
    hub = torch.cos((i + 0.5) * (j + 1))
    spokes = (frozen.anchor, 0.07), (frozen.positive, 0.2)
    losses = [
        in_float64(lambda t=t: SymmetricInfoNCE(t))(Pairs(hub, spoke)).item() for spoke, t in spokes
    ]
    assert sum(losses) == pytest.approx(13.5198586868, abs=1e-8)


def test_modalities_that_were_never_paired_have_the_frozen_ranks(frozen):
    sides = [unit(side.numpy()) for side in (frozen.anchor, frozen.positive)]
    own = [np.array([row]) for row in range(4)]
    assert cross_modal_ranks(*sides, own).ranks.tolist() == [1, 1, 1, 2]


def test_equal_pictures_and_sounds_are_no_negatives_and_texts_take_no_part(frozen):
    twin = Hub(encoders.mini(), Through(), Through())

    def side(ids):
        keys = torch.arange(len(ids))
        return {SIGNAL: frozen.anchor[: len(ids)], "row_keys": keys, "text_ids": torch.tensor(ids)}

    one_name, pictures, sounds = side([1, 1, 1]), side([11, 12, 12]), side([21, 21, 22])
    pairs = twin([one_name, pictures, sounds])
    there, back = (one.is_negative(torch.arange(3)) for one in SymmetricInfoNCE().contrasts(pairs))
    assert there.nonzero().tolist() == [[0, 2]]
    assert back.nonzero().tolist() == [[2, 0]]


def test_a_joined_sound_is_paired_with_the_mean_of_both_pictures():
    pictures = torch.nn.functional.normalize(torch.arange(64.0).cos().view(4, 16), dim=1)
    keys = torch.arange(4)
    sounds = torch.full((4, 1, 16), SILENCE)
    for row, length in enumerate((3, 5, 1, 16)):
        sounds[row, 0, :length] = row
    joined = JoinedSounds(0.5)
    twin = Hub(encoders.mini(), Through(), Through(), joined=joined)
    features = [{SIGNAL: side, "row_keys": keys} for side in (pictures, pictures, sounds)]
    pairs = twin.train()(features)
    heard, behind = joined(sounds, Draws(keys).independent())
    assert torch.equal(pairs.positive, heard.flatten(1))
    assert 0 < (behind != keys).sum() < 4
    for row in range(4):
        first, second = pictures[row], pictures[behind[row]]
        torch.testing.assert_close(pairs.anchor[row], (first + second) / (first + second).norm())
        length, other = (int((sounds[n] > SILENCE).sum()) for n in (row, behind[row]))
        expected = sounds[row, 0].clone()
        if behind[row] != row:
            expected[length + GAP : length + GAP + other] = behind[row]
        assert torch.equal(heard[row, 0], expected)
    assert torch.equal(twin.eval()(features).positive, sounds.flatten(1))


def test_a_share_of_the_sounds_is_joined_and_each_is_behind_one():
    sounds, draws = torch.rand(1000, 2, 8), Draws(torch.arange(1000))
    behind = JoinedSounds(0.25)(sounds, draws)[1]
    assert (behind != torch.arange(1000)).float().mean() == pytest.approx(0.25, abs=0.04)
    assert sorted(JoinedSounds(1.0)(sounds, draws)[1].tolist()) == list(range(1000))
    with pytest.raises(UsageError, match="joined"):
        JoinedSounds(1.5)


def assert_same_gradient_by_micro_batches(method, data, rows):
    """Compare the gradients of a batch by whole and by threes."""
    without_dropout(method.encoder)
    found = []
    for micro_batch in (0, 3):
        method.set_micro_batch(micro_batch)
        method.zero_grad()
        batch = collator_of(method, replace(SETTINGS, micro_batch=micro_batch), data)(rows)
        loss = method(**batch)["loss"]
        loss.backward()
        found.append({n: p.grad for n, p in method.named_parameters() if p.grad is not None})
    assert len(found[0]) > 5
    assert max(gradient.abs().max() for gradient in found[0].values()) > 0.01
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], atol=1e-5, rtol=1e-4, msg=name)


def test_micro_batches_of_sounds_have_the_gradient_of_the_batch(hub, data):
    rows = NumberedRows(data.rows)
    assert_same_gradient_by_micro_batches(fresh(hub), data, [rows[n] for n in range(8)])


def test_micro_batches_of_each_spoke_have_the_gradient_of_the_batch(hub, files):
    job = job_of(hub, files, text_rate=1.0)
    data, _ = read(job)
    rows = NumberedRows(data.rows)
    for start in (0, 16):  # of texts, of sounds
        batch = [rows[n] for n in range(start, start + 8)]
        assert_same_gradient_by_micro_batches(build(job, data), data, batch)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pictures with texts, other pictures with sounds, and dev rows that have all three."""
    folder, draw = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    tables = {
        "captions.csv": ["image", "text"],
        "heard.csv": ["image", "sound"],
        "dev.csv": ["image", "sound", "text"],
    }
    for place, (name, columns) in enumerate(tables.items()):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(columns)
            for n in range(16):
                number = place * 16 + n
                (folder / f"{number}.png").write_bytes(png(number % 28))
                of = {"image": f"{number}.png", "sound": f"{number}.wav", "text": f"Row {number}."}
                out.writerow([of[column] for column in columns])
                if "sound" in columns:
                    write_wav(folder / f"{number}.wav", draw)
    return folder


def write_wav(path, draw):
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(draw.integers(-9000, 9000, 3200).astype("<i2").tobytes())


def job_of(hub, files, **options):
    data = {"captions": str(files / "captions.csv"), "heard": str(files / "heard.csv")}
    return train_job(
        "bind", data, str(files / "dev.csv"), SETTINGS, model=str(hub), **SMALL, **options
    )


def test_spokes_have_the_frozen_value_each_at_its_own_scale(frozen):
    i, j = torch.arange(4.0).double().unsqueeze(1), torch.arange(3.0).double()
    twin = Spokes(encoders.mini(), Through(), Through(), freeze="none")
    twin.embed = lambda features, views: [frozen.anchor]
    seen = {SIGNAL: torch.cos((i + 0.5) * (j + 1)), "row_keys": torch.arange(4)}
    heard = {SIGNAL: frozen.positive, "row_keys": torch.arange(4)}
    batches = (([{}, seen], 0.07), ([seen, heard], 0.2))
    losses = [
        in_float64(lambda t=t: SymmetricInfoNCE(t))(twin(features)) for features, t in batches
    ]
    assert sum(losses).item() == pytest.approx(13.5198586868, abs=1e-8)


def test_texts_and_sounds_are_bound_in_one_run_that_resumes_bit_for_bit(hub, files, tmp_path):
    job = job_of(hub, files, text_rate=1.0, mixing="round-robin")
    data, _ = read(job)
    whole, cut, resumed = (build(job, data) for _ in range(3))
    before = state(whole)
    run = train(whole, data, tmp_path / "whole", SETTINGS)
    heard = cut.methods["heard"]
    heard.loss = PowerCut(heard.loss, batches=1)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", SETTINGS)
    train(resumed, data, tmp_path / "cut", SETTINGS, resume=True)
    assert_bit_equal(state(whole), state(resumed))
    changed = {n for n, tensor in state(whole).items() if not torch.equal(tensor, before[n])}
    assert not any(name.startswith("twin.hub.") for name in changed)
    assert {name.split(".")[1] for name in changed} == {"encoder", "tower", "0"}
    assert {"sound_to_text_r10", "picture_to_text_r10"} <= set(run.metrics)
    assert [one["batches"] for one in run.record["data"]["sources"]] == [2, 2]
    of_texts, of_sounds = (method.loss for method in whole.methods.values())
    learned = of_texts.log_inverse_temperature.exp().item()
    assert learned != pytest.approx(1 / 0.07, rel=1e-6)
    assert of_sounds.log_inverse_temperature.exp().item() == pytest.approx(20)
    towers = {name: Tower.load(tmp_path / "whole" / name) for name in ("picture", "sound")}
    assert towers["picture"].config.scale == pytest.approx(learned)
    assert towers["sound"].config.scale == pytest.approx(20)
    model = sentemb.load(str(tmp_path / "whole"))
    sound = model.tower("sound").encode([files / "16.wav"])
    assert [np.linalg.norm(x) for x in (model.encode(["A."]), sound)] == pytest.approx([1, 1])


def test_a_head_of_its_own_where_the_width_differs_and_none_without_texts(hub):
    columns = {"captions": ["text", "picture"], "heard": ["picture", "sound"]}
    methods = bind_spokes(encoders.mini(), columns, hub=str(hub / "picture"), **SMALL)
    twin = methods["heard"].twin
    assert methods["captions"].twin is twin
    assert twin.encoder.get_embedding_dimension() == 12
    assert all(isinstance(method, Method) for method in methods.values())
    of_hub, heard = build_encoder(str(hub), device="cpu"), {"a": ["picture", "sound"]}
    alone = bind_spokes(of_hub, heard, hub=str(hub / "picture"), **SMALL)
    assert not any(p.requires_grad for p in alone["a"].twin.encoder.parameters())
    with pytest.raises(UsageError, match="dimensions and the hub 12"):
        bind_spokes(encoders.mini(), heard, hub=str(hub / "picture"), **SMALL)


def test_dev_rows_are_measured_whatever_their_split_and_need_texts(hub, files, caplog):
    def dev_of(dev, **others):
        data = {
            "captions": str(files / "captions.csv"),
            "heard": str(files / "heard.csv"),
            **others,
        }
        return read(
            train_job("bind", data, dev and str(files / dev), SETTINGS, model=str(hub), **SMALL)
        )[0].dev

    for name in ("dev", "captions", "heard"):
        lines = (files / f"{name}.csv").read_text().splitlines()
        held = [f"{lines[0]},split", f"{lines[1]},train", *(f"{one},test" for one in lines[2:6])]
        (files / f"{name}_held.csv").write_text("\n".join(held) + "\n")
    assert len(dev_of("dev.csv").rows) == 16
    assert len(dev_of("dev_held.csv").rows) == 4
    split = {name: str(files / f"{name}_held.csv") for name in ("captions", "heard")}
    assert len(dev_of(None, **split).rows) == 4
    assert "4 rows of another split in 'heard' are neither trained on nor measured" in caplog.text
    with pytest.raises(UsageError, match="`dev` has no texts"):
        dev_of("heard.csv")


def test_columns_of_other_names_are_read_as_what_they_hold(hub, files):
    configs = towers_of(hub, {"network": "cnn", "frames": 16, "hub": None, "joined": 0.0})
    mel = np.zeros((64, 16), np.float16).tobytes()
    row = {"img": png(1), "snd": mel, "said": "A bird.", "file": str(files / "16.wav")}

    def names(*columns):
        found = read_spoke(InMemory([row], (), "data"), configs, columns)
        return sorted(found.rows.column_names)

    assert names("img", "snd") == names("img", "file") == ["picture", "sound"]
    assert names("img", "said") == ["picture", "text"]
    assert names("img", "snd", "said") == ["picture", "sound", "text"]
    with pytest.raises(InputError, match=r"data, row 1: column 'snd' holds bytes, not a text\."):
        read_captioned(InMemory([row], (), "data"), configs[:1], ["img", "snd"])


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ("captions.csv captions.csv", 2, "None of the data sets captions, captions_2 has sounds"),
        ("captions.csv other.csv", 3, "other.csv has the columns a, b"),
        ("captions.csv heard.csv --columns image,text", 2, "columns are of one data set"),
    ],
)
def test_data_sets_that_cannot_be_bound_are_one_line(
    sentemb, tmp_path, hub, files, data, code, message
):
    given = {"other.csv": "a,b\n1,2\n"}
    words = [
        f"--data {files / w if (files / w).exists() else w}" if w.endswith(".csv") else w
        for w in data.split()
    ]
    command = f"train --method bind --model {hub} --max-steps 1 -o run {' '.join(words)}"
    assert_refused(sentemb, tmp_path, given, command, code, message)


def test_the_command_binds_two_data_sets(sentemb, tmp_path, hub, files):
    small = [str(word) for name, n in SMALL.items() for word in (f"--{name}", n)]
    data = [f"--data={files / name}" for name in ("captions.csv", "heard.csv")]
    done = sentemb(
        *("train", "--method", "bind", "--model", hub, *data, "--hub", "image", "--max-steps", 2),
        *("--batch-size", 4, *small, "--source-weight", "heard=1", "-o", "run"),
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "run" / "sound" / "tower.json").is_file()
    assert (tmp_path / "run" / "modules.json").is_file()


def test_blank_texts_of_a_list_are_counted(hub):
    rows = [{"image": png(1), "text": ["One.", "", None]}, {"image": png(2), "text": ["Two."]}]
    data = read_captioned(InMemory(rows, (), "data"), [Tower.load(hub / "picture").config])
    assert (data.rows["text"][:], data.empty_rows) == (["One.", "Two."], 2)


def test_data_sets_of_sounds_alone_are_bound(hub, files, tmp_path):
    data = {name: str(files / "heard.csv") for name in ("heard", "again")}
    run = sentemb.train("bind", data, tmp_path / "run", model=str(hub), max_steps=2, **SMALL)
    assert run.steps == 2
    assert (tmp_path / "run" / "sound" / "tower.json").is_file()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"joined": 2.0}, r"joined is in \[0, 1\], got 2\.0"),
        ({"hub": "nowhere"}, r"`hub` 'nowhere' has no tower\.json"),
    ],
)
def test_an_option_is_refused_before_anything_is_read(hub, files, tmp_path, option, message):
    with pytest.raises(UsageError, match=message):
        sentemb.train("bind", files / "missing.csv", tmp_path / "run", model=str(hub), **option)


@pytest.mark.long
def test_two_processes_bind_texts_and_sounds_in_turn(tmp_path, hub, files):
    small = [word for name, n in SMALL.items() for word in (f"--{name}", n)]
    words = ("train", "--method", "bind", "--model", hub, "--data", files / "captions.csv",
             "--data", files / "heard.csv", "--mixing", "round-robin", "--batch-size", 4,
             "--epochs", 2, *small, "-o", tmp_path / "run")  # fmt: skip
    run_twice(sentemb_in(tmp_path, *words), tmp_path)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert (record["processes"], record["steps"]) == (2, 8)
    assert [one["batches"] for one in record["data"]["sources"]] == [4, 4]
    assert (tmp_path / "run/sound/tower.json").is_file()
