"""Tokens that were made ahead are the tokens that the encoder makes of the strings of a batch."""

import logging
import pickle
from random import Random

import pytest
import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from transformers import BertTokenizerLegacy

from sentemb import Settings, View, build_encoder, simcse_unsup, train
from sentemb.encoders.bounded import Bounded
from sentemb.encoders.prompts import prompt_of, prompt_tokens, set_prompts
from sentemb.methods import METHODS, options_of, recipe_named
from sentemb.training import tokenised_rows
from sentemb.training.collator import Collator, NumberedRows
from sentemb.training.preflight import what_is_read
from sentemb.training.tokenised_rows import number_of
from sentemb.views import Crop, SubwordRepetition, WordDropout, row_key
from sentemb.views.splitting import words_of
from tests.support import encoders, zoo
from tests.support.helpers import assert_bit_equal, state

LONG = "A sentence, with many words in it, that is longer than most. " * 9
ODD = ["", "  ", "naïve Café", "我用BERT-base 学习", "[SEP] in a text </s>", "ราคา แพง", LONG]


def earlier(encoder, views, max_length, seed, rows):
    """What the collator did when it tokenised the strings of each batch through transformers."""
    keys = [row_key(seed, row["epoch"], row["row"], v) for v in range(len(views)) for row in rows]
    randoms = [Random(key) for key in keys]
    each = [(view, row) for view in views for row in rows]
    prompts = [prompt_of(encoder, view.column) for view, _ in each]
    bounded = Bounded(encoder.tokenizer, max_length)
    with words_of(encoder.tokenizer):
        texts = [
            bounded(prompt + view.read(row, random)) or " "
            for prompt, (view, row), random in zip(prompts, each, randoms, strict=True)
        ]
    given = {"text": {"max_length": max_length, "truncation": True}}
    tensors = dict(encoder.preprocess(texts, processing_kwargs=given))
    del tensors["modality"]
    lengths = [prompt_tokens(encoder, prompt) for prompt in prompts]
    if any(view.edit_tokens for view in views):
        tensors = earlier_edits(encoder, tensors, each, randoms, lengths)
    if any(lengths):
        tensors["prompt_tokens"] = torch.tensor(lengths)
    tensors["row_keys"] = torch.tensor([key - 2**63 for key in keys])
    tensors["text_ids"] = torch.tensor([number_of(row[view.column]) for view, row in each])
    if len({view.column for view in views}) > 2:
        there = [bool(row[view.column]) for view, row in each]
        tensors["present"] = torch.tensor(there)
    return tensors


def earlier_edits(encoder, tokens, each, randoms, lengths):
    special = encoder.tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"]
    before, after = special.index(0), special[::-1].index(0)
    limit = encoder.max_seq_length or len(tokens["input_ids"][0])
    rows = []
    for ids, mask, (view, _), random, prompt in zip(
        tokens["input_ids"], tokens["attention_mask"], each, randoms, lengths, strict=True
    ):
        real = ids[mask.bool()].tolist()
        if view.edit_tokens:
            start, end = max(before, prompt), len(real) - after
            inner = view.edit_tokens(real[start:end], random)[: limit - start - after]
            real = [*real[:start], *inner, *real[end:]]
        rows.append(torch.tensor(real))
    ids = pad_sequence(rows, batch_first=True, padding_value=encoder.tokenizer.pad_token_id)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    types = {name: torch.zeros_like(ids) for name in tokens if name == "token_type_ids"}
    return {"input_ids": ids, "attention_mask": mask, **types}


def assert_as_earlier(encoder, views, rows, max_length=32):
    """Compare features of ids made ahead, and of texts, with the earlier ones; return the tokens.

    The rows come in an order of their own, in two batches, in two epochs."""
    collator = Collator(encoder, views, max_length, 7)
    _, tokens = what_is_read(rows, collator)
    edited = [view.column for view in views if view.edit]
    ahead, plain = NumberedRows(rows, tokens=tokens, edited=edited), NumberedRows(rows)
    order = Random(0).sample(range(len(rows)), len(rows))
    for epoch, places in enumerate((order[::2], order[1::2])):
        ahead.epoch = plain.epoch = epoch
        texts = plain.__getitems__(places)
        expected = earlier(encoder, views, max_length, 7, texts)
        for batch in (collator(ahead.__getitems__(places)), collator(texts)):
            for name, tensor in expected.items():
                found = torch.cat([view[name] for view in batch["views"]])
                assert found.dtype == tensor.dtype
                assert torch.equal(found, tensor), name
            assert {name for view in batch["views"] for name in view} == set(expected)
            if "label" in rows.column_names:
                assert batch["labels"].tolist() == [rows[place]["label"] for place in places]
    return tokens


@pytest.fixture
def rows(sentences):
    texts = [*sentences[:20], *ODD]
    names = ("text", "anchor", "positive", "negative", "sentence1", "sentence2")
    columns = {name: texts[place:] + texts[:place] for place, name in enumerate(names)}
    return Dataset.from_dict({**columns, "label": [place % 3 for place in range(len(texts))]})


@pytest.mark.wide
@pytest.mark.filterwarnings("ignore")
def test_the_features_of_every_recipe_are_the_earlier_ones(rows):
    tried = set()
    for name in METHODS:
        if {"teacher", "hub"} & {*options_of(name)}:  # they see what SimCSE sees
            continue
        if not recipe_named(name).reads_texts:
            continue
        encoder = encoders.mini()
        views = recipe_named(name).build(encoder).views
        seen = repr([(view.column, view.edit, view.edit_tokens) for view in views])
        if seen not in tried:
            tried.add(seen)
            tokens = assert_as_earlier(encoder, views, rows)
            assert set(tokens) == {view.column for view in views if view.edit is None}
    assert len(tried) >= 6


@pytest.mark.parametrize("max_length", [4, 32])
def test_edits_prompts_and_truncation(mini, rows, max_length):
    views = (
        View(),
        View(edit=Crop(0.5), edit_tokens=SubwordRepetition()),
        View("positive", edit_tokens=SubwordRepetition()),
        View("negative"),
    )
    assert_as_earlier(mini, views, rows, max_length)
    set_prompts(mini, {"text": "q: ", "positive": "an answer: "}, ["text", "positive"])
    assert set(assert_as_earlier(mini, views, rows, 2 * max_length)) == {
        "text", "positive", "negative"
    }  # fmt: skip


KINDS = (
    zoo.roberta, zoo.xlm_roberta, zoo.albert, zoo.deberta, zoo.qwen2, zoo.gpt2, zoo.llama,
    zoo.t5_encoder, zoo.left_padding, zoo.no_special_tokens,
)  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_other_tokenizers(kind, rows, tmp_path):
    kind(tmp_path / "model")
    encoder = build_encoder(tmp_path / "model", pooling="mean", device="cpu")
    views = (View(), View(edit=WordDropout(0.5)), View(edit_tokens=SubwordRepetition()))
    some = rows.filter(lambda row: row["text"].strip())
    assert set(assert_as_earlier(encoder, views, some)) == {"text"}


def test_a_tokenizer_in_python_is_called_on_the_texts_of_each_batch(mini, rows, tmp_path):
    words = sorted(mini.tokenizer.get_vocab(), key=mini.tokenizer.get_vocab().get)
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    mini[0].processor = BertTokenizerLegacy(str(tmp_path / "vocab.txt"))
    views = (View(), View(edit=Crop(0.5)), View(edit_tokens=SubwordRepetition()))
    assert assert_as_earlier(mini, views, rows) == {}


def test_types_that_vary_are_left_to_the_encoder(mini, rows):
    mini.tokenizer._pad_token_type_id = 1
    assert assert_as_earlier(mini, (View(), View()), rows) == {}


def test_a_full_disk_leaves_tokenising_to_the_batches(mini, rows, monkeypatch, caplog):
    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tokenised_rows, "TemporaryFile", full)
    with caplog.at_level(logging.WARNING):
        assert assert_as_earlier(mini, (View(), View()), rows) == {}
    assert "No space left on device" in caplog.text
    assert len(caplog.messages) == 1


def test_texts_are_not_read_again_where_no_view_edits_them(mini, rows):
    _, tokens = what_is_read(rows, Collator(mini, (View(), View()), 32, 0))
    assert set(NumberedRows(rows.select_columns("text"), tokens=tokens)[3]) == {
        "row", "epoch", "_tokens"
    }  # fmt: skip
    kept = NumberedRows(rows.select_columns("text"), tokens=tokens, edited=["text"])
    assert kept[3]["text"] == rows[3]["text"]
    again = pickle.loads(pickle.dumps(kept))  # noqa: S301 -- as workers that are spawned get it
    assert again[3]["_tokens"]["text"].ids.tolist() == kept[3]["_tokens"]["text"].ids.tolist()


def test_training_is_bit_for_bit_what_it_is_without_tokens_ahead(unlabelled, tmp_path, monkeypatch):
    settings = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=3)
    ahead = simcse_unsup(encoders.mini())
    train(ahead, unlabelled, tmp_path / "ahead", settings)
    monkeypatch.setattr(Collator, "columns_ahead", lambda self: [])
    batch_by_batch = simcse_unsup(encoders.mini())
    train(batch_by_batch, unlabelled, tmp_path / "by batch", settings)
    assert_bit_equal(state(ahead), state(batch_by_batch))
