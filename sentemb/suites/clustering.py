"""TREC's questions by their six coarse labels, and MTEB's 20 Newsgroups."""

from collections.abc import Sequence
from pathlib import Path

from sentemb.datasets.labelled import read_mteb_clustering
from sentemb.datasets.senteval import read_trec
from sentemb.evaluation import Clustering, Task
from sentemb.suites.suite_folder import Source
from sentemb.suites.where import NEWSGROUPS, SENTEVAL


def _trec(name: str, files: Sequence[Path]) -> Task:
    train, test = map(read_trec, files)
    return Clustering(name, [*train.texts, *test.texts], [*train.labels, *test.labels])


CLUSTERING = (
    Source("TREC-6", ["TREC/train_5500.label", "TREC/TREC_10.label"], _trec, SENTEVAL),
    Source(
        "20Newsgroups",
        ["clustering/twentynewsgroups/test.jsonl.gz"],
        lambda name, files: read_mteb_clustering(name, files[0]),
        NEWSGROUPS,
    ),
)
