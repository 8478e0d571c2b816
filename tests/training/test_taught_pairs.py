"""RankCSE and GIST: a teacher beside pairs of any columns, exact resume, plain folders."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer

from sentemb import InfoNCE, Method, Settings, Siamese, View, train
from sentemb.datasets import TrainingData
from sentemb.encoders.embedding import TEXTS
from sentemb.errors import InputError, UsageError
from sentemb.evaluation.disclosure import disclose
from sentemb.losses import (
    CosineDistillation,
    Guided,
    ListMLE,
    ListNet,
    MarginMSE,
    NTXent,
    SimilarityKL,
    SimilarityMSE,
    Sum,
    VICReg,
)
from sentemb.methods import gist, rankcse
from sentemb.methods.overrides import override
from sentemb.runs import frozen_vectors
from sentemb.training.collator import Collator
from sentemb.training.teaching import teach_few
from sentemb.twins import AveragedTeachers, ConstantMomentum, MomentumQueue, Teacher
from tests.support import encoders, zoo
from tests.support.helpers import PowerCut, assert_bit_equal, numbered, state, without_dropout

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, epochs=9, max_steps=4, save_steps=2)
COLUMNS = ("anchor", "positive", "negative")


@pytest.fixture
def narrow(build_tiny, tmp_path):
    """A teacher of 32 dimensions; students have 96."""
    build_tiny("Bert").save_pretrained(str(tmp_path / "narrow"), create_model_card=False)
    return str(tmp_path / "narrow")


@pytest.fixture
def triplets(sentences):
    """24 rows; each positive is the next row's anchor, the negatives are their own."""
    columns = sentences[:24], sentences[1:25], sentences[30:54]
    rows = Dataset.from_dict(dict(zip(COLUMNS, columns, strict=True)))
    return TrainingData(rows, "triplets", 0)


@pytest.fixture
def encoded(monkeypatch):
    """How many texts are embedded, at each call."""
    calls, embed = [], frozen_vectors.encode_file

    def counting(encoder, texts, *args, **options):
        summary = embed(encoder, texts, *args, **options)
        calls.append(summary.distinct_texts - summary.kept_rows)
        return summary

    monkeypatch.setattr(frozen_vectors, "encode_file", counting)
    return calls


@pytest.fixture
def of_recipe(narrow, unlabelled, triplets):
    """The method of a recipe, anew each time, and its data."""
    few = replace(unlabelled, rows=unlabelled.rows.select(range(24)))
    made = {
        "rankcse": lambda: rankcse(encoders.mini("mean"), "mini-sentemb", narrow),
        "gist": lambda: gist(encoders.mini("mean"), narrow),
    }
    return lambda name: (made[name], few if name == "rankcse" else triplets)


@pytest.mark.sampled
@pytest.mark.parametrize(("name", "texts"), [("rankcse", [24, 24]), ("gist", [25 + 24])])
def test_four_steps_are_two_and_two_resumed(name, texts, of_recipe, tmp_path, encoded, sentences):
    """Each teacher embeds each text once, whatever the columns; the model is a plain one."""
    fresh, data = of_recipe(name)
    whole = fresh()
    started = state(whole)
    train(whole, data, tmp_path / "whole", SETTINGS)
    assert encoded == texts
    assert not any(torch.equal(t, started[n]) for n, t in state(whole).items() if "query" in n)
    cut = fresh()
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", SETTINGS)
    torch.manual_seed(99)
    resumed = fresh()
    train(resumed, data, tmp_path / "cut", SETTINGS, resume=True)
    assert encoded == texts
    assert_bit_equal(state(whole), state(resumed))
    plain = SentenceTransformer(str(tmp_path / "whole"), device="cpu")
    ours = whole.encoder.encode(sentences[:20])
    assert ours.shape == (20, 96)
    assert np.abs(plain.encode(sentences[:20]) - ours).max() <= 1e-6


def pairs_of(method, rows):
    """What a method's loss is given, of these rows."""
    given = []
    method.loss = lambda pairs: given.append(pairs) or pairs.anchor.sum()
    teach_few(method, Dataset.from_list(rows))
    method(**Collator(method.encoder, method.views, 32, 0)(numbered(rows)))
    return given[-1]


def test_the_teacher_stands_beside_every_text_of_the_pairs(narrow, triplets):
    rows = [triplets.rows[number] for number in range(4)]
    pairs = pairs_of(gist(encoders.mini("mean"), narrow).train(), rows)
    known = SentenceTransformer(narrow, device="cpu")
    for column, found in zip(COLUMNS, pairs.of_teacher, strict=True):
        expected = torch.from_numpy(known.encode([row[column] for row in rows]))
        vectors = getattr(pairs, found).reshape(expected.shape)
        torch.testing.assert_close(vectors, expected, rtol=0, atol=1e-6)
    assert torch.equal(pairs.teacher_positive[:-1], pairs.teacher[1:])
    assert pairs.teacher.shape[1] == 32 != pairs.anchor.shape[1]


def test_the_cosines_of_two_teachers_are_averaged(narrow, triplets):
    texts, numbers = triplets.rows["anchor"][:5], torch.arange(5)
    teachers = [Teacher(SentenceTransformer(narrow)), Teacher(encoders.mini("mean"))]
    cosines = []
    for teacher in teachers:
        vectors = teacher.encoder.encode(texts)
        teacher.remember(numbers.numpy(), vectors)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines.append(unit @ unit.T)
    both = AveragedTeachers(*teachers, first_share=0.33)
    found = both.vectors_of(numbers)
    assert found.shape == (5, both.width) == (5, 128)
    expected = torch.from_numpy(0.33 * cosines[0] + 0.67 * cosines[1])
    torch.testing.assert_close(found @ found.T, expected, rtol=0, atol=1e-6)
    with pytest.raises(UsageError, match=r"first_share must be in \(0, 1\), got 1"):
        AveragedTeachers(*teachers, first_share=1)


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["rankcse", "gist"])
def test_micro_batches_have_the_same_loss_and_gradient(name, of_recipe):
    fresh, data = of_recipe(name)
    rows = [data.rows[number] for number in range(8)]
    found = []
    for micro_batch in (0, 3):
        torch.manual_seed(0)
        method = fresh().train()
        without_dropout(method.encoder)
        method._views_known_to_differ = True
        method.set_micro_batch(micro_batch)
        teach_few(method, Dataset.from_list(rows))
        loss = method(**Collator(method.encoder, method.views, 32, 0)(numbered(rows)))["loss"]
        loss.backward()
        gradients = [p.grad.flatten() for p in method.parameters() if p.grad is not None]
        found.append((loss.detach(), torch.cat(gradients)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_queue_is_guided_by_the_teacher_of_its_texts(narrow, triplets):
    """Any twin may have a teacher: a queue's embeddings know their texts."""
    encoder = encoders.mini("mean")
    twin = MomentumQueue(encoder, ConstantMomentum(0.99), queue_size=16).taught_by(
        Teacher(SentenceTransformer(narrow))
    )
    views = (View("anchor"), View("positive"))
    loss = Sum((Guided(InfoNCE(), margin=0.05), ListNet()), (1.0, 1.0))
    method = Method(views, twin, loss).train()
    teach_few(method, triplets.rows)
    for first in (0, 8):
        rows = [triplets.rows[number] for number in range(first, first + 8)]
        outputs = method(**Collator(encoder, views, 32, 0)(numbered(rows)))
        twin.on_batch_end()
    assert torch.isfinite(outputs["loss"])
    assert 0 < int(outputs["masked_negatives"]) <= 8 * 8


def test_another_loss_is_guided_too_and_margins_are_learnt(narrow, triplets, tmp_path):
    made = gist(encoders.mini("mean"), narrow, margin=0.1)
    method = override(made, "gist", loss=NTXent(0.1), mask_above=0.9)
    assert method.loss.contrast == Guided(NTXent(0.1), margin=0.1)
    run = train(method, triplets, tmp_path / "run", replace(SETTINGS, max_steps=1))
    assert run.masked_negatives > 0
    graded = override(gist(encoders.mini("mean"), narrow), "gist", loss=MarginMSE())
    assert train(graded, triplets, tmp_path / "margins", replace(SETTINGS, max_steps=1)).steps == 1


def test_a_loss_that_reads_the_teacher_takes_the_place_of_a_guided_one(narrow):
    plain, by_margin = (gist(encoders.mini("mean"), narrow, margin=m) for m in (0.0, 0.1))
    for loss in (SimilarityKL(), SimilarityMSE(), ListNet(), ListMLE(), CosineDistillation()):
        assert override(plain, "gist", loss=loss).loss == loss
        with pytest.raises(UsageError, match="`margin` and `relative_margin` choose what is con"):
            override(by_margin, "gist", loss=loss)
    both = Sum((InfoNCE(), SimilarityKL()), (1.0, 1.0))
    assert override(by_margin, "gist", loss=both).loss == Guided(both, margin=0.1)
    with pytest.raises(UsageError, match="VICReg contrasts no candidates"):
        override(plain, "gist", loss=VICReg())


def test_record_and_card_name_both_teachers(of_recipe, narrow, tmp_path):
    fresh, data = of_recipe("rankcse")
    train(fresh(), data, tmp_path / "run", replace(SETTINGS, max_steps=1))
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["second_teacher"]["model"] == narrow
    card = (tmp_path / "run/README.md").read_text()
    assert "| second teacher | narrow, " in card
    assert str(tmp_path) not in card
    assert f"taught by {narrow} (" in disclose(tmp_path / "run").labels


def test_what_cannot_teach_is_refused_in_one_line(narrow, triplets, tmp_path):
    encoder = encoders.mini("mean")
    for recipe in (rankcse, gist):
        with pytest.raises(UsageError, match=f"'{recipe.__name__}' needs a teacher: give a bund"):
            recipe(encoder)
    with pytest.raises(InputError, match="No model"):
        rankcse(encoder, "mini-sentemb", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="first_share must be in"):
        rankcse(encoder, "mini-sentemb", narrow, first_share=1.5)
    with pytest.raises(UsageError, match="`first_share` has no effect without `second_teacher`"):
        rankcse(encoder, "mini-sentemb", first_share=0.5)
    assert rankcse(encoder, "mini-sentemb", narrow).twin.teacher.shares[0] == 0.33
    settings = replace(SETTINGS, mask_identical=False)
    with pytest.raises(UsageError, match="looked up by the text: leave `mask_identical` on"):
        train(gist(encoder, narrow), triplets, tmp_path / "run", settings)
    untaught = Method((View("anchor"), View("positive")), Siamese(encoder), Guided(InfoNCE()))
    with pytest.raises(UsageError, match="Guided needs a teacher's embeddings of all texts"):
        train(untaught, triplets, tmp_path / "run", SETTINGS)
    assert not (tmp_path / "run").exists()


def test_missing_negatives_are_no_trouble_to_a_teacher_that_reads_nothing_of_them(
    triplets, tmp_path
):
    """A tokenizer of bytes without special tokens makes no token of a missing negative."""
    zoo.qwen2(tmp_path / "teacher")
    some = triplets.rows.select(range(8)).to_list()
    some[3]["negative"] = ""
    data = TrainingData(Dataset.from_list(some), "ragged", 0)
    method = gist(encoders.mini("mean"), str(tmp_path / "teacher"))
    assert not method.twin.teacher.encoder.tokenizer("")["input_ids"]
    assert train(method, data, tmp_path / "run", replace(SETTINGS, max_steps=1)).steps == 1


def test_a_text_the_teacher_does_not_know_is_counted(narrow, triplets):
    method = gist(encoders.mini("mean"), narrow).train()
    teach_few(method, triplets.rows.select(range(4)))
    rows = numbered([triplets.rows[number] for number in range(2, 6)])
    batch = Collator(method.encoder, method.views, 32, 0)(rows)
    assert TEXTS in batch["views"][0]
    with pytest.raises(UsageError, match="no vector for 5 of the 12 texts of this batch"):
        method(**batch)
