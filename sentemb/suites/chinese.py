"""Chinese STS-B, and Chinese pairs that mean the same or not."""

from collections.abc import Sequence
from pathlib import Path

from sentemb.datasets.headerless import read_fields
from sentemb.datasets.labelled import pair_classification_of
from sentemb.datasets.source import read_source
from sentemb.datasets.sts import graded_pair, sts_of
from sentemb.evaluation import Task
from sentemb.suites.suite_folder import Source
from sentemb.suites.where import AFQMC, CHINESE_STSB, LCQMC, PAWSX

SENTENCES = ("sentence1", "sentence2")


def _graded(name: str, files: Sequence[Path]) -> Task:
    rows = read_fields(files[0], (*SENTENCES, "score"))
    return sts_of(name, [graded_pair(row, files[0], number) for number, row in rows])


def _labelled(name: str, files: Sequence[Path]) -> Task:
    return pair_classification_of(name, read_fields(files[0], (*SENTENCES, "label")), files[0])


def _with_header(name: str, files: Sequence[Path]) -> Task:
    return pair_classification_of(name, read_source(files[0])[1], files[0])


CHINESE_STS = (
    Source("STS-B zh dev", ["zh/stsb_zh.dev.tsv"], _graded, CHINESE_STSB),
    Source("STS-B zh test", ["zh/stsb_zh.test.tsv"], _graded, CHINESE_STSB),
)
CHINESE_PAIRS = (
    Source("LCQMC dev", ["zh/lcqmc.dev.tsv"], _labelled, LCQMC),
    Source("AFQMC dev", ["zh/afqmc.dev.tsv"], _labelled, AFQMC),
    Source("PAWS-X zh dev", ["zh/pawsx_zh.dev.tsv"], _with_header, PAWSX),
)
