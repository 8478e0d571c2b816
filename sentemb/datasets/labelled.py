"""Labelled texts and labelled pairs to evaluate on."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sentemb.datasets.files import text_of
from sentemb.datasets.in_memory import Container
from sentemb.datasets.labels import label_of
from sentemb.datasets.lines import Row
from sentemb.datasets.omitted import Omitted
from sentemb.datasets.roles import LABEL
from sentemb.datasets.source import Source, as_source, read_source
from sentemb.datasets.sts import read_roles, sentence_of, task_name
from sentemb.errors import InputError
from sentemb.evaluation import Clustering, Labelled, NestedFolds, PairClassification

PAIRS, TEXTS = ("sentence1", "sentence2", LABEL), ("text", LABEL)
TOGETHER = {"1": True, "true": True, "0": False, "false": False}


def read_pair_classification(source: Source | Container) -> PairClassification:
    """Read pairs that belong together or not: ``sentence1, sentence2, label`` with 1 or 0.

    Raises:
        InputError: When a column or a sentence is missing, or a label is another; names the row.
    """
    source = as_source(source, [PAIRS])
    _, rows = read_roles(source, [PAIRS], "labelled pairs")
    return pair_classification_of(task_name(source), rows, source)


def pair_classification_of(name: str, rows: Iterable[Row], source: object) -> PairClassification:
    """Make a task of such rows; those without a label are left out, and that is logged."""
    labelled = labelled_of(rows, ["sentence1", "sentence2"], source, check=_require_together)
    together = tuple(TOGETHER[label.lower()] for label in labelled.labels)
    return PairClassification(name, tuple(labelled.texts), tuple(labelled.others or ()), together)


def read_transfer(source: Source | Container) -> NestedFolds:
    """Read labelled texts (``text, label``) or pairs (``sentence1, sentence2, label``).

    Raises:
        InputError: When columns are missing, a pair lacks a text (names the row), or there are too
            few rows of a label.
    """
    source = as_source(source, [PAIRS, TEXTS])
    roles, rows = read_roles(source, [PAIRS, TEXTS], "labelled texts")
    return NestedFolds(task_name(source), labelled_of(rows, [*roles[:-1]], source))


def read_clustering(source: Source | Container) -> Clustering:
    """Read labelled texts: ``text, label``.

    Raises:
        InputError: When a column is missing, or all labels are the same.
    """
    source = as_source(source, [TEXTS])
    _, rows = read_roles(source, [TEXTS], "labelled texts")
    labelled = labelled_of(rows, ["text"], source)
    return Clustering(task_name(source), labelled.texts, labelled.labels)


def labelled_of(
    rows: Iterable[Row],
    columns: list[str],
    source: object,
    check: Callable[[str, object, int], None] = lambda label, source, number: None,
) -> Labelled:
    """Return labelled texts of one column or two, and ``label``.

    Rows without a label, and rows of one text that is blank, are left out, and that is logged.

    Raises:
        InputError: When a text of a pair is missing, a label is refused, or no row is left.
    """
    texts: list[list[str]] = [[] for _ in columns]
    labels: list[str] = []
    omitted = Omitted()
    for number, row in rows:
        if len(columns) == 1 and not text_of(row, columns[0], source, number).strip():
            omitted.blank.add(number)
            continue
        label = label_of(row, LABEL, source, number)
        if label is None:
            omitted.unmarked.add(number)
            continue
        sentences = [sentence_of(row, column, source, number) for column in columns]
        check(label, source, number)
        for some, sentence in zip(texts, sentences, strict=True):
            some.append(sentence)
        labels.append(label)
    omitted.tell(source)
    if not labels:
        raise InputError(f"{source} holds no row with text and a label{omitted.why()}.")
    return Labelled(texts[0], labels, texts[1] if len(texts) > 1 else None)


def _require_together(label: str, source: object, number: int) -> None:
    if label.lower() not in TOGETHER:
        raise InputError(
            f"{source}, row {number}: label {label!r}; for pairs it must be 1 (they belong "
            "together) or 0 (they do not)."
        )


def read_mteb_clustering(name: str, path: Path) -> Clustering:
    """Read a clustering set in MTEB's form: rows of a list ``sentences`` and a list ``labels``.

    Raises:
        InputError: When a row is not such lists of one length; names it.
    """
    texts: list[str] = []
    labels: list[str] = []
    omitted = Omitted()
    for number, row in read_source(path)[1]:
        sentences: Any = row.get("sentences")
        given: Any = row.get("labels")
        lists = isinstance(sentences, list) and isinstance(given, list)
        if not lists or len(sentences) != len(given):
            raise InputError(
                f"{path}, row {number}: 'sentences' and 'labels' must be lists of one length."
            )
        for sentence, value in zip(sentences, given, strict=True):
            label = label_of({LABEL: value}, LABEL, path, number)
            if label is None:
                omitted.unmarked.add(number)
                continue
            texts.append(str(sentence))
            labels.append(label)
    omitted.tell(path)
    if not labels:
        raise InputError(f"{path} holds no sentence with a label{omitted.why()}.")
    return Clustering(name, texts, labels)
