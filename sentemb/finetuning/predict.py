"""Labels or scores for rows, by a classifier of transformers."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset

from sentemb.errors import InputError
from sentemb.finetuning.pretrained import load_classifier
from sentemb.finetuning.tokens import tokenised
from sentemb.storage import json_line, replaced


@torch.no_grad()
def predictions(
    model: str, rows: Dataset, batch_size: int = 64, max_length: int = 128
) -> tuple[list[dict[str, Any]], int]:
    """Return what a classifier says of each row, and how many rows were cut.

    Returns:
        ``{"label", "probability"}`` of each row, or ``{"score"}`` of a regression, in order.

    Raises:
        InputError: When the model is no classifier, but a raw encoder.
    """
    tokenizer, classifier, missing = load_classifier(model)
    if missing:
        raise InputError(
            f"Model '{model}' has no classifier ({', '.join(sorted(missing)[:2])} missing): "
            "fine-tune it first (sentemb finetune)."
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    classifier.to(device).eval()
    tokens, truncated = tokenised(rows, tokenizer, max_length)
    names = classifier.config.id2label
    found: list[dict[str, Any]] = []
    for batch in _batches(tokens, batch_size):
        inputs = tokenizer.pad(batch, return_tensors="pt").to(device)
        logits = classifier(**inputs).logits.float()
        if logits.shape[1] == 1:
            found += [{"score": round(float(score), 6)} for score in logits[:, 0]]
            continue
        best = logits.softmax(dim=1).max(dim=1)
        found += [
            {"label": names[int(label)], "probability": round(float(probability), 6)}
            for probability, label in zip(best.values, best.indices, strict=True)
        ]
    return found, truncated


def write_predictions(found: Iterable[dict[str, Any]], target: Path | None) -> None:
    """Write a line of JSON for each row, to a file that is there only when it is whole."""
    lines = "".join(map(json_line, found))
    if target is None:
        sys.stdout.write(lines)
        return
    with replaced(target) as file:
        file.write(lines.encode())


def _batches(tokens: Dataset, size: int) -> Iterator[dict[str, Any]]:
    for start in range(0, len(tokens), size):
        yield tokens[start : start + size]
