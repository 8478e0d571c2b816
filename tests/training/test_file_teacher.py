"""A teacher that is a file of vectors: found by the text, in every method that has a teacher."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from datasets import Dataset

from sentemb import Settings, doors, load, train
from sentemb.datasets import TrainingData
from sentemb.errors import InputError, UsageError
from sentemb.methods import distill, gist, multilingual, rankcse
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, state

ONCE = Settings(batch_size=8, learning_rate=1e-3, max_steps=1)
COLUMNS = ("anchor", "positive", "negative")


def written(path, texts, vectors, name="embedding"):
    pyarrow.parquet.write_table(pa.table({"text": texts, name: list(np.float32(vectors))}), path)
    return str(path)


@pytest.fixture
def vectors(sentences, tmp_path):
    """A file of the vectors of 60 sentences, 5 numbers each."""
    random = np.random.default_rng(0).standard_normal((60, 5))
    return written(tmp_path / "vectors.parquet", sentences[:60], random)


@pytest.fixture
def data(sentences):
    """Triplets, some of which have no negative."""
    columns = sentences[:16], sentences[16:32], [*sentences[32:46], "", ""]
    return TrainingData(Dataset.from_dict(dict(zip(COLUMNS, columns, strict=True))), "triplets", 0)


def test_what_encode_writes_teaches_as_the_model_itself(sentemb, sentences, tmp_path):
    (tmp_path / "few.txt").write_text("\n".join([*sentences[:20], " ", sentences[3]]) + "\n")
    encoded = sentemb("encode", "few.txt", "--model", "mini-sentemb", "--empty", "nan", "-o",
                      "v.parquet")  # fmt: skip
    assert encoded.returncode == 0, encoded.stderr.decode()
    few = ("--data", "few.txt", "--batch-size", 8, "--max-steps", 2)
    for teacher, output in (("mini-sentemb", "a"), ("v.parquet", "b")):
        trained = sentemb("train", "--method", "distill", "--teacher", teacher, *few, "-o", output)
        assert trained.returncode == 0, trained.stderr.decode()
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert models[0] == models[1]
    record = json.loads((tmp_path / "b/run.json").read_text())["teacher"]
    assert record["model"] == "v.parquet"
    assert record["weights"].startswith("vectors of 96, sha256 ")
    assert "| teacher | v.parquet, vectors of 96, sha256 " in (tmp_path / "b/README.md").read_text()


@pytest.mark.parametrize("made", [distill, rankcse, gist, multilingual])
def test_every_method_with_a_teacher_takes_a_file(made, vectors, data, own_cache):
    rows = data.rows if made in (gist, multilingual) else data.rows.rename_column("anchor", "text")
    method = made(encoders.mini("mean"), vectors)
    assert method.twin.teacher.width == 5
    run = train(method, replace(data, rows=rows), settings=ONCE)
    assert run.steps == 1
    assert np.isfinite(run.history[-1]["train_loss"])
    assert not own_cache.exists()


def test_a_file_and_a_model_are_averaged_and_a_dry_run_reads_the_file(vectors, sentences):
    method = rankcse(encoders.mini("mean"), vectors, "mini-sentemb")
    assert method.twin.teacher.width == 5 + 96
    run = doors.train("rankcse", sentences[:24], teacher=vectors, second_teacher="mini-sentemb",
                      model=encoders.mini(), batch_size=8, max_steps=1, dry_run=True)  # fmt: skip
    assert run.steps == 1


def test_a_resumed_run_has_the_same_file(vectors, data, sentences, tmp_path):
    settings = replace(ONCE, max_steps=4, save_steps=2, epochs=9)
    whole, cut, resumed, other = (gist(encoders.mini("mean"), vectors) for _ in range(4))
    train(whole, data, tmp_path / "whole", settings)
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", settings)
    torch.manual_seed(99)
    content = (tmp_path / "vectors.parquet").read_bytes()
    written(tmp_path / "vectors.parquet", sentences[:60], np.ones((60, 5)))
    with pytest.raises(UsageError, match="teacher was vectors of 5, sha256 "):
        train(other, data, tmp_path / "cut", settings, resume=True)
    (tmp_path / "vectors.parquet").write_bytes(content)
    train(resumed, data, tmp_path / "cut", settings, resume=True)
    assert_bit_equal(state(whole), state(resumed))


def test_a_method_trained_on_other_rows_reads_its_file_again(vectors, data):
    method = gist(encoders.mini("mean"), vectors)
    for few in (range(8), range(8, 16)):
        assert train(method, replace(data, rows=data.rows.select(few)), settings=ONCE).steps == 1


def test_a_text_without_a_vector_is_named_with_its_row(vectors, data, sentences, tmp_path):
    rows = data.rows.to_list()
    rows[4]["positive"], rows[6]["positive"] = "Nobody encoded this.", "Nor this."
    method = gist(encoders.mini("mean"), vectors)
    said = r"of 2 of 47 texts, the first in row 5 \(positive, 'Nobody encoded this\.'\): enc"
    with pytest.raises(InputError, match=said):
        train(method, replace(data, rows=Dataset.from_list(rows)), tmp_path / "run", ONCE)
    assert not (tmp_path / "run").exists()


def test_what_is_no_file_of_vectors_is_refused_in_one_line(sentences, data, tmp_path, sentemb):
    """Each names the file and, where there is one, the row."""
    texts, good = sentences[:3], np.ones((3, 5))
    zero, ragged = good * [[1], [1], [0]], [[1.0] * 5, [1.0] * 5, [1.0] * 4]
    for content, expected in (
        ((texts, zero), r"row 3 has no vector: a list of finite numbers, not all 0"),
        ((texts, good * [[1], [np.nan], [1]]), "row 2 has no vector"),
        ((texts, ragged), "row 3 has a vector of 4 numbers, rows before it have 5"),
        (([*texts[:2], texts[0]], good * [[1], [2], [3]]), "row 3: .* has another vector than"),
        ((texts, good, "numbers"), "has the columns text, numbers; a file of vectors has text and"),
        ((["", "", ""], good), "holds no text with a vector"),
    ):
        file = tmp_path / "wrong.parquet"
        arrays = [np.float32(row) for row in content[1]]
        name = content[2] if len(content) > 2 else "vector"
        pyarrow.parquet.write_table(pa.table({"text": content[0], name: arrays}), file)
        with pytest.raises(InputError, match=expected) as error:
            train(gist(encoders.mini("mean"), str(file)), data, settings=ONCE)
        assert "\n" not in str(error.value)
        assert str(file) in str(error.value)
    (tmp_path / "wrong.parquet").write_bytes(b"no parquet")
    for name, said in (("wrong.parquet", b"not a parquet file"), ("none.parquet", b"No file")):
        process = sentemb("train", "--method", "distill", "--teacher", name, "-o", "run")
        assert process.returncode == 3
        assert said in process.stderr
        assert process.stderr.count(b"\n") == 1


def test_the_vectors_need_not_be_of_this_package(data, tmp_path):
    """Any parquet file with a text and a list of numbers; `vector` is a name too."""
    texts = sorted({text for column in COLUMNS for text in data.rows[column] if text})
    found = load("mini-sentemb").encode(texts)
    table = pa.table({"vector": [row.astype(np.float64).tolist() for row in found], "text": texts})
    pyarrow.parquet.write_table(table, tmp_path / "v.parquet")
    method = gist(encoders.mini("mean"), str(tmp_path / "v.parquet"))
    assert train(method, data, settings=ONCE).steps == 1
