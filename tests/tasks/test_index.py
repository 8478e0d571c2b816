"""Indexes: whole or not at all, added to, damaged, killed while they are made."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import sentemb
from sentemb.encoding import windows
from sentemb.errors import InputError, UsageError
from sentemb.storage import sha256
from sentemb.tasks.index_files import Index
from tests.support.processes import exit_code, forked

TEXTS = ["A cat sleeps.", "A dog barks.", "A cat sleeps.", "Stocks fell."]
ROWS = [{"text": text, "year": 2000 + at} for at, text in enumerate(TEXTS)]


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "a.index"


@pytest.fixture(scope="module")
def encoder():
    return sentemb.load("mini-sentemb")


def contents(path: Path) -> dict[str, str]:
    return {file.name: sha256(file) for file in path.iterdir()}


def test_equal_texts_are_one(encoder, path):
    made = sentemb.index(ROWS, path, encoder)
    opened = Index.open(path)
    for one in (made, opened):
        assert one.texts == ["A cat sleeps.", "A dog barks.", "Stocks fell."]
        assert one.text_of_row.tolist() == [0, 1, 0, 2]
        assert one.vectors == pytest.approx(encoder.encode(one.texts, normalize=True))
    assert "mini-sentemb, exact search" in repr(opened)
    assert list(path.parent.iterdir()) == [path]


def test_what_is_added_is_as_if_it_had_been_there(encoder, path, tmp_path):
    more = [{"text": "A dog barks.", "year": 2010}, {"text": "A new text.", "year": None}]
    sentemb.index(ROWS, path, encoder)
    added = sentemb.index(more, path, encoder, add=True)
    whole = sentemb.index([*ROWS, *more], tmp_path / "b.index", encoder)
    assert added.texts == whole.texts
    assert added.rows.to_pylist() == whole.rows.to_pylist()
    assert added.vectors == pytest.approx(whole.vectors, abs=1e-6)


@pytest.mark.parametrize("add", [False, True])
def test_the_same_rows_change_nothing(encoder, path, add):
    sentemb.index(ROWS, path, encoder)
    before = contents(path)
    sentemb.index(ROWS, path, encoder, add=add)
    assert contents(path) == before


@pytest.mark.parametrize(
    ("rows", "given", "message"),
    [
        (TEXTS, {}, r"holds other rows \(4 of data\) than data has now \(4\): add them with `add"),
        (ROWS, {"model": "mini"}, "was made with model 'mini-sentemb'; got 'mini'"),
        (ROWS, {"column": "body"}, "has no column 'body'"),
        (ROWS, {"method": "int8"}, "was made with method 'exact'; got 'int8'"),
        (ROWS, {"add": True, "overwrite": True}, "give one"),
        ([{"text": "a", "year": "x"}], {"add": True}, "a column holds values of another kind"),
    ],
)
def test_another_index_is_not_lost(encoder, path, rows, given, message):
    sentemb.index(ROWS, path, encoder)
    before = contents(path)
    with pytest.raises((UsageError, InputError), match=message):
        sentemb.index(rows, path, **{"model": encoder} | given)
    assert contents(path) == before


def test_an_index_is_replaced_when_that_is_asked(encoder, path):
    sentemb.index(ROWS, path, encoder)
    assert sentemb.index(["Other."], path, encoder, overwrite=True).texts == ["Other."]


@pytest.mark.parametrize(
    ("data", "given", "message"),
    [
        (["a", ""], {}, "row 2 is blank"),
        ([], {}, "data holds no row"),
        (["a"], {"method": "tree"}, "method must be one of exact, int8, binary, hnsw"),
        (["a"], {"add": True}, "There is no index"),
    ],
)
def test_nothing_is_written_of_what_cannot_be_indexed(encoder, path, data, given, message):
    with pytest.raises((UsageError, InputError), match=message):
        sentemb.index(data, path, encoder, **given)
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_no_index_stays(encoder, path):
    path.mkdir()
    (path / "a.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="not empty"):
            sentemb.index(ROWS, path, encoder, overwrite=overwrite)
    with pytest.raises(InputError, match="is not an index of sentemb"):
        sentemb.search("a", path)


@pytest.mark.parametrize("method", ["exact", "int8", "binary", "hnsw"])
def test_a_damaged_file_is_refused_by_name(encoder, path, method):
    if method == "hnsw":
        pytest.importorskip("usearch", reason="the search extra is not installed")
    sentemb.index(ROWS, path, encoder, method=method)
    for file in sorted(path.glob("[!.]*")):
        data = file.read_bytes()
        file.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
        with pytest.raises(InputError, match=f"{file.name}' was damaged"):
            Index.open(path)
        file.unlink()
        with pytest.raises(InputError, match=f"{file.name}' was damaged|is not an index"):
            Index.open(path)
        file.write_bytes(data)
    assert Index.open(path).texts


def test_vectors_that_the_rows_have_are_taken(encoder, path, monkeypatch):
    rows = [row | {"embedding": encoder.encode(row["text"]).tolist()} for row in ROWS]
    monkeypatch.setattr("sentemb.encoder.Encoder.encode_file", None)
    made = sentemb.index(rows, path, encoder)
    assert made.vectors == pytest.approx(encoder.encode(made.texts, normalize=True), abs=1e-6)
    assert made.rows.column_names == ["text", "year"]


def test_killed_while_it_is_made_and_made_again(encoder, tmp_path, monkeypatch, sentences):
    """Kill before the n-th change of a file, n rising until it passes: the content is the same."""
    monkeypatch.setattr(windows, "ROWS", 16)
    texts = [*sentences[:60], *sentences[:8]]
    wanted = contents(sentemb.index(texts, tmp_path / "whole.index", encoder).path)
    path, killed = tmp_path / "killed" / "a.index", 0
    for number in range(1, 400, 7):
        code = exit_code(forked(lambda: sentemb.index(texts, path, encoder), number))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        killed += 1
        sentemb.index(texts, path, encoder)
        assert contents(path) == wanted
        assert {file.name for file in path.parent.iterdir()} <= {"a.index", "a.index.partial"}
        sentemb.index(["Other."], path, encoder, overwrite=True)
        os.rename(path, tmp_path / f"{number}.index")
    assert killed >= 10


def test_what_was_encoded_is_not_encoded_again(encoder, path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("sentemb.tasks.index_files.Index.save", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            sentemb.index(ROWS, path, encoder)
    monkeypatch.setattr("sentemb.encoder.Encoder.encode_file", None)
    assert len(sentemb.index(ROWS, path, encoder).vectors) == 3


def _interrupted(*args, **kwargs):
    raise KeyboardInterrupt


def test_the_record_says_what_went_in(encoder, path):
    sentemb.index(ROWS, path, encoder)
    known = json.loads((path / "index.json").read_text())
    assert (known["rows"], known["texts"], known["column"]) == (4, 3, "text")
    assert [(one["source"], one["rows"]) for one in known["inputs"]] == [("data", 4)]
    assert known["dim"] == np.load(path / "vectors.npy").shape[1]
