"""CISI in BEIR's form, and TREC-QA's questions."""

from collections.abc import Sequence
from pathlib import Path

from sentemb.datasets.retrieval import read_retrieval
from sentemb.evaluation import Task
from sentemb.suites.suite_folder import Source
from sentemb.suites.where import CISI, TREC_QA


def _read_folder(name: str, files: Sequence[Path]) -> Task:
    return read_retrieval(files[0].parent, name)


def _read_file(name: str, files: Sequence[Path]) -> Task:
    return read_retrieval(files[0], name)


TEXTS = ("retrieval/cisi/queries.jsonl", "retrieval/cisi/qrels/test.tsv")
RETRIEVAL = (
    Source("CISI", [TEXTS[0], "retrieval/cisi/corpus.jsonl.gz", TEXTS[1]], _read_folder, CISI),
    Source("CISI", [TEXTS[0], "retrieval/cisi/corpus.jsonl", TEXTS[1]], _read_folder, CISI),
    Source(
        "TREC-QA",
        ["retrieval/trecqa/dev.csv"],
        _read_file,
        TREC_QA,
        "TREC-QA is its dev set, all of whose answers are ranked for each question",
    ),
)
