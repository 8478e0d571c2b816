"""Pictures where tasks take texts: encoded, indexed, found by all ways, labelled, on a map."""

import io
import json
import shutil
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import sentemb
from sentemb.checks import check
from sentemb.errors import InputError, UsageError
from sentemb.modalities.thumbnails import side_of, thumbnail
from sentemb.modalities.tower_encoder import TowerEncoder
from sentemb.modalities.towers import Tower, TowerConfig
from sentemb.storage import sha256
from sentemb.tasks.beyond_text import QueryPart, parts_of, query_vectors
from sentemb.tasks.classify import classify
from sentemb.tasks.index import index
from sentemb.tasks.search import search
from tests.support.clip import save_clip

Image = pytest.importorskip("PIL.Image", reason="the vision extra is not installed")


def png(*colour):
    file = io.BytesIO()
    image = Image.new("RGB", (8, 8), colour)
    image.paste((0, 0, 0), (0, 0, colour[0] % 8, 4))
    image.save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_clip(tmp_path_factory.mktemp("model"), scale=25.0))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    for n in range(6):
        place = folder if n < 4 else folder / "more"
        (place / f"{n}.png").write_bytes(png(n * 40, 255 - n * 40, 9))
    (folder / "notes.txt").write_text("no picture")
    return folder


def vectors_of(model, photos):
    return sentemb.load(model).tower().encode(sorted(photos.rglob("*.png")))


def test_a_folder_is_encoded_in_the_order_of_its_names(model, photos, tmp_path):
    summary = sentemb.load(model).encode_file(photos, tmp_path / "a.npy")
    assert summary.rows == 6
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), vectors_of(model, photos), atol=1e-6)
    sentemb.load(model).encode_file(photos, tmp_path / "a.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in rows][3:5] == ["3.png", "more/4.png"]


def test_a_folder_of_pictures_and_sounds_is_not_guessed(model, photos, tmp_path):
    both = shutil.copytree(photos, tmp_path / "both")
    (both / "more" / "a.wav").write_bytes(b"RIFF")
    words = r"files of pictures \(6\) and files of sounds \(1\): name which are meant as `modality`"
    with pytest.raises(UsageError, match=words):
        sentemb.load(model).encode_file(both, tmp_path / "a.npy")
    encoded = sentemb.load(model).encode_file(both, tmp_path / "a.npy", modality="picture")
    assert encoded.rows == 6
    report = check(both)
    assert (report["errors"], next(iter(report))["rows"]) == (1, 1)


@pytest.mark.parametrize(("limit", "value"), [("ROWS", 2), ("CHARACTERS", 2 * 8 * 8 * 3)])
def test_an_encoding_goes_on_and_notices_another_picture(
    model, photos, tmp_path, monkeypatch, limit, value
):
    copy = shutil.copytree(photos, tmp_path / "copy")
    monkeypatch.setattr(f"sentemb.encoding.windows.{limit}", value)  # two pictures of 8 x 8
    of, calls = TowerEncoder.of, []

    def cut(self, rows):
        calls.append(len(rows))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return of(self, rows)

    monkeypatch.setattr(TowerEncoder, "of", cut)
    encoder = sentemb.load(model)
    with pytest.raises(KeyboardInterrupt):
        encoder.encode_file(copy, tmp_path / "b.npy")
    kept = (copy / "0.png").read_bytes()
    (copy / "0.png").write_bytes(png(9, 9, 9))
    with pytest.raises(UsageError, match="are not those"):
        encoder.encode_file(copy, tmp_path / "b.npy")
    (copy / "0.png").write_bytes(kept)
    encoder.encode_file(copy, tmp_path / "b.npy")
    assert sum(calls[3:]) < 6
    np.testing.assert_allclose(np.load(tmp_path / "b.npy"), vectors_of(model, photos), atol=1e-6)


def test_a_table_may_hold_bytes_or_names(model, photos, tmp_path):
    rows = [{"image": path.read_bytes(), "id": path.name} for path in sorted(photos.glob("*.png"))]
    encoder = sentemb.load(model)
    encoder.encode_file(rows, tmp_path / "a.parquet", modality="picture")
    (photos / "names.csv").write_text("image,stars\n0.png,3\n1.png,4\n2.png,5\n3.png,1\n")
    encoder.encode_file(photos / "names.csv", tmp_path / "b.npy", modality="picture")
    (photos / "names.csv").unlink()
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pydict()
    assert table["id"] == ["0.png", "1.png", "2.png", "3.png"]
    np.testing.assert_allclose(np.stack(table["embedding"]), np.load(tmp_path / "b.npy"), atol=1e-6)


def test_a_picture_that_cannot_be_read_is_named_by_the_row_of_its_file(model, tmp_path):
    for number, content in enumerate((png(1, 2, 3), png(4, 5, 6), png(1, 2, 3)[:60])):
        (tmp_path / f"{number}.png").write_bytes(content)
    (tmp_path / "table.csv").write_text("image\n0.png\n1.png\n2.png\n")
    with pytest.raises(InputError, match=r"^Row 4 \('2\.png .*a damaged picture"):
        sentemb.load(model).encode_file(
            tmp_path / "table.csv", tmp_path / "out.npy", modality="picture"
        )


def test_pictures_are_found_by_text_by_example_and_by_both(model, photos, tmp_path):
    made = index(photos, tmp_path / "a.index", model)
    assert len(made.vectors) == 6
    hits = search([f"image:{photos / '2.png'}", "a bird"], made, k=2)["hits"]
    assert (hits[0]["text"], hits[0]["score"]) == ("2.png", pytest.approx(1, abs=1e-5))
    assert len(hits) == 4
    both = f"image:{photos / '2.png'} + text:a bird"
    (vector,) = query_vectors([both], sentemb.load(model), 12)
    text = sentemb.load(model).encode("a bird", normalize=True)
    expected = vectors_of(model, photos)[2] + text
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)
    assert index(photos, tmp_path / "a.index", model).inputs == made.inputs


@pytest.fixture
def retrained(model, tmp_path):
    """The same encoder of texts, with another tower."""
    folder = tmp_path / "retrained"
    shutil.copytree(model, folder)
    torch.manual_seed(1)
    tower = Tower(Tower.load(Path(model) / "picture").config)
    shutil.rmtree(folder / "picture")
    tower.save(folder / "picture", scale=25.0)
    return str(folder)


def test_vectors_of_two_towers_are_not_mixed(model, retrained, photos, tmp_path):
    assert sentemb.load(model).fingerprint == sentemb.load(retrained).fingerprint
    path, query = tmp_path / "a.index", f"image:{photos / '2.png'}"
    of_pictures = index(photos, path, model)
    index(["a bird", "a bus"], tmp_path / "texts.index", model)
    for rows, modality in ((photos / "more", "picture"), (["a bird"], None)):
        with pytest.raises(UsageError, match="was made with model"):
            index(rows, path, retrained, add=True, modality=modality)
    for made in (of_pictures, path):
        with pytest.raises(InputError, match="is not, or no longer"):
            search(query, made, k=1, model=retrained)
    added = index(["a bird"], path, model, add=True)
    with pytest.raises(InputError, match="is not, or no longer"):
        search(query, added, k=1, model=retrained)
    assert search(query, path, k=1)["hits"][0]["text"] == "2.png"
    assert search(query, tmp_path / "texts.index", k=1, model=retrained)["hits"]


def test_pictures_are_encoded_only_where_an_index_needs_them(
    model, retrained, photos, tmp_path, monkeypatch
):
    folder, path = tmp_path / "photos", tmp_path / "a.index"
    shutil.copytree(photos, folder)
    index(folder, path, model)
    encoded = []
    of = TowerEncoder.of
    monkeypatch.setattr(TowerEncoder, "of", lambda *given: encoded.append(1) or of(*given))
    before = {file: sha256(file) for file in path.iterdir()}
    index(folder, path, model)
    for words, given in (
        ("made with model", {"model": retrained}),
        ("made with column", {"column": "file_name"}),
        ("made with method", {"method": "int8"}),
    ):
        with pytest.raises(UsageError, match=words):
            index(folder, path, **{"model": model} | given)
    (folder / "0.png").write_bytes(png(9, 9, 9))
    with pytest.raises(UsageError, match="holds other rows"):
        index(folder, path, model)
    assert not encoded
    assert {file: sha256(file) for file in path.iterdir()} == before
    assert {one.name for one in tmp_path.iterdir()} == {"a.index", "photos", "retrained"}


def test_a_saved_model_has_its_towers(model, photos, tmp_path):
    encoder = sentemb.load(model)
    encoder.save(tmp_path / "copy")
    assert sentemb.load(tmp_path / "copy").modalities() == ["picture"]
    np.testing.assert_array_equal(vectors_of(tmp_path / "copy", photos), vectors_of(model, photos))
    sentemb.load(encoder.as_sentence_transformer()).save(tmp_path / "alone")
    assert sentemb.load(tmp_path / "alone").modalities() == []  # an object may have been trained


def test_an_uploaded_model_has_its_towers(model, photos, monkeypatch, tmp_path):
    from sentence_transformers import SentenceTransformer

    def uploaded(self, repo, *, private, local_model_path):
        assert (repo, private) == ("me/clip", True)
        shutil.copytree(local_model_path, tmp_path / "hub")
        return "url"

    monkeypatch.setattr(SentenceTransformer, "push_to_hub", uploaded)
    assert sentemb.load(model).push_to_hub("me/clip", private=True) == "url"
    np.testing.assert_array_equal(vectors_of(tmp_path / "hub", photos), vectors_of(model, photos))
    assert sentemb.load(tmp_path / "hub").encode(["a"]).shape == (1, 12)


def test_towers_of_a_hub_id_are_found(model, monkeypatch):
    monkeypatch.setattr("sentemb.locate._fetch", lambda name: Path(model))
    encoder = sentemb.load("owner/clip")
    for _ in range(2):
        assert encoder.modalities() == ["picture"]
        assert encoder.tower().modality == "picture"
        encoder.as_sentence_transformer()


def test_parts_of_a_query():
    assert parts_of("a + b") == [QueryPart(1, None, "a + b")]
    assert parts_of("image:a b.png - text:red + audio:c.wav") == [
        QueryPart(1, "picture", "a b.png"),
        QueryPart(-1, None, "red"),
        QueryPart(1, "sound", "c.wav"),
    ]
    with pytest.raises(InputError, match="nothing behind"):
        parts_of("image: + text:a")


def test_a_sum_weighs_each_part_alike_whatever_its_length():
    i, j = np.arange(2)[:, None], np.arange(3)
    a, b = np.sin((i + 1) * (j + 2))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    encoder = SimpleNamespace(
        modalities=lambda: ["picture"],
        encode=lambda texts, **_: b[None],
        tower=lambda _: SimpleNamespace(encode=lambda _: 20 * a[None]),  # as at a scale of 20
    )
    (found,) = query_vectors(["image:a.png + text:b"], encoder, 3)
    assert [found @ a, found @ b] == pytest.approx([0.1210939331] * 2, abs=1e-6)


def test_queries_that_cannot_be_say_why(model, photos):
    encoder = sentemb.load(model)
    for query, words in (
        ("text:a bird - text:a bird", "cancel"),
        ("image:none.png", r"^Query part 'none\.png': cannot read 'none\.png' \([^)]*\)\.$"),
        ("image:none.png + red", r"Before each part stands image:, audio: or text:\.$"),
        ("audio:a.wav", "no sounds"),
    ):
        with pytest.raises(InputError, match=words):
            query_vectors([query], encoder, 12)
    with pytest.raises(InputError, match="no pictures"):
        query_vectors([f"image:{photos / '0.png'}"], sentemb.load("mini"), 12)


def test_pictures_are_labelled_by_texts_at_the_learned_scale(model, photos):
    found = classify(photos, ["a cat", "a bus"], model=model, template=["{}", "a photo of {}"])
    assert [row["text"] for row in found.rows][:2] == ["0.png", "1.png"]
    sure = classify(photos, ["a cat", "a bus"], model=model, abstain_by="probability")
    encoder = sentemb.load(model)
    labels = encoder.encode(["a photo of a cat.", "a photo of a bus."], normalize=True)
    cosines = vectors_of(model, photos) @ labels.T
    asked = {"abstain_by": "probability", "temperature": 0.05}  # which is the default of texts
    given = classify(photos, ["a cat", "a bus"], model=model, **asked)
    for found, scale in ((sure, 25), (given, 20)):
        odds = np.exp(scale * cosines) / np.exp(scale * cosines).sum(axis=1, keepdims=True)
        assert [row["score"] for row in found.rows] == pytest.approx(odds.max(axis=1), abs=1e-4)


def test_sounds_are_labelled_by_texts_about_sounds(model, tmp_path):
    folder = shutil.copytree(model, tmp_path / "model")
    Tower(TowerConfig("sound", size=16, width=8, depth=1, dim=12)).save(folder / "sound", 20.0)
    draw = np.random.default_rng(0)
    rows = [{"sound": draw.random((64, 16)).astype(np.float16).tobytes()} for _ in range(3)]
    asked = {"model": str(folder), "modality": "sound"}
    found = classify(rows, ["a cat", "a bus"], **asked)
    same = classify(rows, ["a cat", "a bus"], template="This is a sound of {}.", **asked)
    assert found.rows == same.rows
    others = classify(rows, ["a cat", "a bus"], template="a photo of {}.", **asked)
    assert found.rows != others.rows


def test_zero_shot_labels_have_the_frozen_values():
    from sentemb.tasks.zero_shot import label_vectors

    raw = {
        f"{c} {q}": [(1 + q) * np.sin((c + 1) * (q + 1.5) * (j + 1)) for j in range(3)]
        for c in range(2)
        for q in range(3)
    }
    labels = {"zero": ["0"], "one": ["1"]}
    encode = lambda texts: np.array([raw[text] for text in texts])  # noqa: E731
    found = label_vectors(labels, encode, ["{} 0", "{} 1", "{} 2"])
    assert found[0] == pytest.approx([0.7038633818, 0.0152997129, -0.7101705841], abs=1e-8)
    i, j = np.arange(4)[:, None], np.arange(3)
    z1 = np.sin((i + 1) * (j + 2))
    z1 = z1 / np.linalg.norm(z1, axis=1, keepdims=True)
    assert (z1 @ found.T)[0] == pytest.approx([0.9901101392, -0.6555530028], abs=1e-8)
    assert (z1 @ found.T).argmax(axis=1).tolist() == [0, 1, 0, 0]


def test_a_map_shows_each_picture_once(model, photos, tmp_path):
    found = sentemb.map(photos, model, clusters=2)
    assert found.title == f"6 pictures of {photos.name} by principal components"
    assert found.texts[3:5] == ["3.png", "more/4.png"]
    page = found.save(tmp_path / "a.html").read_text()
    assert [page.count(b64encode(small).decode()) for small in found.thumbnails] == [1] * 6
    assert "Search the pictures" in page
    opened = [Image.open(io.BytesIO(small)) for small in found.thumbnails]
    assert {(one.format, one.size) for one in opened} == {("WEBP", (128, 128))}
    assert np.abs(np.array(opened[4].convert("RGB"))[100, 64] - [160.0, 95, 9]).max() < 12
    assert found.to_dict()["pictures"] == 6
    assert next(iter(found.to_pandas())) == "picture"


def test_captions_stand_behind_names_and_models_side_by_side(model, photos):
    rows = [
        {"image": str(path), "caption": ["a bird", "two"], "kind": n % 2}
        for n, path in enumerate(sorted(photos.glob("*.png")))
    ]
    found = sentemb.map(rows, [model, model], modality="picture", color_by="kind", clusters=2)
    assert found.texts[1] == f"{photos / '1.png'}: a bird"
    assert found.colorings["kind"] == ["0", "1", "0", "1"]
    assert len(found.points) == 2
    assert len(found.thumbnails) == 4


def test_a_map_is_drawn_with_its_pictures(model, photos, tmp_path):
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    found = sentemb.map(photos, model, clusters=2)
    drawn = np.array(Image.open(found.save(tmp_path / "a.png")).convert("RGB"), dtype=int)
    for number in (1, 5):
        colour = np.array([number * 40, 255 - number * 40, 9])
        assert (np.abs(drawn - colour).max(axis=2) < 12).sum() > 50


def test_thumbnails_of_noise_leave_a_page_below_ten_megabytes():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    for count in (500, 2_000, 5_000):
        assert len(thumbnail(file.getvalue(), side_of(count))) * count * 4 / 3 < 9_500_000


def test_a_map_of_pictures_that_cannot_be(model, photos, tmp_path):
    with pytest.raises(InputError, match="reads texts alone, no pictures"):
        sentemb.map(photos, "mini")
    with pytest.raises(UsageError, match="modality is one of"):
        sentemb.map(photos, model, modality="smell")
    (tmp_path / "0.png").write_bytes(png(1, 2, 3)[:60])
    with pytest.raises(InputError, match=r"row 1: a damaged picture"):
        sentemb.map(tmp_path, model)
