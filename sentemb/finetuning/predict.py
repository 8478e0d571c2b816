"""Labels or scores for rows, by a classifier of transformers."""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from sentemb.datasets.inputs import ID, Inputs
from sentemb.datasets.labels import is_missing
from sentemb.datasets.layouts import kind_of
from sentemb.encoders.device import present_device
from sentemb.encoders.lengths import Reading
from sentemb.errors import InputError, UsageError
from sentemb.finetuning.classifier import load_classifier, try_longest
from sentemb.finetuning.scored_predictions import (
    Predictions,
    Scores,
    score_classes,
    score_numbers,
)
from sentemb.finetuning.tokens import TEXTS, tokenised
from sentemb.locate import locate
from sentemb.values import require_at_least

logger = logging.getLogger("sentemb")


def predictions(
    model: str | os.PathLike[str],
    inputs: Inputs,
    batch_size: int = 64,
    max_length: int = 128,
    device: str | None = None,
) -> Predictions:
    """Say of each row what a classifier says, and how far that is right where rows have labels.

    Rows of another kind than those that `finetune` noted in the model's folder are warned of.

    Args:
        model: A classifier of transformers.
        inputs: Rows.
        batch_size: Rows of a forward.
        max_length: Tokens that a row is cut to.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; by default the GPU if there is one.

    Raises:
        InputError: When the model is not a classifier, but a raw encoder.
        UsageError: When it gives a row several labels, a row does not fit into it, a number is
            below 1, or this machine has no such device.
    """
    require_at_least(1, batch_size=batch_size, max_length=max_length)
    place = present_device(device)
    tokenizer, classifier = _one_label_classifier(model)
    rows = inputs.texts
    _compare_kinds(model, rows)
    columns = [rows[name][:] for name in TEXTS if name in rows.column_names]
    filled = [
        number
        for number, texts in enumerate(zip(*columns, strict=True))
        if all(map(str.strip, texts))
    ]
    tokens, read = Dataset.from_dict({}), Reading()
    if filled:
        tokens, read = tokenised(rows.select(filled), tokenizer, max_length)
        try_longest(classifier, tokenizer, tokens)
    if read.is_mostly_unknown:
        logger.warning(
            "The model's tokenizer does not know most of the texts (%s), so its answers mean "
            "little.",
            read.share_words(),
        )
    keys = ("score",) if classifier.config.num_labels == 1 else ("label", "probability")
    found: list[dict[str, Any]] = [dict.fromkeys(keys) for _ in range(len(rows))]
    for number, answer in zip(
        filled, _answers(tokens, tokenizer, classifier.to(place), batch_size), strict=True
    ):
        found[number] = dict(zip(keys, answer, strict=True))
    marks = _marks(inputs, keys[0])
    shown: dict[str, Sequence[Any]] = {} if inputs.ids is None else {ID: inputs.ids}
    shown |= {name: rows[name][:] for name in rows.column_names}
    shown |= {f"true_{keys[0]}": marks} if marks else {}
    return Predictions(
        [
            {name: values[at] for name, values in shown.items()} | answer
            for at, answer in enumerate(found)
        ],
        empty_rows=len(rows) - len(filled),
        truncated_rows=read.truncated,
        unknown_rows=read.unknown_texts,
        scores=_scores(marks, [row[keys[0]] for row in found], classifier.config.id2label),
    )


def _marks(inputs: Inputs, kind: str) -> Sequence[Any]:
    """Return the labels or scores that the rows have; none where they cannot be read as such."""
    try:
        return inputs.labels() if kind == "label" else inputs.scores()
    except InputError as error:
        logger.warning("The answers are not compared with the %ss of the rows: %s", kind, error)
        return []


def _scores(true: Sequence[Any], found: Sequence[Any], names: dict[int, str]) -> Scores | None:
    """Compare answers with what the rows say, where both are there."""
    both = [pair for pair in zip(true, found, strict=False) if None not in pair]
    if not both:
        return None
    marks, answers = zip(*both, strict=True)
    if isinstance(answers[0], float):
        if (scores := score_numbers(marks, answers)) is None:
            logger.warning("All scores of the rows are equal: no ranking can be compared.")
        return scores
    known, numbered = set(names.values()), {str(number): name for number, name in names.items()}
    if not known & set(marks) and set(marks) <= set(numbered):
        read = ", ".join(f"{mark} is {numbered[mark]}" for mark in sorted(set(marks)))
        logger.info("Labels of the rows are read as the numbers of the model's classes: %s.", read)
        marks = tuple(numbered[mark] for mark in marks)
    if unknown := sorted(set(marks) - known):
        logger.warning(
            "The model has no class %s (it has %s): rows of it count as wrong.",
            *(", ".join(map(repr, some[:5])) for some in (unknown, sorted(known))),
        )
    return score_classes(marks, answers, [n for n in names.values() if not is_missing(str(n))])


def _one_label_classifier(model: str | os.PathLike[str]) -> tuple[PreTrainedTokenizerBase, Any]:
    tokenizer, classifier, missing = load_classifier(model)
    if missing:
        raise InputError(
            f"Model '{model}' has no classifier ({', '.join(sorted(missing)[:2])} missing): "
            "fine-tune it first (sentemb finetune)."
        )
    if classifier.config.problem_type == "multi_label_classification":
        raise UsageError(
            f"Model '{model}' predicts several labels per text (its problem_type is "
            "multi_label_classification), and predict returns one: use transformers' "
            "pipeline('text-classification', top_k=None)."
        )
    return tokenizer, classifier


def _compare_kinds(model: str | os.PathLike[str], rows: Dataset) -> None:
    """Warn where the model's record tells that it was trained on another kind of rows."""
    try:
        record = json.loads(Path(locate(model), "run.json").read_text(encoding="utf-8"))
        trained_on = kind_of(record["data"]["columns"])
    except (OSError, ValueError, LookupError, TypeError):  # none, or another program's
        return
    given = kind_of(rows.column_names)
    if trained_on not in (None, given):
        logger.warning("Model '%s' was trained on %s; these are %s.", model, trained_on, given)


@torch.no_grad()
def _answers(
    tokens: Dataset, tokenizer: PreTrainedTokenizerBase, classifier: Any, batch_size: int
) -> Iterator[tuple[Any, ...]]:
    """Yield the label and probability of each row, or its score.

    A class that stands for no label, as the -1 of hub data sets, is never answered.
    """
    classifier.eval()
    names = classifier.config.id2label
    no_answers = [number for number, name in names.items() if is_missing(str(name))]
    if no_answers:
        logger.warning(
            "The model's class '%s' stands for no label and is never answered.",
            names[no_answers[0]],
        )
    for batch in _batches(tokens, batch_size):
        inputs = tokenizer.pad(batch, return_tensors="pt").to(classifier.device)
        logits = classifier(**inputs).logits.float()
        if logits.shape[1] == 1:
            yield from ((round(float(score), 6),) for score in logits[:, 0])
            continue
        logits[:, no_answers] = -torch.inf
        best = logits.softmax(dim=1).max(dim=1)
        for probability, label in zip(best.values, best.indices, strict=True):
            yield names[int(label)], round(float(probability), 6)


def _batches(tokens: Dataset, size: int) -> Iterator[dict[str, Any]]:
    for start in range(0, len(tokens), size):
        yield tokens[start : start + size]
