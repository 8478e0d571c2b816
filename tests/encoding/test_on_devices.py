"""Encoding by several processes: one file, to the byte, whatever happens to one of them."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer

from sentemb.bundled import bundled
from sentemb.encoders.device import devices_named
from sentemb.encoding import encode_file
from sentemb.encoding.on_devices import encode_on_devices
from sentemb.errors import InputError, UsageError
from sentemb.inference.torch_only import load_encoder

ROWS = 9_000
SCRIPT = """
import sys
from pathlib import Path
from sentemb.encoding.on_devices import encode_on_devices
if __name__ == "__main__":
    encode_on_devices(sys.argv[1], sys.argv[2], Path(sys.argv[3]), ["cpu", "cpu"])
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Quick, so that a test is about the processes."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer.from_file(str(bundled("mini") / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.post_processor = None
    vectors = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 8))
    static = StaticEmbedding(tokenizer, vectors.astype(np.float32))
    SentenceTransformer(modules=[static]).save_pretrained(str(folder), create_model_card=False)
    return str(folder)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    words = ["guitar", "dog", "runs", "a", "the", "green", "plays", "field"]
    draw = random.Random(0)
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("".join(f"{' '.join(draw.choices(words, k=4))}\n" for _ in range(ROWS)))
    return path


@pytest.fixture(scope="module")
def whole(model, source, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "a.npy"
    encode_file(load_encoder(model, "cpu"), source.read_text().splitlines(), output)
    return output.read_bytes()


def lines_of(path):
    return path.read_text().count("\n") if path.exists() else -1


def test_two_processes_are_one(model, source, whole, tmp_path):
    output, seen = tmp_path / "a.npy", []
    summary = encode_on_devices(model, source, output, ["cpu", "cpu"], progress=seen.append)
    assert output.read_bytes() == whole
    assert (summary.rows, summary.kept_rows, seen[-1]) == (ROWS, 0, ROWS)
    assert list(tmp_path.iterdir()) == [output]
    with pytest.raises(UsageError, match="exists: give another"):
        encode_on_devices(model, source, output, ["cpu", "cpu"])


@pytest.mark.long
@pytest.mark.parametrize("after", [0, 1, 2])
def test_one_is_killed_and_the_command_given_again(model, source, whole, tmp_path, after):
    script, output = tmp_path / "run.py", tmp_path / "a.npy"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), model, str(source), str(output)]
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    run = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    parts = tmp_path / f"a.npy.{after % 2 + 1}-of-2.parts"
    until = time.monotonic() + 120
    while run.poll() is None and time.monotonic() < until:
        if lines_of(parts / "manifest.jsonl") >= after and lines_of(parts / "lock") > 0:
            os.kill(int((parts / "lock").read_text().split()[1]), signal.SIGKILL)
            break
        time.sleep(0.002)
    errors = run.communicate(timeout=120)[1].decode()
    if run.returncode:  # otherwise it had ended before
        assert "OutOfMemoryError: The process on cpu died (exit code -9)" in errors
        subprocess.run(command, env=environment, check=True, timeout=120)
    assert output.read_bytes() == whole
    assert {path.name for path in tmp_path.iterdir()} == {"run.py", "a.npy"}


@pytest.mark.wide
def test_what_cannot_be(model, tmp_path):
    source = tmp_path / "texts.csv"
    source.write_text("text\na\n")
    with pytest.raises(InputError, match="no column 'body'"):
        encode_on_devices(model, source, tmp_path / "a.npy", ["cpu"], column="body")
    assert list(tmp_path.iterdir()) == [source]
    with pytest.raises(UsageError, match="one or more"):
        encode_on_devices(model, source, tmp_path / "a.npy", [])
    with pytest.raises(UsageError, match="device must be cpu, cuda"):
        devices_named("cpu,gpu")
    with pytest.raises(UsageError, match="no CUDA GPU"):
        devices_named("all")
