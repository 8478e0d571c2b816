"""Of pairs with a huge text, the tokens are those of the whole."""

import random

import pytest
from datasets import Dataset
from transformers import AutoTokenizer

from sentemb.bundled import bundled
from sentemb.finetuning.tokens import tokenised

WORDS = ("a", "the guitar", "unbelievably", "plays", "supercalifragilistic", "12", "ok")


@pytest.mark.sampled
@pytest.mark.parametrize("side", ["right", "left"])
def test_pairs_of_texts_of_any_lengths(side, monkeypatch):
    """Long texts of few tokens beside short ones of many, which are cut against each other."""
    monkeypatch.setattr("sentemb.encoders.bounded.LEAST", 60)
    monkeypatch.setattr("sentemb.encoders.bounded.CHARACTERS_A_TOKEN", 1)
    monkeypatch.setattr("sentemb.encoders.bounded.GROWTH", 2)
    tokenizer = AutoTokenizer.from_pretrained(bundled("mini"), truncation_side=side)
    draw = random.Random(0)

    def text():
        if draw.random() < 0.3:  # every character a token
            return "." * draw.randint(1, 59)
        return " ".join(draw.choices(WORDS, k=draw.randint(1, draw.choice([4, 60]))))

    rows = {name: [text() for _ in range(200)] for name in ("sentence1", "sentence2")}
    found, reading = tokenised(Dataset.from_dict(rows), tokenizer, 16)
    expected = tokenizer(*rows.values(), truncation=True, max_length=16)
    assert found["input_ids"][:] == expected["input_ids"]
    assert reading.truncated == sum(len(ids) > 16 for ids in tokenizer(*rows.values())["input_ids"])
