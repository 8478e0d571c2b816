"""Labels or scores for rows, by a classifier of transformers."""

import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from sentemb.datasets.labels import is_missing
from sentemb.datasets.layouts import kind_of
from sentemb.encoders.lengths import Reading
from sentemb.errors import InputError, UsageError
from sentemb.finetuning.classifier import load_classifier, try_longest
from sentemb.finetuning.tokens import TEXTS, tokenised
from sentemb.locate import locate
from sentemb.storage import json_line, replaced
from sentemb.values import require_at_least

logger = logging.getLogger("sentemb")


@dataclass(frozen=True)
class Predictions:
    """What a classifier says of rows.

    Args:
        rows: ``{"label", "probability"}`` of each row, or ``{"score"}`` of a regression, in order;
            None where a text of the row is blank.
        empty_rows: Rows with a blank text.
        truncated_rows: Rows that were cut.
        unknown_rows: Rows with a token that the tokenizer does not know.
    """

    rows: list[dict[str, Any]]
    empty_rows: int
    truncated_rows: int
    unknown_rows: int


def predictions(
    model: str | os.PathLike[str], rows: Dataset, batch_size: int = 64, max_length: int = 128
) -> Predictions:
    """Say of each row what a classifier says.

    Rows of another kind than those that `finetune` noted in the model's folder are warned of.

    Raises:
        InputError: When the model is no classifier, but a raw encoder.
        UsageError: When it gives a row several labels, a row does not fit into it, or a number is
            below 1.
    """
    require_at_least(1, batch_size=batch_size, max_length=max_length)
    tokenizer, classifier = _one_label_classifier(model)
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
            "Most of the texts is unknown to the model's tokenizer (%s): its answers say little.",
            read.share_words(),
        )
    keys = ("score",) if classifier.config.num_labels == 1 else ("label", "probability")
    found: list[dict[str, Any]] = [dict.fromkeys(keys) for _ in range(len(rows))]
    for number, answer in zip(
        filled, _answers(tokens, tokenizer, classifier, batch_size), strict=True
    ):
        found[number] = dict(zip(keys, answer, strict=True))
    return Predictions(found, len(rows) - len(filled), read.truncated, read.unknown_texts)


def _one_label_classifier(model: str | os.PathLike[str]) -> tuple[PreTrainedTokenizerBase, Any]:
    tokenizer, classifier, missing = load_classifier(model)
    if missing:
        raise InputError(
            f"Model '{model}' has no classifier ({', '.join(sorted(missing)[:2])} missing): "
            "fine-tune it first (sentemb finetune)."
        )
    if classifier.config.problem_type == "multi_label_classification":
        raise UsageError(
            f"Model '{model}' has several labels a text (its problem_type is "
            "multi_label_classification), and predict gives one: use transformers' own "
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
    device = "cuda" if torch.cuda.is_available() else "cpu"
    classifier.to(device).eval()
    names = classifier.config.id2label
    no_answers = [number for number, name in names.items() if is_missing(str(name))]
    if no_answers:
        logger.warning(
            "The model's class '%s' stands for no label and is never answered.",
            names[no_answers[0]],
        )
    for batch in _batches(tokens, batch_size):
        inputs = tokenizer.pad(batch, return_tensors="pt").to(device)
        logits = classifier(**inputs).logits.float()
        if logits.shape[1] == 1:
            yield from ((round(float(score), 6),) for score in logits[:, 0])
            continue
        logits[:, no_answers] = -torch.inf
        best = logits.softmax(dim=1).max(dim=1)
        for probability, label in zip(best.values, best.indices, strict=True):
            yield names[int(label)], round(float(probability), 6)


def write_predictions(found: Iterable[dict[str, Any]], target: Path | None) -> None:
    """Write a line of JSON for each row, to a file that is there only when it is whole."""
    lines = "".join(map(json_line, found)).encode()
    if target is None:
        sys.stdout.buffer.write(lines)
        return
    with replaced(target) as file:
        file.write(lines)


def _batches(tokens: Dataset, size: int) -> Iterator[dict[str, Any]]:
    for start in range(0, len(tokens), size):
        yield tokens[start : start + size]
