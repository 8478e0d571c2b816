"""Training embeds what encoding embeds: with the model's prompt, or the columns' own."""

import json

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import Method, NTXent, Settings, Siamese, View, build_encoder, simcse_unsup, train
from sentemb.encoders import embed
from sentemb.encoders.packed import packed
from sentemb.encoders.prompts import prompt_of, set_prompts
from sentemb.encoders.without_padding import reads_first_token_only
from sentemb.errors import UsageError
from sentemb.training.collator import Collator
from sentemb.views import SubwordCrop, TokenShuffle
from tests.support.helpers import numbered

PROMPTS = {"anchor": "a question: ", "positive": "an answer to it: "}


@pytest.fixture
def rows(sentences):
    each = zip(sentences[:5], sentences[5:10], sentences[10:15], strict=True)
    return numbered(
        {"text": a, "anchor": a, "positive": p, "negative": n}
        for a, p, n in [*each, ("a", "b", "c")]
    )


def bundled(encoder, views, rows, length=64):
    features = Collator(encoder, views, length, 0)(rows)["views"]
    with torch.no_grad():
        return [view.numpy() for view in embed(encoder.eval(), features, views)]


@pytest.mark.sampled
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "cls_before_pooler", "lasttoken"])
def test_training_embeds_what_encoding_embeds(pooling, include, rows):
    """By the default prompt; by a prompt for each column, one forward for all of them; packed."""
    encoder = build_encoder("mini", pooling=pooling, device="cpu")
    encoder[1].include_prompt = include
    encoder.prompts, encoder.default_prompt_name = {"query": "a question: "}, "query"
    texts = [row["text"] for row in rows]
    for found in bundled(encoder, (View(), View()), rows):
        np.testing.assert_allclose(found, encoder.encode(texts), atol=1e-5)
    assert abs(encoder.encode(texts) - encoder.encode(texts, prompt="")).max() > 0.01
    columns = ["anchor", "positive", "negative"]
    set_prompts(encoder, PROMPTS, columns)
    views = tuple(map(View, columns))
    anchors, positives, negatives = bundled(encoder, views, rows)
    with packed(encoder[0].auto_model, first_only=reads_first_token_only(encoder[1])):
        np.testing.assert_allclose(bundled(encoder, views, rows)[0], anchors, atol=1e-5)
    asked = encoder.encode_query([row["anchor"] for row in rows])
    np.testing.assert_allclose(anchors, asked, atol=1e-5)
    for found, column in ((positives, "positive"), (negatives, "negative")):
        expected = encoder.encode([row[column] for row in rows], prompt=PROMPTS["positive"])
        np.testing.assert_allclose(found, expected, atol=1e-5)
        documents = encoder.encode_document([row[column] for row in rows])
        np.testing.assert_allclose(found, documents, atol=1e-5)


def test_views_change_the_text_and_not_its_prompt(mini, rows):
    set_prompts(mini, {"text": "a question: "}, ["text"])
    seen = []
    views = (
        View(edit=lambda text, random: seen.append(text) or "x"),
        View(edit_tokens=SubwordCrop(1)),
    )
    first, second = Collator(mini, views, 64, 0)(rows)["views"]
    assert seen == [row["text"] for row in rows]
    prompt = mini.tokenizer("a question: ")["input_ids"][:-1]
    for view in (first, second):
        assert (view["input_ids"][:, : len(prompt)] == torch.tensor(prompt)).all()
    assert second["attention_mask"].sum(1).tolist() == [len(prompt) + 2] * len(rows)
    shuffled = TokenShuffle()
    masks = []
    order = View(order=lambda mask, draws: masks.append(mask) or shuffled(mask, draws))
    bundled(mini, (order, View()), rows)
    assert not masks[0][:, : len(prompt)].any()
    assert masks[0].any(dim=1).all()


def test_one_prompt_for_all_columns_is_the_default(mini):
    set_prompts(mini, {"text": "a question: "}, ["text", "text"])
    assert mini.default_prompt_name == "text"
    assert prompt_of(mini, "anchor") == "a question: "
    with pytest.raises(UsageError, match=r"No view reads the column 'anchor'.*read text"):
        set_prompts(mini, PROMPTS, ["text", "text"])


def test_a_run_with_the_default_prompt_says_so(mini, unlabelled, tmp_path):
    mini.prompts, mini.default_prompt_name = {"query": "a question: "}, "query"
    settings = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=1)
    run = train(simcse_unsup(mini), unlabelled, tmp_path / "run", settings)
    assert run.prompts == {"text": "a question: "}
    views = (View("anchor"), View("positive"))
    assert Collator(mini, views, 8, 0).prompts == ["a question: "] * 2
    assert Method(views, Siamese(mini), NTXent()).encoder is mini


def test_prompts_are_typed_kept_told_and_compared(sentemb, tmp_path):
    given = ("train", "--method", "simcse-sup", "--max-steps", 1, "--batch-size", 8, "-o", "run")
    prompts = ("--prompt", "anchor=question: ", "--prompt", "positive=answer: ")
    process = sentemb(*given, *prompts)
    assert process.returncode == 0, process.stderr
    said = "anchor 'question: ', positive 'answer: ', negative 'answer: '"
    assert f"prompts: {said}".encode() in process.stderr
    assert f"| prompts | {said} |" in (tmp_path / "run" / "README.md").read_text()
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["prompts"]["anchor"] == "question: "
    saved = SentenceTransformer(str(tmp_path / "run"), device="cpu")
    assert saved.prompts == {"anchor": "question: ", "positive": "answer: "} | {
        "query": "question: ", "document": "answer: "
    }  # fmt: skip
    process = sentemb(*given, "--prompt", "anchor=other: ", "--resume")
    assert process.returncode == 2
    assert b"prompts=" in process.stderr
    for typed, message in (("anchor", b"takes COLUMN=TEXT"), ("text=x", b"No view reads")):
        process = sentemb(*given, "--overwrite", "--prompt", typed)
        assert process.returncode == 2
        assert message in process.stderr
