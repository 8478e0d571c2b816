"""CoCa: its loss against values and a loop, micro-batches, exact resume, what is saved."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

import sentemb
from sentemb import Settings, train
from sentemb.bundled import bundled
from sentemb.decoders import load_decoder
from sentemb.decoders.caption_decoder import CaptionReader, load_captions
from sentemb.errors import InputError, UsageError
from sentemb.losses import CrossEntropy, Sum, SymmetricInfoNCE
from sentemb.methods import coca
from sentemb.modalities.captioned import read_captioned
from sentemb.modalities.captioner import CaptionerConfig, new_captioner
from sentemb.modalities.towers import Tower, TowerConfig
from sentemb.training.collator import NumberedRows
from sentemb.training.held_out import loss_of
from sentemb.training.mixed import collator_of
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, assert_refused, state, without_dropout

pytest.importorskip("PIL", reason="the vision extra is not installed")
SETTINGS = Settings(batch_size=8, learning_rate=1e-3, max_steps=4, save_steps=2)
SMALL = {"size": 8, "width": 8, "depth": 2, "dim": 12, "queries": 3, "caption_layers": 1}


@pytest.fixture(scope="module")
def data():
    whole = read_captioned(bundled("pictures.parquet"), [TowerConfig(size=8, depth=2)])
    return replace(whole, rows=whole.rows.select(range(40)))


def fresh(**options):
    torch.manual_seed(0)
    return coca(encoders.mini(), **{**SMALL, **options})


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coca") / "run"
    return train(fresh(), data, folder, SETTINGS)


def batch_of(data, rows=6):
    """The collator's batch of some rows, as all methods here see them."""
    collator = collator_of(fresh(), SETTINGS, data)
    return collator([NumberedRows(data.rows)[n] for n in range(rows)])["views"]


@pytest.fixture
def of_captions():
    """Logits and labels of two captions: all but the last place, all but the first token."""
    b, t, v = np.meshgrid(np.arange(2), np.arange(4), np.arange(7), indexing="ij")
    logits = torch.from_numpy(2 * np.sin((b + 1.0) * (t + 1) * (v + 1)))
    ids = torch.tensor([[1, 5, 2, 0], [1, 3, 6, 2]])
    labels = torch.where(ids == 0, -100, ids)
    return logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()


def test_the_loss_has_its_value(frozen, of_captions):
    logits, labels = of_captions
    pairs = replace(frozen, negatives=None, logits=logits, labels=labels)
    assert CrossEntropy()(pairs).item() == pytest.approx(2.5015596334, abs=1e-10)
    both = Sum((CrossEntropy(), SymmetricInfoNCE(0.07).double()), (2.0, 1.0))(pairs)
    assert sum(both.values()).item() == pytest.approx(5.2847423180, abs=1e-7)


def test_the_loss_has_its_gradient(frozen, of_captions):
    logits, labels = of_captions
    loss = Sum((CrossEntropy(), SymmetricInfoNCE(0.07).double()), (2.0, 1.0))

    def value(logits, anchor):
        pairs = replace(frozen, anchor=anchor, negatives=None, logits=logits, labels=labels)
        return sum(loss(pairs).values())

    inputs = logits.requires_grad_(), frozen.anchor.clone().requires_grad_()
    assert torch.autograd.gradcheck(value, inputs)


@torch.no_grad()
def test_the_loss_is_that_of_a_loop_over_rows_and_tokens(data):
    """Twice the mean over real tokens, each from its picture alone and the tokens before."""
    method = without(fresh()).double().eval()
    text, pictures = batch_of(data)
    outputs = method([text, pictures])
    twin, terms, vectors = method.twin, [], []
    for row, picture in enumerate(pictures["signal"]):
        ids = text["input_ids"][row][text["attention_mask"][row].bool()]
        places = twin.tower.places(picture[None])
        vectors.append(twin.tower.of_places(places)[0])
        seen = twin.captioner.tokens(twin.tower, places)
        for place in range(1, len(ids)):
            logits = twin.captioner.language_model(
                input_ids=ids[None, :place], encoder_hidden_states=seen
            ).logits[0, -1]
            terms.append(-torch.log_softmax(logits, 0)[ids[place]])
    words = torch.nn.functional.normalize(method.encoder(dict(text))["sentence_embedding"], dim=1)
    scores = torch.stack(vectors) @ words.T / 0.07
    targets = torch.arange(len(scores))
    both = [torch.nn.functional.cross_entropy(x, targets) for x in (scores, scores.T)]
    captions = torch.stack(terms).mean()
    assert float(outputs["CrossEntropy"]) == pytest.approx(2 * float(captions), abs=1e-8)
    assert float(outputs["loss"]) == pytest.approx(
        float(2 * captions + sum(both) / 2),
        abs=1e-6,  # the scale is a float32 parameter
    )


def without(method):
    without_dropout(method.encoder)
    return method


def test_padding_and_what_is_behind_the_greatest_length_are_not_read(data):
    method = without(fresh()).eval()
    text, pictures = batch_of(data)
    before = method.twin([text, pictures], method.views)
    padded = {
        name: torch.nn.functional.pad(tensor, (0, 3)) if tensor.ndim == 2 else tensor
        for name, tensor in text.items()
    }
    padded["input_ids"][:, -3:] = 7
    after = method.twin([padded, pictures], method.views)
    loss = CrossEntropy()
    torch.testing.assert_close(loss(before), loss(after))
    short = without(fresh(caption_length=4)).eval()
    pairs = short.twin([text, pictures], short.views)
    assert len(pairs.labels) == 3 * len(text["input_ids"])


def test_the_queries_of_captions_share_the_attention_of_the_vector():
    tower = Tower(TowerConfig(size=8, width=8, depth=2, dim=6, pooling="attention")).double()
    captioner = new_captioner(CaptionerConfig(0, 1, 16, queries=3, layers=1), 9).double()
    places = torch.randn(2, 4, 16, dtype=torch.float64)
    whole = type(tower.pooling)(16, queries=4).double()
    whole.load_state_dict(
        {**tower.pooling.state_dict(), "query": torch.cat([tower.pooling.query, captioner.queries])}
    )
    each = whole.each(places)
    torch.testing.assert_close(each[:, 0], tower.pooling(places))
    torch.testing.assert_close(each[:, 1:], captioner.tokens(tower, places))


def test_micro_batches_change_neither_loss_nor_gradient(data):
    method, found = without(fresh()), []
    rows = NumberedRows(data.rows)
    for micro_batch in (0, 3):
        method.zero_grad()
        method.set_micro_batch(micro_batch)
        loss = loss_of(method, [rows[n] for n in range(8)], collator_of(method, SETTINGS, data))
        loss.backward()
        found.append([loss.detach(), *(p.grad.clone() for p in method.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("micro_batch", [0, pytest.param(4, marks=pytest.mark.wide)])
def test_a_run_that_was_cut_goes_on_bit_for_bit(micro_batch, data, tmp_path):
    settings = replace(SETTINGS, micro_batch=micro_batch)
    whole, cut, resumed = (fresh() for _ in range(3))
    before = state(whole)
    train(whole, data, tmp_path / "whole", settings)
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", settings)
    train(resumed, data, tmp_path / "cut", settings, resume=True)
    assert_bit_equal(state(whole), state(resumed))
    changed = {name for name, x in state(whole).items() if not torch.equal(x, before[name])}
    for part in "tower.pooling", "captioner.queries", "captioner.language_model", "encoder":
        assert any(f"twin.{part}" in name for name in changed), part


def test_the_folder_is_a_text_encoder_with_a_tower_and_captions(trained):
    folder = trained.output
    plain = SentenceTransformer(str(folder), device="cpu")
    texts = ["A red bus.", "A cat."]
    np.testing.assert_allclose(plain.encode(texts), trained.model.encode(texts), atol=1e-6)
    assert sentemb.load(folder).modalities() == ["picture"]
    assert trained.metrics["picture_to_text_r10_chance"] == pytest.approx(1000 / 86, abs=1e-3)
    decoder = load_captions(folder / "captions")
    assert decoder.tower.config.pooling == "attention"
    assert {path.name for path in (folder / "captions").iterdir()} >= {
        "config.json", "decoder.json", "model.safetensors", "queries.safetensors", "tokenizer.json",
    }  # fmt: skip


def photos_in(folder, count=5):
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(bundled("pictures.parquet")).to_pylist()[:count]
    folder.mkdir()
    for number, row in enumerate(rows):
        (folder / f"{number}.png").write_bytes(row["image"])
    return folder


@pytest.fixture
def photos(tmp_path):
    return photos_in(tmp_path / "photos")


def test_captions_are_greedy_steps_of_the_whole_model(trained, photos):
    """A cache and beams change nothing: each token is the likeliest behind those before."""
    decoder = load_captions(trained.output / "captions")
    found = sentemb.decode(trained.output / "captions", photos)
    assert [row["source"] for row in found.rows] == [f"{n}.png" for n in range(5)]
    pixels = sentemb.tasks.to_decode.pictures_to_decode(
        photos, "text", None, decoder.tower.config
    ).rows(None, None)
    assert len(pixels) == 5
    for row in range(2):
        seen = decoder.captioner.tokens(
            decoder.tower, decoder.tower.places(torch.from_numpy(pixels[row : row + 1]))
        )
        ids = [decoder.config.start]
        for _ in range(decoder.max_length):
            logits = decoder.captioner.language_model(
                input_ids=torch.tensor([ids]), encoder_hidden_states=seen
            ).logits[0, -1]
            ids.append(int(logits.argmax()))
            if ids[-1] == decoder.end:
                break
        assert found.texts[row] == decoder.text_of([one for one in ids[1:] if one != decoder.end])


def test_a_cache_follows_beams(trained, photos):
    decoder = load_captions(trained.output / "captions")
    lm, width = decoder.captioner.language_model, decoder.config.width
    torch.manual_seed(0)
    seen = torch.randn(3, 2, width)
    reader = CaptionReader(lm, seen, decoder.config.start)
    with torch.no_grad():
        reader.start()
        reader.follow(torch.tensor([0, 1, 2]), torch.tensor([5, 6, 7]))
        found = reader.follow(torch.tensor([2, 0, 0]), torch.tensor([8, 9, 10]))
        for row, (parent, ids) in enumerate([(2, [7, 8]), (0, [5, 9]), (0, [5, 10])]):
            given = torch.tensor([[decoder.config.start, *ids]])
            logits = lm(input_ids=given, encoder_hidden_states=seen[parent][None]).logits[0, -1]
            torch.testing.assert_close(found[row], torch.log_softmax(logits, 0))


def test_beams_samples_cosines_and_tables(trained, photos):
    pictures = sorted(photos.iterdir())[:2]
    from_list = sentemb.decode(trained, pictures, modality="picture", beams=2, guidance=1.0,
                               cosines=True)  # fmt: skip
    assert all(-1 <= row["cosine"] <= 1 for row in from_list.rows)
    (photos / "table.csv").write_text("file_name,name\n0.png,a\n1.png,b\n")
    table = {"modality": "picture", "samples": 2, "seed": 3}
    found = sentemb.decode(trained, photos / "table.csv", **table)
    assert [row["source"] for row in found.rows] == ["0.png", "0.png", "1.png", "1.png"]


def test_a_saved_model_has_its_captions(trained, photos, tmp_path):
    sentemb.load(trained.output).save(tmp_path / "copy")
    assert sentemb.decode(tmp_path / "copy", photos).texts == sentemb.decode(trained, photos).texts


def test_a_model_that_is_bound_keeps_its_captions(trained, photos, tmp_path):
    draw = np.random.default_rng(0)
    rows = [
        {
            "image": path.read_bytes(),
            "sound": draw.standard_normal((64, 12)).astype(np.float16).tobytes(),
            "text": path.name,
        }
        for path in sorted(photos.iterdir())
    ]
    few = {"frames": 16, "width": 8, "depth": 2, "max_steps": 1, "batch_size": 4}
    sentemb.train("bind", rows, tmp_path / "bound", model=str(trained.output), **few)
    found = sentemb.decode(tmp_path / "bound", photos)
    assert found.texts == sentemb.decode(trained, photos).texts


def test_what_captions_cannot_read(trained, photos, tmp_path):
    folder = trained.output / "captions"
    with pytest.raises(UsageError, match="reads pictures: give a folder"):
        sentemb.decode(folder, np.zeros((2, 12)))
    with pytest.raises(UsageError, match="`model` has no effect"):
        sentemb.decode(folder, photos, model="mini", cosines=True)
    with pytest.raises(InputError, match="reads pictures, not vectors"):
        load_decoder(folder)
    (photos / "3.png").write_bytes(b"no")
    with pytest.raises(InputError, match="row 4: not a picture"):
        sentemb.decode(folder, photos)
    with pytest.raises(UsageError, match="queries of a captioner is 1 or more, got 0"):
        fresh(queries=0)


def test_captions_know_their_tower(trained, photos, tmp_path):
    import shutil

    shutil.copytree(trained.output, tmp_path / "other")
    Tower(load_captions(trained.output / "captions").tower.config).save(tmp_path / "other/picture")
    with pytest.raises(InputError, match="trained with another tower"):
        sentemb.decode(tmp_path / "other/captions", photos)


def test_the_command_trains_and_the_example_decodes(sentemb, tmp_path):
    small = ("--size", 8, "--width", 8, "--depth", 2, "--dim", 12, "--caption-layers", 1)
    done = sentemb("train", "--method", "coca", "--max-steps", 2, *small, "-o", "runs/coca")
    assert done.returncode == 0, done.stderr.decode()
    record = json.loads((tmp_path / "runs/coca/run.json").read_text())
    assert record["method_options"]["caption_weight"] == 2.0
    photos_in(tmp_path / "photos", 3)
    done = sentemb("decode", "runs/coca", "photos", "-o", "captions.jsonl")
    assert done.returncode == 0, done.stderr.decode()
    rows = [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()]
    assert [row["source"] for row in rows] == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [("--queries 0", "queries of a captioner is 1 or"), ("--text-rate 0", "--text-rate is in")],
)
def test_options_out_of_their_range_are_one_line(sentemb, tmp_path, words, message):
    command = f"train --method coca --max-steps 1 -o run {words}"
    assert_refused(sentemb, tmp_path, {}, command, 2, message)
