"""Pictures on the command line: encoded, indexed, searched, labelled; and what is refused."""

import base64
import io
import json
import re
import shutil
from inspect import signature

import numpy as np
import pytest

from sentemb import load
from sentemb.bundled import bundled
from sentemb.checks.signal_checks import SIDE
from sentemb.errors import InputError, NumericError
from sentemb.methods import clip, coca, lit
from sentemb.modalities.two_way_tables import read_two_way
from sentemb.suites.tasks import read_tasks
from tests.support.clip import save_clip
from tests.support.helpers import assert_refused

Image = pytest.importorskip("PIL.Image", reason="the vision extra is not installed")


def png(size, colour, mode="RGB", kind="PNG"):
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return save_clip(tmp_path_factory.mktemp("model"))


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(png((9, 9), (number * 90, 255 - number * 90, 5)))
    return folder


def test_a_folder_is_encoded_indexed_searched_and_labelled(sentemb, trained, photos, tmp_path):
    for words in (
        ("encode", "photos", "-o", "a.jsonl"),
        ("index", "photos", "-o", "photos.index"),
        ("classify", "photos", "--labels", "labels.txt", "--template", "a {}", "-o", "b.jsonl"),
    ):
        (tmp_path / "labels.txt").write_text("bird\nbus\n")
        done = sentemb(*words, "--model", trained)
        assert done.returncode == 0, done.stderr.decode()
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in rows] == ["0.png", "1.png", "2.png"]
    assert np.linalg.norm(rows[0]["embedding"]) == pytest.approx(1, abs=1e-5)
    for words in (["--image", "photos/1.png"], ["image:photos/1.png + text:a bus"], ["a bus"]):
        done = sentemb("search", *words, "photos.index", "-k", 2, "--json")
        assert len(json.loads(done.stdout)["hits"]) == 2, done.stderr.decode()


WRONG = {
    "damaged": (png((64, 64), (1, 2, 3))[:60], "damaged"),
    "of one pixel": (png((1, 1), (0, 0, 0)), "1 × 1 pixels"),
    "for a printer": (png((9, 9), (0, 0, 0, 0), "CMYK", "JPEG"), "CMYK"),
    "a text": (b"A bird.", "not a picture"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_picture_that_cannot_be_read_is_named(sentemb, trained, photos, what, tmp_path):
    content, words = WRONG[what]
    (photos / "1.png").write_bytes(content)
    done = sentemb("encode", "photos", "--model", trained, "-o", "a.npy")
    assert done.returncode == 3
    line = done.stderr.decode().strip().splitlines()[-1]
    assert "Row 2 ('1.png" in line
    assert words in line
    assert not (tmp_path / "a.npy").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("encode photos", 3, "reads texts alone, no pictures"),
        ("encode photos --modality sound --model {}", 3, "reads texts and pictures, no sounds"),
        ("encode photos --modality smell --model {}", 2, "modality is one of"),
        ("encode empty --model {}", 3, "empty"),
        ("encode photos --fast static --model {}", 2, "--fast is of texts"),
        ("encode photos -o - --model {}", 2, "from a name to a file"),
        ("map photos", 3, "reads texts alone, no pictures"),
        ("map photos --modality sound --model {}", 3, "reads texts and pictures, no sounds"),
        ("map photos --modality smell --model {}", 2, "modality is one of"),
        ("map empty --model {}", 3, "empty"),
        ("search image:none.png photos.txt", 3, "no pictures"),
        ("study temperature --method clip --max-steps 1 -o s", 2, "use `train`"),
    ],
)
def test_what_cannot_be_done_with_pictures_says_why(
    sentemb, trained, photos, tmp_path, words, code, message
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos.txt").write_text("A bird.\nA bus.\n")
    assert_refused(sentemb, tmp_path, {}, words.format(trained), code, message)


def test_a_folder_is_a_page_and_a_damaged_picture_leaves_none(sentemb, trained, photos, tmp_path):
    words = ["map", "photos", "--model", trained, "--clusters", 2]
    done = sentemb(*words, "--json")
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert (found["files"], found["pictures"]) == (["photos.html"], 3)
    page = (tmp_path / "photos.html").read_text()
    (data,) = re.findall(r'id="data">(.*?)</script>', page, re.S)
    held = [base64.b64decode(each) for each in json.loads(data)["pictures"]]
    assert [Image.open(io.BytesIO(each)).size for each in held] == [(128, 128)] * 3
    (photos / "1.png").write_bytes(WRONG["damaged"][0])
    done = sentemb(*words, "-o", "again.html")
    assert (done.returncode, b"row 2: a damaged picture" in done.stderr) == (3, True)
    assert not (tmp_path / "again.html").exists()


def test_check_names_every_row_that_cannot_be_read(sentemb, photos):
    for number, (content, _) in enumerate(WRONG.values(), 3):
        (photos / f"{number}.png").write_bytes(content)
    done = sentemb("check", "photos", "--json")
    assert done.returncode == 1
    (file,) = json.loads(done.stdout)["files"]
    found = {problem["message"]: problem["first"] for problem in file["problems"]}
    assert [rows for message, rows in found.items() if "CMYK" in message] == [[6]]
    assert sorted(row for rows in found.values() for row in rows) == [4, 5, 6, 7]


def test_check_reads_a_table_of_pictures(sentemb, photos):
    rows = ["0.png,a bird", "none.png,a bus", "1.png,", "2.png,a tree", "no.png,a tree"]
    (photos / "metadata.csv").write_text("\n".join(["file_name,caption", *rows]))
    done = sentemb("check", "photos", "--json")
    assert done.returncode == 1
    (file,) = json.loads(done.stdout)["files"]
    found = {one["message"]: one["first"] for one in file["problems"] if one["severity"] == "error"}
    assert found == {"there is no file 'none.png'": [3, 6], "column 'caption' has no text": [4]}


def test_check_reads_any_table_that_names_pictures(sentemb, photos):
    (photos / "pics.csv").write_text("file_name,caption\n0.png,a bird\nnone.png,a bus\n")
    (photos / "other.csv").write_text("path,title_en\n0.png,a bird\n1.gif,a bus\n")
    for words, errors in (
        (["pics.csv"], {"there is no file 'none.png'"}),
        (["other.csv", "--columns", "path,title_en"], {"there is no file '1.gif'"}),
    ):
        done = sentemb("check", photos / words[0], *words[1:], "--json")
        assert done.returncode == 1, done.stdout
        (file,) = json.loads(done.stdout)["files"]
        found = {one["message"] for one in file["problems"] if one["severity"] == "error"}
        assert found == errors


def errors_of(sentemb, *words):
    done = sentemb("check", *words, "--json")
    (file,) = json.loads(done.stdout)["files"]
    found = {one["message"]: one["first"] for one in file["problems"] if one["severity"] == "error"}
    assert done.returncode == bool(found), done.stderr.decode()
    return found


@pytest.mark.parametrize(
    ("header", "options"),
    [("image,sentence", ()), ("image,caption", ("--columns", "image,caption"))],
)
def test_check_and_train_know_the_same_captions(sentemb, photos, header, options):
    (photos / "a.csv").write_text(f"{header}\n0.png,a bird\n1.png,\n2.png,a bus\n")
    message = f"column '{header.partition(',')[2]}' has no text"
    assert errors_of(sentemb, photos / "a.csv", *options) == {message: [3]}
    words = ["train", "--method", "clip", "--data", photos / "a.csv", *options, "-o", "run"]
    done = sentemb(*words)
    assert (done.returncode, f"row 3: {message}" in done.stderr.decode()) == (3, True)
    assert not (photos.parent / "run").exists()


def test_check_reads_pictures_whose_first_row_names_none(sentemb, photos):
    rows = ["readme.txt,a cat", ",a dog", "0.png,a bird", "none.png,a bus"]
    (photos / "a.csv").write_text("\n".join(["file_name,caption", *rows]))
    assert errors_of(sentemb, photos / "a.csv") == {
        "there is no file 'readme.txt'": [2, 5],
        "column 'file_name' has no picture": [3],
    }
    (photos / "b.csv").write_text("path,text\na.txt,a bird\nb.txt,a bus\n")
    assert errors_of(sentemb, photos / "b.csv") == {}


def test_check_refuses_what_is_too_thin_for_the_methods(sentemb, photos):
    assert {signature(one).parameters["size"].default for one in (clip, coca, lit)} == {SIDE}
    (photos / "1.png").write_bytes(png((4, 300), (0, 0, 0)))
    (photos / "metadata.csv").write_text("file_name,caption\n0.png,a bird\n1.png,a bus\n")
    ((message, rows),) = errors_of(sentemb, photos).items()
    assert ("too thin to be seen at 32" in message, rows) == (True, [3])
    done = sentemb("train", "--method", "clip", "--data", photos, "-o", "run")
    assert (done.returncode, "row 3: 4 × 300 pixels" in done.stderr.decode()) == (3, True)


def test_texts_beside_pictures_are_checked_as_texts(sentemb, photos):
    (photos / "a.csv").write_text("text,label,image\na bird,x,0.png\na bird,y,1.png\n")
    done = sentemb("check", photos / "a.csv", "--json")
    (file,) = json.loads(done.stdout)["files"]
    assert file["classes"] == {"x": 1, "y": 1}
    assert "contradictions" in {one["name"] for one in file["problems"]}


def test_pictures_of_one_name_are_two_in_an_index(sentemb, trained, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "more")
    (tmp_path / "more/0.png").write_bytes(png((9, 9), (0, 0, 255)))
    for folder, *more in (("photos",), ("more", "--add")):
        done = sentemb("index", folder, "--model", trained, "-o", "a.index", *more)
        assert done.returncode == 0, done.stderr.decode()
    done = sentemb("search", "--image", "more/0.png", "a.index", "-k", 6, "--json")
    hits = json.loads(done.stdout)["hits"]
    assert (len(hits), hits[0]["text"]) == (6, "0.png (row 1)")
    assert hits[0]["score"] == pytest.approx(1, abs=1e-5)


def test_a_query_that_only_looks_like_a_file_is_a_text(sentemb, tmp_path):
    (tmp_path / "a.txt").write_text("sound: what is it?\nA bus.\n")
    done = sentemb("search", "sound: what is it?", "a.txt", "-k", 1, "--json")
    assert json.loads(done.stdout)["hits"][0]["text"] == "sound: what is it?"


def test_options_of_texts_are_refused_for_pictures(sentemb, trained, photos):
    done = sentemb("encode", "photos", "--model", trained, "--batch-size", 2, "-o", "a.npy")
    assert (done.returncode, b"precision are of texts" in done.stderr) == (2, True)
    done = sentemb("encode", "photos", "--model", trained, "--empty", "nan", "-o", "a.npy")
    assert done.returncode == 0, done.stderr.decode()


def test_check_finds_nothing_in_good_pictures(sentemb, photos):
    assert sentemb("check", "photos").returncode == 0
    bundled_rows = sentemb("check", bundled("pictures.parquet"))
    assert bundled_rows.returncode == 0, bundled_rows.stdout


def test_evaluate_ranks_pictures_for_texts_and_texts_for_pictures(sentemb, trained, photos):
    rows = ["0.png,a bird", "1.png,a bus", "2.png,a tree"]
    (photos / "metadata.csv").write_text("\n".join(["file_name,caption", *rows]))
    done = sentemb("evaluate", trained, "--cross-modal", "photos", "--json")
    assert done.returncode == 0, done.stderr.decode()
    numbers = json.loads(done.stdout)["results"]["photos text-picture"]
    model = load(trained)
    texts = model.encode(["a bird", "a bus", "a tree"], normalize=True)
    pictures = model.tower("picture").encode([photos / f"{n}.png" for n in range(3)])
    ranks = [1 + int((row > row[n]).sum()) for n, row in enumerate(texts @ pictures.T)]
    assert numbers["text_to_picture_median_rank"] == np.median(ranks)
    assert numbers["text_to_picture_r1"] == pytest.approx(100 * np.mean(np.array(ranks) == 1), 1e-5)
    assert numbers["queries"] == 3


def test_a_table_of_three_modalities_is_three_tasks():
    sound = np.zeros((64, 2), np.float16).tobytes()
    rows = [
        {"caption": ["a bird", "a sparrow"], "image": png((9, 9), (9, 9, 9)), "sound": sound},
        {"caption": "a bus", "image": png((9, 9), (8, 9, 9)), "sound": sound},
    ]
    tasks = {task.sides: task for task in read_two_way(rows)}
    assert list(tasks) == [("text", "picture"), ("text", "sound"), ("picture", "sound")]
    assert tasks["text", "picture"].firsts == ["a bird", "a sparrow", "a bus"]
    found = tasks["text", "picture"].outcome(
        lambda texts: np.eye(3, 2)[[0, 0, 1]], lambda pictures: np.eye(2)
    )
    assert found.numbers["text_to_picture_r1"] == 100
    assert found.numbers["picture_to_text_r1"] == 100


def test_rows_that_were_trained_on_are_not_measured(photos, caplog):
    rows = ["0.png,a bird,train", "1.png,a bus,test"]
    (photos / "metadata.csv").write_text("\n".join(["file_name,caption,split", *rows]))
    caplog.set_level("INFO", "sentemb")
    (task,) = read_two_way(photos)
    assert task.firsts == ["a bus"]
    assert "1 rows of the split 'train' left out" in caplog.text
    (photos / "metadata.csv").write_text("\n".join(["file_name,caption,split", rows[0]]))
    (task,) = read_two_way(photos)
    assert task.firsts == ["a bird"]


def test_equal_pictures_are_one_whatever_they_are_called(photos):
    (photos / "copy.png").write_bytes((photos / "0.png").read_bytes())
    (photos / "metadata.csv").write_text("file_name,caption\n0.png,a bird\ncopy.png,a sparrow\n")
    (task,) = read_two_way(photos)
    found = task.outcome(lambda texts: np.eye(2)[: len(texts)], lambda files: np.eye(2)[:1])
    assert found.numbers["picture_to_text_r1"] == found.numbers["text_to_picture_r1"] == 100
    with pytest.raises(NumericError, match="of a picture of photos text-picture is not finite"):
        task.outcome(lambda texts: np.eye(2)[: len(texts)], lambda files: np.full((1, 2), np.nan))


def test_evaluate_names_the_row_of_a_damaged_picture(sentemb, trained, photos):
    rows = ["0.png,a cat,train", "1.png,a bird,dev", "1.png,a sparrow,dev", "2.png,a bus,dev"]
    (photos / "metadata.csv").write_text("\n".join(["file_name,caption,split", *rows]))
    table = [{"image": png((9, 9), (1, 2, 3)), "caption": "a bird"}] * 2
    for content, words in WRONG.values():
        (photos / "2.png").write_bytes(content)
        done = sentemb("evaluate", trained, "--cross-modal", "photos", "-o", "a.json")
        line = done.stderr.decode().strip().splitlines()[-1]
        assert done.returncode == 3
        assert "metadata.csv, row 5: " in line
        assert words in line
        assert not (photos.parent / "a.json").exists()
        (task,) = read_two_way([*table, {"image": content, "caption": "a bus"}])
        with pytest.raises(InputError, match="data, row 3: "):
            load(trained).tower().encode(list(dict.fromkeys(task.seconds)))


def test_tables_of_one_name_are_told_apart(photos, tmp_path):
    (tmp_path / "b").mkdir()
    for folder in (photos, tmp_path / "b"):
        for number in range(2):
            (folder / f"{number}.png").write_bytes(png((9, 9), (number, 9, 9)))
        (folder / "pics.csv").write_text("image,caption\n0.png,a bird\n1.png,a bus\n")
    own = {"cross_modal": [photos / "pics.csv", tmp_path / "b/pics.csv"]}
    names = [one.task.name for one in read_tasks([], None, own).chosen]
    assert names == [f"{folder}/pics.csv text-picture" for folder in (photos, tmp_path / "b")]


def test_what_cannot_be_evaluated_across_modalities(sentemb, trained, photos):
    (photos / "metadata.csv").write_text("file_name,caption\n0.png,\n")
    done = sentemb("evaluate", trained, "--cross-modal", "photos")
    assert (done.returncode, b"row 2: column 'caption' has no text" in done.stderr) == (3, True)
    (photos / "metadata.csv").write_text("file_name,caption\n0.png,a bird\n")
    done = sentemb("evaluate", "mini", "--cross-modal", "photos")
    assert (done.returncode, b"reads texts alone, no pictures" in done.stderr) == (3, True)
    (photos / "texts.csv").write_text("text\na bird\n")
    done = sentemb("evaluate", trained, "--cross-modal", "photos/texts.csv")
    assert (done.returncode, b"two of texts, pictures and sounds" in done.stderr) == (3, True)
