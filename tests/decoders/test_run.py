"""Training a decoder: its folder, resuming, other language models, and what is refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BertConfig, BertLMHeadModel

import sentemb
from sentemb.bundled import bundled
from sentemb.decoders import load_decoder, train_decoder
from sentemb.errors import InputError, InterruptedRunError, UsageError
from tests.decoders.conftest import SHORT
from tests.support.helpers import assert_refused
from tests.support.processes import run_twice, sentemb_in


def weights(folder):
    model = load_decoder(folder).model
    return torch.cat([tensor.flatten() for tensor in model.state_dict().values()])


def test_folder_is_a_language_model_with_a_record(decoders):
    folder = decoders("prefix")
    config = json.loads((folder / "decoder.json").read_text())
    known = np.load(folder / "tokens.npy")
    plain = AutoModelForCausalLM.from_pretrained(folder)
    assert (config["kind"], config["encoder"], config["dim"]) == ("prefix", "mini-sentemb", 96)
    assert config["vocabulary"] == len(known) == plain.config.vocab_size
    assert 0 < sum(p.numel() for p in plain.parameters()) < 10_000_000
    record = json.loads((folder / "run.json").read_text())
    assert record["metrics"]["loss"] > 0
    assert not (folder / "teacher").exists()
    assert "sentemb.decode" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "kind", ["capdec", pytest.param("decap", marks=pytest.mark.long),
             pytest.param("prefix-transformer", marks=pytest.mark.long)]
)  # fmt: skip
def test_resumed_bit_for_bit(decoders, tmp_path, texts, kind, monkeypatch):
    """Cut after two of four steps, the decoder is the one that was never cut, noise and all."""
    from sentemb.decoders import run

    class Cut(run.DecoderTrainer):
        def _save_checkpoint(self, *args):
            super()._save_checkpoint(*args)
            if self.state.global_step == 2:
                raise InterruptedRunError("cut", 15)

    with monkeypatch.context() as patch:
        patch.setattr(run, "DecoderTrainer", Cut)
        with pytest.raises(InterruptedRunError):
            train_decoder("mini-sentemb", texts, tmp_path / "cut", kind=kind, **SHORT)
    with pytest.raises(UsageError, match=r"was started otherwise: .*kind was"):
        train_decoder("mini-sentemb", texts, tmp_path / "cut", resume=True, **SHORT)
    train_decoder("mini-sentemb", texts, tmp_path / "cut", kind=kind, resume=True, **SHORT)
    assert torch.equal(weights(tmp_path / "cut"), weights(decoders(kind)))


@pytest.mark.long
def test_two_processes_train_one_decoder_and_resume_bit_for_bit(tmp_path, texts):
    """Each has 8 of the 16 texts of a step; the run is cut at a step of its second epoch."""
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts[:48]))
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    words = ("train-decoder", "mini-sentemb", "texts.txt", "--kind", "capdec", "--batch-size", 8,
             "--max-steps", 6, "--save-steps", 2, "--keep-checkpoints")  # fmt: skip
    first, second = run_twice(sentemb_in(tmp_path, *words, "-o", whole), tmp_path)
    assert "loss" in first
    assert "loss" not in second
    record = json.loads((whole / "run.json").read_text())
    assert (record["processes"], record["steps"]) == (2, 6)
    assert not (whole / "teacher").exists()
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "checkpoints/checkpoint-6")
    run_twice(sentemb_in(tmp_path, *words, "--resume", "-o", cut), tmp_path)
    assert torch.equal(weights(cut), weights(whole))
    assert len(sentemb.decode(cut, ["A man plays a guitar."]).texts) == 1


@pytest.mark.long
def test_long_texts_are_left_out_and_named(tmp_path, texts, caplog):
    run = train_decoder("mini-sentemb", [*texts, "long " * 50], tmp_path / "a", **SHORT)
    assert run.long_rows == 1
    assert "1 texts have more than 24 tokens (`max_length` allows more) and are" in caplog.text
    assert "left out, first 'long long" in caplog.text
    with pytest.raises(InputError, match="every text has more than 2 tokens"):
        train_decoder("mini-sentemb", texts, tmp_path / "b", **SHORT | {"max_length": 2})


def test_a_causal_model_of_another_tokenizer(decoders, tmp_path, texts):
    """The folder of a decoder, with its whole vocabulary, is a language model to start from."""
    start = tmp_path / "start"
    tokenizer = AutoTokenizer.from_pretrained(bundled("mini"))
    small = AutoModelForCausalLM.from_pretrained(decoders("prefix"))
    small.resize_token_embeddings(len(tokenizer))
    small.save_pretrained(start)
    tokenizer.save_pretrained(start)
    run = train_decoder(
        "mini-sentemb", texts, tmp_path / "made", language_model=start, **SHORT | {"max_steps": 1}
    )
    assert load_decoder(run.output).known is None
    assert len(sentemb.decode(run.output, texts[:2])) == 2
    with pytest.raises(UsageError, match="give a `max_length` of at most 24"):
        train_decoder("mini-sentemb", texts, language_model=start, **SHORT | {"max_length": 30})


@pytest.mark.long
def test_a_model_that_sees_what_is_behind_is_refused(tmp_path, texts):
    config = BertConfig(vocab_size=8192, hidden_size=16, num_hidden_layers=1,
                        num_attention_heads=2, intermediate_size=16)  # fmt: skip
    BertLMHeadModel(config).save_pretrained(tmp_path / "bert")
    AutoTokenizer.from_pretrained(bundled("mini")).save_pretrained(tmp_path / "bert")
    with pytest.raises(InputError, match=r"is not causal|cannot read a prefix"):
        train_decoder("mini-sentemb", texts, language_model=tmp_path / "bert", **SHORT)


def test_options_without_effect(texts):
    with pytest.raises(UsageError, match="noise has no effect with prefix"):
        train_decoder("mini-sentemb", texts, noise=1.0)
    with pytest.raises(UsageError, match="kind must be one of prefix"):
        train_decoder("mini-sentemb", texts, kind="clip")
    with pytest.raises(UsageError, match="No option 'epoch' of train_decoder"):
        train_decoder("mini-sentemb", texts, epoch=1)


def test_command_of_privacy(sentemb, tmp_path):
    (tmp_path / "few.txt").write_text("".join(f"A man has {n} dogs.\n" for n in range(24)))
    for _ in range(2):
        done = sentemb("privacy", "mini-sentemb", "few.txt", "--max-steps", "1", "--json")
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 2
    assert (tmp_path / "runs/decoder-of-mini-sentemb/decoder.json").is_file()
    for command, message in (
        ("privacy runs/decoder-of-mini-sentemb few.txt --max-steps 1", "have no effect with"),
        ("privacy mini-sentemb few.txt --max-steps 1 --seed -1", "seed must be at least 0"),
        ("privacy mini-sentemb few.txt --max-steps 1 --max-length 9", "--max-length was 32"),
    ):
        assert_refused(sentemb, tmp_path, {}, command, 2, message)
    assert_refused(sentemb, tmp_path, {}, "privacy nowhere few.txt", 3, "No model 'nowhere'")


DAMAGES = [
    ("decoder.json", None, "is not a decoder: it holds no decoder.json"),
    ("decoder.json", b"{}", "decoder.json' is damaged"),
    ("mapping.safetensors", None, "mapping.safetensors' is missing or damaged"),
    ("memory.npy", None, "The decoder has no memory"),
    ("memory.npy", b"no", "memory.npy' is missing or damaged"),
    ("tokens.npy", None, "tokens.npy' is missing or damaged"),
]


@pytest.mark.parametrize(
    ("name", "content", "message"), DAMAGES, ids=[f"{n}-{c}" for n, c, _ in DAMAGES]
)
def test_damaged_folder(decoders, tmp_path, name, content, message):
    folder = shutil.copytree(decoders("decap"), tmp_path / "copy")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_decoder(folder)


def test_empty_memory(decoders, tmp_path):
    folder = shutil.copytree(decoders("decap"), tmp_path / "copy")
    np.save(folder / "memory.npy", np.zeros((0, 96), np.float16))
    with pytest.raises(InputError, match="memory of the decoder holds no text"):
        load_decoder(folder)


def test_command(sentemb, tmp_path):
    lines = "\n".join(f"A man has {n} dogs." for n in range(12))
    (tmp_path / "few.txt").write_text(lines + "\n")
    done = sentemb("train-decoder", "mini-sentemb", "few.txt", "-o", "made", "--max-steps", "1",
                   "--batch-size", "4", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 11
    vectors = np.random.default_rng(0).standard_normal((3, 96)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    done = sentemb("decode", "made", "v.npy", "-o", "-")
    assert [json.loads(line)["row"] for line in done.stdout.splitlines()] == [1, 2, 3]
    for _ in range(2):
        done = sentemb("decode", "made", "v.npy", "-o", "out.csv", "--overwrite", "--json")
        assert len(json.loads(done.stdout)["rows"]) == 3
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4
    for command, code, message in (
        ("decode made v.npy -o out.csv", 2, "Output 'out.csv' exists"),
        ("decode made v.npy -o out.doc", 2, "ending in .jsonl, .csv, .tsv, .parquet"),
        ("decode made v.npy -o - --json", 2, "both want stdout"),
        ("privacy made few.txt --dims many", 2, "take numbers, commas between"),
        ("privacy made few.txt --dims 97", 2, "dims must be at most 96"),
        ("cluster few.txt --name-by few.txt", 3, "is not a decoder"),
        ("train-decoder mini-sentemb few.txt -o made", 2, "is not empty"),
        ("train-decoder mini-sentemb few.txt -o b --kind prefx", 2, "Did you mean 'prefix'?"),
        ("train-decoder mini-sentemb none.txt -o b", 3, "No file 'none.txt'"),
        ("train-decoder mini-sentemb few.txt -o b --noise 1", 2, "noise has no effect with"),
        ("decode made", 2, "decode takes a FILE or --midpoint"),
        ("decode nowhere v.npy", 3, "is not a decoder"),
        ("decode made v.npy --samples 2 --beams 2", 2, "samples draws texts"),
    ):
        assert_refused(sentemb, tmp_path, {}, command, code, message)
