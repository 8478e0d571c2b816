"""Triplets to evaluate on."""

from sentemb.datasets.in_memory import Container
from sentemb.datasets.source import Source, as_source
from sentemb.datasets.sts import read_roles, sentence_of, task_name
from sentemb.evaluation import Triplets

COLUMNS = ("anchor", "positive", "negative")


def read_triplets(source: Source | Container) -> Triplets:
    """Read triplets: ``anchor, positive, negative`` and, where there is one, ``group``.

    Raises:
        InputError: When a column or a sentence is missing (names the row), or there is no row.
    """
    source = as_source(source, [COLUMNS])
    _, rows = read_roles(source, [COLUMNS], "triplets", also=("group",))
    sentences, groups = [], []
    for number, row in rows:
        sentences.append([sentence_of(row, column, source, number) for column in COLUMNS])
        groups.append(str(row.get("group") or f"row {number}"))
    anchors, positives, negatives = zip(*sentences, strict=True) if sentences else ((), (), ())
    return Triplets(task_name(source), anchors, positives, negatives, groups)
