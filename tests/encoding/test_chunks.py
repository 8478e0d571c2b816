"""Several vectors a row: what they are of, what they are, and that each is written once."""

import json
import os
import re
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file

from sentemb import build_encoder
from sentemb.datasets.texts import TextRow
from sentemb.encoder import load
from sentemb.encoders import set_template
from sentemb.encoders.chunking import Chunk, chunks_of, windows
from sentemb.encoding import EncodeOptions, Shard, encode_file, encode_on_devices, merge
from sentemb.encoding import windows as windows_of_rows
from sentemb.errors import InputError, UsageError
from sentemb.inference.chunked import ChunkTokens, LateEmbedder, chunk_embedder
from sentemb.inference.embedder import Embedder

CLOSE = {"atol": 1e-5, "rtol": 0}
SENTENCE = "the red cat and a blue dog walk in old rain over new stones all day"
WORDS = SENTENCE.split()
LONG = [" ".join(WORDS[(n * k) % 17 % len(WORDS)] for k in range(n)) for n in (70, 3, 200, 41)]
TEXTS = ["", *LONG, LONG[1]]
ROWS = [TextRow(text, {"id": n, "body": text}, "body") for n, text in enumerate(TEXTS * 4)]


class PulledPlugError(Exception):
    pass


@pytest.fixture
def small_windows(monkeypatch):
    monkeypatch.setattr(windows_of_rows, "ROWS", 4)


def embedded(encoder, chunk, texts=TEXTS, prompt=None):
    with chunk_embedder(Chunk.parse(chunk), encoder, None, "fp32", prompt, None) as embedder:
        tokens = embedder.tokenise(texts)
        return embedder.embed(tokens), tokens


def test_windows_are_those_of_the_definition():
    assert list(windows(20, size=8, overlap=2)) == [(0, 8), (6, 14), (12, 20)]
    for count in range(40):
        found = list(windows(count, 8, 2))
        assert {place for a, b in found for place in range(a, b)} == set(range(count))
        assert found == list(chunks_of(range(count), Chunk(8, 2)))


def test_chunks_keep_words_whole_and_leave_nothing_out():
    words = [0, 0, 1, 2, 2, 2, 3, 4, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7, None, 8]
    for size in range(1, 9):
        for overlap in range(size):
            found = list(chunks_of(words, Chunk(size, overlap)))
            assert {n for a, b in found for n in range(a, b)} == set(range(len(words)))
            assert all(0 < b - a <= size for a, b in found)
            pairs = pairwise(found)
            assert all(c <= b and b - c <= overlap and d > b for (_, b), (c, d) in pairs)


def test_late_chunks_are_means_of_states(mini):
    """The values of the definition: states sin((t + 1)(j + 1)), spans [1, 3) and [3, 7)."""
    t, j = torch.arange(8.0, dtype=torch.float64)[:, None], torch.arange(3.0, dtype=torch.float64)
    states = torch.sin((t + 1) * (j + 1)).float()[None]
    with LateEmbedder(Chunk(6, late=True), mini) as embedder:
        embedder._states, embedder._head = lambda ids, mask: states, lambda means: means
        tokens = embedder.tokenise(["a b c d e f"])
        assert [len(ids) for ids in tokens.ids] == [8]
        piece = type(tokens.pieces[0][0])
        halves = [[piece(0, 1, 3), piece(1, 3, 7)]]
        spans = np.array([[0, 3, 2], [4, 11, 4]])
        found = embedder.embed(
            ChunkTokens(**{**vars(tokens), "pieces": halves, "spans": spans, "ends": [0, 2]})
        )
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    expected = [[0.5252087174, -0.5181089968, 0.0663514935],
                [-0.3345389174, 0.2248428934, 0.0498458285]]  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert np.linalg.norm(unit, axis=1) == pytest.approx(1)
    np.testing.assert_allclose(
        found.mean(axis=0), [0.0953349, -0.1466330517, 0.058098661], atol=1e-7
    )
    by_tokens = (found * [[2], [4]]).sum(axis=0) / 6
    np.testing.assert_allclose(by_tokens, [-0.0479563724, -0.0228077367, 0.0553477168], atol=1e-7)
    np.testing.assert_allclose(by_tokens, states[0, 1:7].mean(dim=0), atol=1e-6)


def by_hand(encoder, text, chunk, room):
    """Late chunks of one text, by the stock model, window by window."""
    ids = encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
    cls, sep = encoder.tokenizer("")["input_ids"]
    states, behind = [], 0
    for a, b in windows(len(ids), room, chunk.overlap):
        given = torch.tensor([[cls, *ids[a:b], sep]])
        with torch.no_grad():
            found = encoder[0]({"input_ids": given, "attention_mask": torch.ones_like(given)})
        states.append(found["token_embeddings"][0, 1 + max(0, behind - a) : -1])
        behind = b
    states = torch.cat(states)
    assert len(states) == len(ids)
    read = encoder.tokenizer(text, add_special_tokens=False)
    return np.stack([states[a:b].mean(dim=0).numpy() for a, b in chunks_of(read.word_ids(), chunk)])


MORE_FORMATS = ("parquet", "safetensors", "csv")
LONG_KINDS = [pytest.param(kind, marks=pytest.mark.long) for kind in ("packed", "padded")]


@pytest.mark.parametrize("kind", ["plain", "whole", *LONG_KINDS])
def test_late_chunks_are_those_of_the_stock_model(kind, build_tiny):
    """By torch alone, of a model that reads the whole text, without padding, and with padding."""
    family = {"padded": "DebertaV2", "whole": "ModernBert"}.get(kind)
    stock = build_tiny(family) if family else build_encoder("mini", device="cpu")
    stock.max_seq_length = 512 if kind == "whole" else 62
    encoder = stock
    if kind == "plain":
        encoder = load("mini")._encoder
        encoder.max_seq_length = 62
    found, tokens = embedded(encoder, "tokens=23,overlap=5,late")
    for n, text in enumerate(TEXTS[1:5], start=1):
        expected = by_hand(stock.eval(), text, Chunk(23, 5), stock.max_seq_length - 2)
        np.testing.assert_allclose(found[tokens.ends[n] : tokens.ends[n + 1]], expected, **CLOSE)
    np.testing.assert_allclose(found[0], stock.encode(""), **CLOSE)


def test_late_chunks_with_a_prompt_and_what_follows_the_pooling(mini):
    prompted = load(mini).encode("a b", prompt="find this: ")
    found, _ = embedded(mini, "tokens=9,late", ["a b"], "find this: ")
    ids = mini.tokenizer("find this: a b")["input_ids"]
    with torch.no_grad():
        given = torch.tensor([ids])
        states = mini.eval()[0]({"input_ids": given, "attention_mask": torch.ones_like(given)})
    expected = states["token_embeddings"][0, -3:-1].mean(dim=0)
    np.testing.assert_allclose(found[0], expected, **CLOSE)
    assert abs(found[0] - prompted).max() > 0.01
    from sentence_transformers.sentence_transformer.modules import Normalize

    mini.append(Normalize())
    unit, _ = embedded(mini, "tokens=9,late", ["a b"], "find this: ")
    np.testing.assert_allclose(unit[0], expected / np.linalg.norm(expected), **CLOSE)


@pytest.mark.parametrize("prompt", [None, "query"])
def test_a_chunk_apart_is_a_text_by_itself(prompt, tmp_path):
    stock = build_encoder("mini", device="cpu")
    stock.prompts = {"query": "a question: "}
    how = {"chunk": "tokens=20,overlap=4", "prompt_name": prompt}
    summary = encode_file(stock, TEXTS, tmp_path / "a.parquet", EncodeOptions(**how))
    found = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert (summary.rows, summary.chunks, summary.truncated_rows) == (6, len(found), 0)
    assert [row["row"] for row in found] == sorted(row["row"] for row in found)
    assert {row["row"] for row in found} == {1, 2, 3, 4, 5, 6}
    assert all(TEXTS[r["row"] - 1][r["start"] : r["end"]] == r["text"] for r in found)
    assert all(len(stock.tokenizer(r["text"])["input_ids"]) - 2 == r["tokens"] for r in found)
    expected = stock.encode([row["text"] for row in found], prompt_name=prompt)
    np.testing.assert_allclose([row["embedding"] for row in found], expected, **CLOSE)


def test_chunks_of_a_model_that_reads_a_text_twice_are_of_the_text():
    once, twice = (build_encoder("mini", pooling="lasttoken", device="cpu") for _ in range(2))
    set_template(twice, "echo")
    expected = embedded(once, "tokens=20,overlap=4", TEXTS[:5])[1]
    found, tokens = embedded(twice, "tokens=20,overlap=4", TEXTS[:5])
    assert tokens.spans.tolist() == expected.spans.tolist()
    homes = np.repeat(np.arange(5), np.diff(tokens.ends))
    parts = [TEXTS[n][a:b] for n, (a, b, _) in zip(homes, tokens.spans, strict=True)]
    np.testing.assert_allclose(found, twice.encode(parts), **CLOSE)
    most = twice.max_seq_length - len(twice.tokenizer("")["input_ids"])
    for prompt, count in ((None, 0), ("a b: ", 3)):
        embedded(twice, f"tokens={most - count}", ["a"], prompt)
        with pytest.raises(UsageError, match=f"at most tokens={most - count}"):
            embedded(twice, f"tokens={most - count + 1}", ["a"], prompt)


@pytest.mark.sampled
@pytest.mark.parametrize("late", ["", pytest.param(",late", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "suffix",
    ["jsonl", "npy", *(pytest.param(one, marks=pytest.mark.long) for one in MORE_FORMATS)],
)
def test_chunks_are_resumed_and_shared_to_the_same_byte(
    mini, suffix, late, tmp_path, small_windows, monkeypatch
):
    keeps = suffix not in ("npy", "safetensors")
    how = {"chunk": f"tokens=20,overlap=4{late}", "keep_columns": keeps}
    whole, path, shared = (tmp_path / f"{name}.{suffix}" for name in ("whole", "a", "shared"))
    summary = encode_file(mini, ROWS, whole, EncodeOptions(**how))
    distinct = embedded(mini, how["chunk"], list(dict.fromkeys(TEXTS)))[1]
    done, embed = [], Embedder.embed if not late else LateEmbedder.embed
    monkeypatch.setattr(
        LateEmbedder if late else Embedder,
        "embed",
        lambda self, tokens: done.append(len(tokens.spans)) or embed(self, tokens),
    )

    def cut_short():
        yield from ROWS[:13]
        raise PulledPlugError

    with pytest.raises(PulledPlugError):
        encode_file(mini, cut_short(), path, EncodeOptions(**how))
    with pytest.raises(UsageError, match="chunk 'tokens=20,overlap=4"):
        encode_file(mini, ROWS, path, EncodeOptions(**how | {"chunk": "tokens=21"}))
    assert encode_file(mini, ROWS, path, EncodeOptions(**how)).kept_rows == 12
    assert sum(done) == len(distinct.spans)
    for number in (2, 1):
        encode_file(mini, ROWS, shared, EncodeOptions(**how, shard=Shard(number, 2)))
    assert merge(shared).chunks == summary.chunks
    for other in (path, shared):
        assert other.read_bytes() == whole.read_bytes()
        if suffix == "npy":
            spans = other.with_suffix(".spans.npy")
            assert spans.read_bytes() == whole.with_suffix(".spans.npy").read_bytes()
    if suffix == "jsonl":
        rows = [json.loads(line) for line in whole.read_text().splitlines()]
        assert list(rows[0]) == ["id", "body", "row", "start", "end", "tokens", "embedding"]
        assert all(ROWS[r["row"] - 1].text[r["start"] : r["end"]] == r["body"] for r in rows)
        assert all(r["id"] == r["row"] - 1 for r in rows)
    if suffix == "safetensors":
        tensors = load_file(whole)
        assert tensors["spans"].shape == (summary.chunks, 4)
        assert tensors["embeddings"].shape == (summary.chunks, 96)


def test_spans_of_another_are_not_overwritten(mini, tmp_path):
    spans = tmp_path / "a.spans.npy"
    spans.write_text("mine")
    options = EncodeOptions(chunk="tokens=20")
    with pytest.raises(UsageError, match=r"a\.spans\.npy' exists"):
        encode_file(mini, TEXTS, tmp_path / "a.npy", options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.spans.npy"]
    encode_file(mini, TEXTS, tmp_path / "a.npy", options, overwrite=True)
    found = np.load(spans)
    assert len(found) == len(np.load(tmp_path / "a.npy"))
    assert found[0].tolist() == [1, 0, 0, 0]


def test_a_crash_between_spans_and_vectors_costs_nothing(mini, tmp_path, monkeypatch):
    path, options = tmp_path / "a.npy", EncodeOptions(chunk="tokens=20")
    replace = os.replace

    def pulled(source, target):
        if target == path:
            raise PulledPlugError
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("sentemb.encoding.job.os.replace", pulled)
        with pytest.raises(PulledPlugError):
            encode_file(mini, TEXTS, path, options)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.npy.parts", "a.spans.npy"]
    assert encode_file(mini, TEXTS, path, options).kept_rows == len(TEXTS)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.npy", "a.spans.npy"]
    assert len(np.load(path)) == len(np.load(tmp_path / "a.spans.npy"))


@pytest.mark.long
def test_devices_write_the_same_bytes(mini, tmp_path):
    mini.save_pretrained(str(tmp_path / "model"))
    options = EncodeOptions(chunk="tokens=20,overlap=4")
    (tmp_path / "a.txt").write_text("\n".join(TEXTS * 4) + "\n")
    encode_on_devices(
        tmp_path / "model", tmp_path / "a.txt", tmp_path / "a.npy", ["cpu", "cpu"], options
    )
    load(tmp_path / "model").encode_file(
        tmp_path / "a.txt", tmp_path / "b.npy", chunk=options.chunk
    )
    for name in ("npy", "spans.npy"):
        assert (tmp_path / f"a.{name}").read_bytes() == (tmp_path / f"b.{name}").read_bytes()


def test_blank_rows_are_as_they_are_asked_for(mini, tmp_path):
    for chunk in ("tokens=20", "tokens=20,late"):
        options = EncodeOptions(chunk=chunk, empty="nan")
        encode_file(mini, TEXTS, tmp_path / f"{len(chunk)}.npy", options)
        found = np.load(tmp_path / f"{len(chunk)}.npy")
        assert np.isnan(found[0]).all()
        assert np.isfinite(found[1:]).all()
    with pytest.raises(InputError, match="Text 1 is empty"):
        encode_file(
            mini, TEXTS, tmp_path / "b.npy", EncodeOptions(chunk="tokens=20", empty="error")
        )


@pytest.mark.parametrize(
    ("chunk", "said"),
    [
        ("tokens=20,overlap=20", "overlap from 0 to less than these; got tokens=20,overlap=20."),
        ("tokens=0", "tokens of at least 1"),
        ("tokens=20,overlap=-1", "got tokens=20,overlap=-1."),
        ("overlap=3", "needs the tokens of a chunk"),
        ("tokens=x", "takes tokens=256,overlap=32"),
        ("tokens=20,size=3", "takes tokens=256,overlap=32"),
        ("tokens=200", "do not fit this model, which reads 128 .* at most tokens=126"),
        ("tokens=400,overlap=126,late", "overlaps by 126 tokens, and the model reads 126"),
    ],
)
def test_chunks_that_cannot_be(sentemb, tmp_path, chunk, said):
    (tmp_path / "a.txt").write_text("\n".join(TEXTS) + "\n")
    process = sentemb("encode", "a.txt", "--chunk", chunk)
    assert process.returncode == 2
    last = process.stderr.decode().strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert re.search(said, last), last
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_late_chunking_cannot_take(mini_cls, tmp_path):
    with pytest.raises(UsageError, match="pools by the mean"):
        embedded(mini_cls, "tokens=20,late")
    rows = [TextRow("a", {"text": "a", "start": 3})]
    options = EncodeOptions(chunk="tokens=20", keep_columns=True)
    with pytest.raises(InputError, match="called 'start', as one of the chunks is"):
        encode_file(mini_cls, rows, tmp_path / "a.jsonl", options)


def test_the_stream_and_the_door_have_them_too(sentemb, tmp_path):
    process = sentemb("encode", "-", "--chunk", "tokens=20", "-o", "-", stdin="\n".join(TEXTS[1:]))
    assert process.returncode == 0, process.stderr
    rows = [json.loads(line) for line in process.stdout.splitlines()]
    assert {row["row"] for row in rows} == set(range(1, len(TEXTS)))
    made = load("mini-sentemb").encode_file(TEXTS[1:], tmp_path / "a.npy", chunk="tokens=20")
    assert made.chunks == len(rows)
