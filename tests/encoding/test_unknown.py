"""What a tokenizer does not know is counted once a row, whoever encodes it."""

import json
import subprocess
import sys

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from sentemb import Settings, simcse_unsup, train
from sentemb.datasets import read_training_data
from sentemb.encoders.lengths import Reading, reading
from sentemb.encoders.unknown import unknown_id
from sentemb.encoding import EncodeOptions, Shard, encode_file, merge
from sentemb.errors import InputError

UNKNOWN = "\u0f00\u0f01"
TEXTS = ["a cat", UNKNOWN, "", f"a {UNKNOWN}", "a cat", UNKNOWN, f"{UNKNOWN} {UNKNOWN} {UNKNOWN}"]
COUNTS = {"unknown_rows": 4, "unread_rows": 3, "unknown_tokens": 6, "known_tokens": 5}


def counts_of(summary):
    return {name: getattr(summary, name) for name in COUNTS}


def test_rows_and_tokens_are_counted_in_every_way_of_encoding(mini, tmp_path, monkeypatch):
    whole = encode_file(mini, TEXTS, tmp_path / "whole.npy")
    assert counts_of(whole) == COUNTS
    assert whole.reading == Reading(7, 0, 4, 3, 6, 5)
    assert whole.reading.is_mostly_unknown
    with (tmp_path / "a").open("wb") as stream:
        assert counts_of(encode_file(mini, TEXTS, stream)) == COUNTS
    monkeypatch.setattr("sentemb.encoding.windows.ROWS", 2)
    for number in (2, 1, 3):  # windows of two rows, each by another job, texts that come again
        options = EncodeOptions(shard=Shard(number, 3))
        shard = encode_file(mini, TEXTS, tmp_path / "shared.npy", options)
        assert counts_of(shard) == dict.fromkeys(COUNTS)
    assert counts_of(merge(tmp_path / "shared.npy")) == COUNTS
    mini.prompts, mini.default_prompt_name = {"query": f"a question {UNKNOWN}: "}, "query"
    assert counts_of(encode_file(mini, TEXTS, tmp_path / "prompt.npy")) == COUNTS


def test_a_resumed_job_counts_what_the_first_run_encoded(mini, tmp_path, monkeypatch):
    monkeypatch.setattr("sentemb.encoding.windows.ROWS", 2)

    def stop(rows):
        if rows == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_file(mini, TEXTS, tmp_path / "a.npy", progress=stop)
    summary = encode_file(mini, TEXTS, tmp_path / "a.npy")
    assert summary.kept_rows == 4
    assert counts_of(summary) == COUNTS


def trained(model, trainer, split):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = split
    tokenizer.train_from_iterator(["a cat sat on the mat"] * 20, trainer)
    return tokenizer


@pytest.mark.parametrize(
    ("tokenizer", "counted"),
    [
        (  # bytes: everything is known
            lambda: trained(
                models.BPE(),
                trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ),
            (0, 0, 0),
        ),
        (  # no token for what is unknown: it is dropped
            lambda: trained(models.BPE(), trainers.BpeTrainer(), pre_tokenizers.Whitespace()),
            (0, 3, 0),
        ),
        (
            lambda: trained(
                models.BPE(unk_token="?"),  # noqa: S106
                trainers.BpeTrainer(special_tokens=["?"]),
                pre_tokenizers.Whitespace(),
            ),
            (4, 3, 12),
        ),
        (
            lambda: trained(
                models.Unigram(),
                trainers.UnigramTrainer(special_tokens=["?"], unk_token="?"),  # noqa: S106
                pre_tokenizers.Whitespace(),
            ),
            (4, 3, 12),
        ),
        (
            lambda: trained(
                models.WordPiece(unk_token="?"),  # noqa: S106
                trainers.WordPieceTrainer(special_tokens=["?"]),
                pre_tokenizers.Whitespace(),
            ),
            (4, 3, 12),
        ),
    ],
)
def test_tokenizers_of_every_kind(tokenizer, counted):
    found = reading(tokenizer(), TEXTS, 128)
    assert (found.unknown_texts, found.unread_texts, found.unknown_tokens) == counted
    assert (found.texts, found.known_tokens > 0) == (7, True)


def test_an_unknown_token_in_name_alone_is_none():
    """GPT-2's config calls the end of a text unknown."""

    class Named:
        unk_token_id = 0
        backend_tokenizer = Tokenizer(models.BPE())

    assert unknown_id(Named()) is None


def test_training_on_an_unknown_script_is_refused(mini, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("".join(f"{UNKNOWN * n}\na {UNKNOWN} {UNKNOWN}\n" for n in range(1, 9)))
    data = read_training_data(file, [("text",)])
    with pytest.raises(InputError, match=r"75% of the tokens; nothing is known of 8 of 16 texts"):
        train(simcse_unsup(mini), data, tmp_path / "run", Settings(8, 1e-3, 1))
    assert not (tmp_path / "run").exists()


def test_the_commands_say_it(sentemb, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(TEXTS) + "\n")
    process = sentemb("encode", "a.txt", "--json")
    assert COUNTS.items() <= json.loads(process.stdout)["summary"].items()
    assert b"4 with unknown tokens" in process.stderr
    assert b"warning: the model's tokenizer does not know most of the texts" in process.stderr
    process = sentemb("check", "a.txt")
    assert b"3 rows (2, 6, 7): the model's tokenizer does not know most of a text" in process.stdout


HUGE = """
import resource, sys, time
import numpy as np
from sentemb.bundled import bundled
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
with Embedder(load_encoder("mini-sentemb")) as embedder:
    text = "words that go on, and on: " * 4000
    expected = embedder.encode([text[:8000]])
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    text *= 2**26 // len(text)
    assert np.array_equal(embedder.encode([text]), expected)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(after - before, time.process_time() - started)
"""


@pytest.mark.wide
def test_one_huge_text_takes_little_memory_and_time():
    """64 MB: at most six times the text, and ten seconds."""
    process = subprocess.run([sys.executable, "-c", HUGE], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    kilobytes, seconds = process.stdout.split()
    assert int(kilobytes) * 1024 < 6 * 2**26
    assert float(seconds) < 10
