"""R-Drop in any trainer of transformers: the paper's value, one forward, nothing in evaluation."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax
from transformers import (
    BertForSequenceClassification,
    BertForTokenClassification,
    BertLMHeadModel,
    Trainer,
)

from sentemb.errors import IdenticalViewsError, UsageError
from sentemb.finetuning import RDropMixin
from sentemb.finetuning.r_drop import _divergence
from sentemb.runs.processes import leave_processes
from tests.support.processes import run_twice
from tests.support.r_drop_cases import model_of, of_three, of_tokens, score, trainer_of


def batch_of(trainer):
    return next(iter(trainer.get_train_dataloader()))


def test_the_value_is_the_papers(tmp_path):
    """Against scipy's relative entropy, from the logits of both passes."""
    trainer = trainer_of(model_of(BertForSequenceClassification, num_labels=3), of_three, tmp_path)
    inputs = batch_of(trainer)
    loss, outputs = trainer.compute_loss(trainer.model.train(), inputs, return_outputs=True)
    first, second = outputs.logits.detach().double().chunk(2)
    p, q = (softmax(x.numpy(), axis=1) for x in (first, second))
    labels = inputs["labels"].numpy()
    likelihood = -np.mean(np.log(p[range(8), labels]) + np.log(q[range(8), labels]))
    kl = (rel_entr(p, q) + rel_entr(q, p)).sum(axis=1).mean() / 2
    assert kl > 1e-6
    assert float(loss.detach()) == pytest.approx(likelihood + 0.7 * kl, abs=3e-6)


def test_the_frozen_divergences():
    a = torch.tensor([[2, 0.5, -1], [0.1, 0.2, 0.3]], dtype=torch.float64)
    b = torch.tensor([[1.5, 0.7, -0.5], [0.4, 0, 0.1]], dtype=torch.float64)
    assert float(_divergence(a, b, torch.tensor([0, 2]), None)) == pytest.approx(
        0.0447843181, abs=1e-8
    )


def test_tokens_without_a_label_do_not_count(tmp_path):
    model = model_of(BertForTokenClassification, num_labels=3)
    trainer = trainer_of(model, of_tokens, tmp_path)
    inputs = batch_of(trainer)
    loss, outputs = trainer.compute_loss(model.train(), inputs, return_outputs=True)
    first, second = outputs.logits.detach().double().chunk(2)
    counts = (inputs["labels"] != -100).numpy()
    assert counts.sum() == 8 * 4
    p, q = (softmax(x.numpy(), axis=2)[counts] for x in (first, second))
    labels = inputs["labels"].numpy()[counts]
    rows = range(len(labels))
    likelihood = -np.mean(np.log(p[rows, labels]) + np.log(q[rows, labels]))
    kl = (rel_entr(p, q) + rel_entr(q, p)).sum(axis=1).mean() / 2
    assert float(loss.detach()) == pytest.approx(likelihood + 0.7 * kl, abs=3e-6)


def test_regression_has_squared_differences(tmp_path):
    model = model_of(BertForSequenceClassification, num_labels=1)
    trainer = trainer_of(model, score, tmp_path)
    inputs = batch_of(trainer)
    loss, outputs = trainer.compute_loss(model.train(), inputs, return_outputs=True)
    first, second = outputs.logits.detach().squeeze(1).chunk(2)
    gold = inputs["labels"]
    expected = (first - gold).square().mean() + (second - gold).square().mean()
    expected += 0.7 * (first - second).square().mean()
    torch.testing.assert_close(loss.detach(), expected)


def test_several_labels_at_once_have_a_divergence_each():
    a, b = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.manual_seed(0))
    p, q = a.sigmoid().numpy(), b.sigmoid().numpy()
    both = sum(rel_entr(x, y) + rel_entr(1 - x, 1 - y) for x, y in ((p, q), (q, p)))
    expected = both.sum(axis=1).mean() / 2
    mine = _divergence(a, b, torch.zeros(4, 3), "multi_label_classification")
    assert float(mine) == pytest.approx(expected, abs=1e-12)


def forwards(model):
    rows = []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: rows.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    return rows


def test_one_forward_of_two_passes_in_training_and_an_ordinary_one_in_evaluation(tmp_path):
    model = model_of(BertForSequenceClassification, num_labels=3)
    trainer = trainer_of(model, of_three, tmp_path)
    seen = forwards(model)
    trainer.train()
    assert seen == [16] * 4
    seen.clear()
    ours = trainer.evaluate()["eval_loss"]
    assert seen == [8, 8]
    stock = trainer_of(model, of_three, tmp_path, trainer=Trainer)
    assert stock.evaluate()["eval_loss"] == ours


def test_both_terms_are_logged(tmp_path):
    trainer = trainer_of(model_of(BertForSequenceClassification, num_labels=3), of_three, tmp_path)
    trainer.train()
    lines = [line for line in trainer.state.log_history if "loss" in line]
    assert len(lines) == 4
    for line in lines:
        assert line["loss"] == pytest.approx(line["loss_task"] + 0.7 * line["loss_kl"], abs=1e-3)


@pytest.mark.parametrize(
    "options", [{"bf16": True}, {"label_smoothing_factor": 0.1}, {"gradient_accumulation_steps": 2}]
)
def test_features_of_the_stock_trainer(tmp_path, options):
    model = model_of(BertForSequenceClassification, num_labels=3)
    before = model.classifier.weight.clone()
    trainer = trainer_of(model, of_three, tmp_path, **options)
    assert np.isfinite(trainer.train().training_loss)
    assert not torch.equal(before, model.classifier.weight)


def test_label_smoothing_is_of_both_passes(tmp_path):
    model = model_of(BertForSequenceClassification, num_labels=3)
    trainer = trainer_of(model, of_three, tmp_path, label_smoothing_factor=0.2)
    inputs = batch_of(trainer)
    gold = inputs["labels"].clone()
    loss, outputs = trainer.compute_loss(model.train(), inputs, return_outputs=True)
    first, second = outputs.logits.detach().chunk(2)
    smooth = torch.nn.CrossEntropyLoss(label_smoothing=0.2)
    kl = _divergence(first, second, gold, None)
    torch.testing.assert_close(loss.detach(), smooth(first, gold) + smooth(second, gold) + 0.7 * kl)


def test_two_halves_accumulated_are_one_whole(tmp_path):
    """Without dropout KL is 0, so that halves and whole can be compared."""
    gradients = []
    for size, steps in ((8, 1), (4, 2)):
        model = model_of(
            BertForSequenceClassification,
            num_labels=3,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        one = trainer_of(
            model,
            of_three,
            tmp_path,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=steps,
            max_steps=1,
            max_grad_norm=0.0,
            optim="sgd",
        )
        one._passes_known_to_differ = True
        one.train()
        gradients.append(model.classifier.weight.detach().clone())
    torch.testing.assert_close(*gradients)


def test_one_number_a_row_is_a_regression_whatever_the_config_says():
    a, b = torch.randn(4, 1), torch.randn(4, 1)
    assert _divergence(a, b, torch.randn(4), None) == (a - b).square().mean()


def test_labels_as_numbers_of_the_logits_shape_are_several_at_once():
    a, b, labels = torch.randn(4, 3), torch.randn(4, 3), torch.ones(4, 3)
    mine = _divergence(a, b, labels, None)
    assert mine == _divergence(a, b, labels, "multi_label_classification")


def test_rows_without_a_label_count_in_no_term():
    a, b = torch.randn(4, 3), torch.randn(4, 3)
    mine = _divergence(a, b, torch.tensor([1, -100, 2, -100]), None)
    torch.testing.assert_close(mine, _divergence(a[::2], b[::2], torch.tensor([1, 2]), None))


def test_a_language_model_answers_one_token_earlier(tmp_path):
    model = model_of(BertLMHeadModel, is_decoder=True)
    trainer = trainer_of(model, of_three, tmp_path)
    ids = torch.randint(5, 20, (2, 6))
    labels = ids.masked_fill(torch.arange(6) < 3, -100)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    _, outputs = trainer.compute_loss(model.train(), batch, return_outputs=True)
    first, second = (x[:, 2:5] for x in outputs.logits.detach().chunk(2))
    expected = _divergence(first, second, torch.zeros(2, 3), None)
    torch.testing.assert_close(trainer._r_drop_terms[-1]["kl"], expected)


def test_terms_are_not_kept_where_nothing_is_logged(tmp_path):
    model = model_of(BertForSequenceClassification, num_labels=3)
    trainer = trainer_of(model, of_three, tmp_path, logging_strategy="no")
    trainer.train()
    assert trainer._r_drop_terms == []


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    whole = model_of(BertForSequenceClassification, num_labels=3)
    trainer_of(whole, of_three, tmp_path).train()
    resumed = model_of(BertForSequenceClassification, num_labels=3)
    trainer = trainer_of(resumed, of_three, tmp_path)
    trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    for mine, other in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_a_model_without_dropout_is_refused(tmp_path):
    model = model_of(
        BertForSequenceClassification,
        num_labels=3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    with pytest.raises(
        IdenticalViewsError,
        match=r"no dropout, so R-Drop .* no effect\. Set hidden_dropout_prob and",
    ):
        trainer_of(model, of_three, tmp_path).train()


def test_what_cannot_work_is_refused(tmp_path):
    class Negative(RDropMixin, Trainer):
        r_drop = -1.0

    model = model_of(BertForSequenceClassification, num_labels=3)
    with pytest.raises(UsageError, match="r_drop is a weight, 0 or more, got -1"):
        trainer_of(model, of_three, tmp_path, trainer=Negative)
    trainer = trainer_of(model, of_three, tmp_path)
    with pytest.raises(UsageError, match="needs labels in every batch"):
        trainer.compute_loss(model.train(), {"input_ids": torch.ones(2, 3, dtype=torch.long)})


def trained_in_part(folder):
    model = model_of(BertForSequenceClassification, num_labels=3)
    trainer = trainer_of(model, of_three, folder, per_device_train_batch_size=4)
    trainer.train()
    torch.save(model.state_dict(), folder / f"rank-{trainer.args.process_index}.pt")
    leave_processes()


def test_two_processes_stay_equal(tmp_path):
    run_twice(partial(trained_in_part, tmp_path), tmp_path)
    one, other = (torch.load(tmp_path / f"rank-{rank}.pt") for rank in range(2))
    start = model_of(BertForSequenceClassification, num_labels=3).state_dict()
    for name in start:
        assert torch.equal(one[name], other[name])
    assert not torch.equal(one["classifier.weight"], start["classifier.weight"])
