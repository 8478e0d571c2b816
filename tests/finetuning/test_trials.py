"""What is refused before a fine-tuning run writes anything, for what the model is."""

from types import SimpleNamespace

import pytest
from datasets import Dataset
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    T5Config,
    T5ForSequenceClassification,
)

from sentemb.bundled import bundled
from sentemb.datasets import read_training_data
from sentemb.errors import UsageError
from sentemb.finetuning import FinetuneSettings, finetune
from sentemb.finetuning.classifier import try_contrast, try_longest

SIZES = {"vocab_size": 64, "pad_token_id": 0, "eos_token_id": 1}
GPT2 = GPT2Config(n_embd=8, n_layer=1, n_head=1, n_positions=16, **SIZES)
T5 = T5Config(
    d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, decoder_start_token_id=0, **SIZES
)
IDS = [[2, 5, 7, 1], [2, 9, 8, 1], [2, 6, 5, 1]]


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(bundled("mini"))


def rows():
    return Dataset.from_dict({"input_ids": IDS, "attention_mask": [[1] * 4] * 3, "labels": [0] * 3})


def test_a_first_token_that_sees_no_other_is_not_contrasted(tokenizer):
    with pytest.raises(UsageError, match="GPT2ForSequenceClassification gives the first token"):
        try_contrast(GPT2ForSequenceClassification(GPT2), tokenizer, rows())


def test_without_hidden_states_nothing_is_contrasted(tokenizer):
    with pytest.raises(UsageError, match="T5ForSequenceClassification gives no hidden states"):
        try_contrast(T5ForSequenceClassification(T5), tokenizer, rows())


def test_an_encoder_is_contrasted(tokenizer):
    encoder = BertForSequenceClassification.from_pretrained(bundled("mini"))
    assert try_contrast(encoder, tokenizer, rows()) is None


def test_the_longest_row_needs_a_place_for_each_token(tokenizer):
    encoder = BertForSequenceClassification.from_pretrained(bundled("mini"))
    assert try_longest(encoder, tokenizer, Dataset.from_dict({"input_ids": [[5] * 128]})) is None
    with pytest.raises(UsageError, match="129 tokens, which do not fit into a Bert"):
        try_longest(encoder, tokenizer, Dataset.from_dict({"input_ids": [[5], [5] * 129]}))


def test_several_processes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sentemb.finetuning.run.processes", lambda: SimpleNamespace(num_processes=2)
    )
    data = read_training_data(bundled("topics.tsv"), [("text", "label")])
    with pytest.raises(UsageError, match="one process: start it without torchrun"):
        finetune("mini", data, data, tmp_path / "out", FinetuneSettings())
    assert not (tmp_path / "out").exists()
