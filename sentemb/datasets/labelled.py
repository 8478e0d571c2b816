"""Labelled texts and labelled pairs to evaluate on."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sentemb.datasets.lines import Row
from sentemb.datasets.source import read_source
from sentemb.datasets.sts import require, sentence_of, task_name
from sentemb.errors import InputError
from sentemb.evaluation import Clustering, Labelled, NestedFolds, PairClassification

TOGETHER = {"1": True, "true": True, "0": False, "false": False}


def read_pair_classification(source: str | os.PathLike[str]) -> PairClassification:
    """Read pairs that belong together or not: ``sentence1, sentence2, label`` with 1 or 0.

    Raises:
        InputError: When a column or a sentence is missing, or a label is another; names the row.
    """
    present, rows = read_source(source, split=None)
    require(source, present, ("sentence1", "sentence2", "label"), "labelled pairs")
    return pair_classification_of(task_name(source), rows, source)


def pair_classification_of(name: str, rows: Iterable[Row], source: object) -> PairClassification:
    """Make a task of such rows."""
    pairs = [
        (
            sentence_of(row, "sentence1", source, number),
            sentence_of(row, "sentence2", source, number),
            _together(row.get("label"), source, number),
        )
        for number, row in rows
    ]
    if not pairs:
        raise InputError(f"{source} holds no pair.")
    first, second, labels = zip(*pairs, strict=True)
    return PairClassification(name, first, second, labels)


def read_transfer(source: str | os.PathLike[str]) -> NestedFolds:
    """Read labelled texts (``text, label``) or pairs (``sentence1, sentence2, label``).

    Raises:
        InputError: When columns are missing, a row lacks a text or a label (names it), or there
            are too few rows of a label.
    """
    present, rows = read_source(source, split=None)
    columns = ["text"] if "text" in present else ["sentence1", "sentence2"]
    require(source, present, ("text", "label") if "text" in present else (*columns, "label"),
            "labelled texts")  # fmt: skip
    return NestedFolds(task_name(source), labelled_of(rows, columns, source))


def read_clustering(source: str | os.PathLike[str]) -> Clustering:
    """Read labelled texts: ``text, label``.

    Raises:
        InputError: When a column is missing, a row lacks a text or a label (names it), or all
            labels are the same.
    """
    present, rows = read_source(source, split=None)
    require(source, present, ("text", "label"), "labelled texts")
    labelled = labelled_of(rows, ["text"], source)
    return Clustering(task_name(source), labelled.texts, labelled.labels)


def labelled_of(rows: Iterable[Row], columns: list[str], source: object) -> Labelled:
    """Return labelled texts of one column or two, and ``label``."""
    texts: list[list[str]] = [[] for _ in columns]
    labels: list[str] = []
    for number, row in rows:
        for column, some in zip(columns, texts, strict=True):
            some.append(sentence_of(row, column, source, number))
        labels.append(_label(row.get("label"), source, number))
    return Labelled(texts[0], labels, texts[1] if len(texts) > 1 else None)


def _label(value: Any, source: object, number: int) -> str:
    if value is None or str(value).strip().lower() in ("", "nan"):
        raise InputError(f"{source}, row {number} has no label: fill it, or take the row out.")
    return str(value).strip()


def _together(value: Any, source: object, number: int) -> bool:
    label = _label(value, source, number)
    if label.lower() not in TOGETHER:
        raise InputError(
            f"{source}, row {number}: label {label!r}; of pairs it is 1, they belong together, "
            "or 0, they do not."
        )
    return TOGETHER[label.lower()]


def read_mteb_clustering(name: str, path: Path) -> Clustering:
    """Read a clustering set in MTEB's form: rows of a list ``sentences`` and a list ``labels``.

    Raises:
        InputError: When a row is no such lists of one length; names it.
    """
    texts: list[str] = []
    labels: list[str] = []
    for number, row in read_source(path)[1]:
        sentences: Any = row.get("sentences")
        given: Any = row.get("labels")
        lists = isinstance(sentences, list) and isinstance(given, list)
        if not lists or len(sentences) != len(given):
            raise InputError(
                f"{path}, row {number}: 'sentences' and 'labels' must be lists of one length."
            )
        texts += map(str, sentences)
        labels += map(str, given)
    return Clustering(name, texts, labels)
