"""Pictures and sounds that cannot be read: each command names the row, and writes nothing."""

import json

import pytest

from sentemb.modalities.towers import Tower, TowerConfig
from tests.support.clip import save_clip
from tests.support.signals import TONE, png, unreadable_picture, unreadable_sound, wav

pytest.importorskip("PIL", reason="the vision extra is not installed")
PICTURES = ["damaged", "of one pixel", "for a printer", "a bomb"]
SOUNDS = ["another rate", "stereo", "silence"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = save_clip(tmp_path_factory.mktemp("model"))
    of_sounds = Tower(TowerConfig("sound", size=16, width=8, depth=2, dim=12))
    of_sounds.save(folder / "sound", scale=20.0)
    return folder


@pytest.fixture
def rows(tmp_path):
    """A folder with a table of four pictures and texts."""
    folder = tmp_path / "rows"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_bytes(png((9, 9), (number * 60, 9, 9)))
    lines = [f"{number}.png,{number}.wav,Text {number}." for number in range(4)]
    (folder / "all.csv").write_text("\n".join(["image,sound,text", *lines]))
    (folder / "metadata.csv").write_text("\n".join(["file_name,spoken,text", *lines]))
    return folder


def refused(sentemb, folder, command):
    """The error of a command that leaves the folder as it was."""
    before = sorted(folder.rglob("*"))
    done = sentemb(*command.split())
    assert (done.returncode, done.stdout) == (3, b""), done.stderr.decode()
    assert sorted(folder.rglob("*")) == before
    return done.stderr.decode().strip().splitlines()[-1]


def checked(sentemb, *words):
    """The errors that `check` finds in one file, with their first rows."""
    done = sentemb("check", *words, "--json")
    (file,) = json.loads(done.stdout)["files"]
    found = {one["message"]: one["first"] for one in file["problems"] if one["severity"] == "error"}
    assert done.returncode == bool(found)
    return found


@pytest.fixture
def only_small_ones(monkeypatch):
    """A picture that is too large is not decoded."""
    from PIL.ImageFile import ImageFile

    load = ImageFile.load

    def loaded(image):
        assert image.size[0] * image.size[1] < 2**20
        return load(image)

    monkeypatch.setattr(ImageFile, "load", loaded)


@pytest.mark.usefixtures("only_small_ones")
@pytest.mark.parametrize("what", PICTURES)
def test_no_command_reads_such_a_picture(sentemb, model, rows, tmp_path, what):
    content, words = unreadable_picture(what)
    (rows / "2.png").write_bytes(content)
    for command, place in (
        (f"encode rows --model {model} -o a.npy", "Row 3 ('2.png"),
        (f"index rows --model {model} -o a.index", "Row 3 ('2.png"),
        (f"evaluate {model} --cross-modal rows -o a.json", "metadata.csv, row 4: "),
        ("train --method clip --data rows -o run", "metadata.csv, row 4: "),
        ("train --method simclr-pictures --data rows -o run", "rows, row 3: "),
    ):
        line = refused(sentemb, tmp_path, command)
        assert place in line
        assert words in line
    ((message, places),) = checked(sentemb, "rows").items()
    assert (words in message, places) == (True, [4])


@pytest.mark.parametrize("what", SOUNDS)
def test_no_command_reads_such_a_sound(sentemb, model, rows, tmp_path, what):
    for number in range(4):
        (rows / f"{number}.wav").write_bytes(wav(TONE))
    assert checked(sentemb, "rows/all.csv") == {}
    content, words = unreadable_sound(what)
    (rows / "2.wav").write_bytes(content)
    for command, place in (
        (f"encode rows --modality sound --model {model} -o a.npy", "Row 3 ('2.wav"),
        (f"index rows --modality sound --model {model} -o a.index", "Row 3 ('2.wav"),
        (f"evaluate {model} --cross-modal rows/all.csv -o a.json", "all.csv, row 4: "),
        (f"train --method bind --model {model} --data rows/all.csv -o run", "all.csv, row 4: "),
    ):
        line = refused(sentemb, tmp_path, command)
        assert place in line
        assert words in line
    ((message, places),) = checked(sentemb, "rows/all.csv").items()
    assert (words in message, places) == (True, [4])
