"""From a word to a model: what is none is one line, and a bundled name is never a surprise."""

import shutil
from pathlib import Path

import pytest

from sentemb.bundled import bundled
from sentemb.encoders import build_encoder
from sentemb.errors import InputError
from sentemb.inference.torch_only import load_encoder
from sentemb.locate import locate, transformer_folder
from tests.support import zoo

NO_MODELS = [
    "my model",
    "é",
    "~",
    "-x",
    "C:\\x",
    "x" * 300,
    "a/b/c",
    "a//b",
    "..",
    "a--b",
    "",
    "\0",
]


@pytest.mark.parametrize("name", NO_MODELS)
def test_what_is_no_model_is_one_line(name, tmp_path, sentemb):
    (tmp_path / "a.txt").write_text("One.\n")
    for words in (["encode", "a.txt", f"--model={name}"], ["train", f"--model={name}"]):
        done = sentemb(*words)
        assert done.returncode == 3, done.stderr
        error = done.stderr.decode().splitlines()[-1]
        assert error.startswith("error: ")
        assert len(error) < 400
    with pytest.raises(InputError):
        locate(name)


def test_the_nearest_name_may_be_a_folder_beside(tmp_path):
    shutil.copytree(bundled("mini"), tmp_path / "my model")
    with pytest.raises(InputError, match=r"Did you mean '.*/my model'\?"):
        locate(str(tmp_path / "my modle"))
    with pytest.raises(InputError, match=r"Did you mean 'mini-sentemb'\?"):
        locate("mini-sentem")


def test_a_folder_named_as_a_bundled_encoder_is_told(tmp_path, sentemb, caplog, monkeypatch):
    """The bundled one is meant everywhere; the warning names the way to the folder."""
    zoo.bert(tmp_path / "mini")
    (tmp_path / "a.txt").write_text("One.\n")
    monkeypatch.chdir(tmp_path)
    done = sentemb("encode", "a.txt", "--model", "mini")
    told = "'mini' is the bundled encoder, not the folder in the working directory: give ./mini"
    assert told in done.stderr.decode()
    assert load_encoder("mini").bert.config["hidden_size"] == 96
    assert load_encoder("./mini").bert.config["hidden_size"] == 32
    assert build_encoder(Path("mini")).get_embedding_dimension() == 32
    assert "modules" in sentemb("info", "./mini").stderr.decode() + str(sentemb("info", "./mini"))
    (tmp_path / "mini/config.json").unlink()
    assert told not in sentemb("encode", "a.txt", "--model", "mini", "--overwrite").stderr.decode()


def test_where_the_transformer_of_a_folder_lies(tmp_path):
    zoo.old_layout(tmp_path / "old")
    zoo.sentence_bert(tmp_path / "new")
    assert transformer_folder(str(tmp_path / "old")) == str(tmp_path / "old/0_Transformer")
    assert transformer_folder(str(tmp_path / "new")) == str(tmp_path / "new")
    assert transformer_folder(str(bundled("mini"))) == str(bundled("mini"))
