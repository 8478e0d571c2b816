"""SentEval's classification tasks, and GLUE's files where they stand in."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sentemb.datasets.senteval import (
    read_by_file,
    read_glue_sst2,
    read_mrpc,
    read_sst2,
    read_trec,
)
from sentemb.evaluation import Labelled, NestedFolds, Task, TrainDevTest, TrainTest
from sentemb.suites.suite_folder import Source
from sentemb.suites.where import GLUE, SENTEVAL

TENTH = 10


def _nested(name: str, files: Sequence[Path]) -> Task:
    return NestedFolds(name, read_by_file(*files))


def _train_test(read: Callable[[Path], Labelled]) -> Callable[[str, Sequence[Path]], Task]:
    return lambda name, files: TrainTest(name, read(files[0]), read(files[1]))


def _sst2(name: str, files: Sequence[Path]) -> Task:
    train, dev, test = map(read_sst2, files)
    return TrainDevTest(name, train, dev, test)


def _glue_sst2(name: str, files: Sequence[Path]) -> Task:
    train, test = map(read_glue_sst2, files)
    rows = range(len(train.texts))
    kept, held_out = ([i for i in rows if (i % TENTH == 0) == out] for out in (False, True))
    return TrainDevTest(name, _only(train, kept), _only(train, held_out), test)


def _only(rows: Labelled, numbers: Sequence[int]) -> Labelled:
    texts, labels = ([some[i] for i in numbers] for some in (rows.texts, rows.labels))
    return replace(rows, texts=texts, labels=labels)


SPLITS = ("train", "dev", "test")
TRANSFER = (
    Source("MR", ["MR/rt-polarity.neg", "MR/rt-polarity.pos"], _nested, SENTEVAL),
    Source("CR", ["CR/custrev.neg", "CR/custrev.pos"], _nested, SENTEVAL),
    Source("SUBJ", ["SUBJ/subj.objective", "SUBJ/subj.subjective"], _nested, SENTEVAL),
    Source("MPQA", ["MPQA/mpqa.neg", "MPQA/mpqa.pos"], _nested, SENTEVAL),
    Source("SST2", [f"SST/binary/sentiment-{split}" for split in SPLITS], _sst2, SENTEVAL),
    Source(
        "SST2",
        ["cls/glue/SST-2/train.tsv", "cls/glue/SST-2/dev.tsv"],
        _glue_sst2,
        GLUE,
        "SST2 is GLUE's: its dev set is scored, each tenth training row chooses the regularisation",
    ),
    Source(
        "TREC", ["TREC/train_5500.label", "TREC/TREC_10.label"], _train_test(read_trec), SENTEVAL
    ),
    Source(
        "MRPC",
        ["MRPC/msr_paraphrase_train.txt", "MRPC/msr_paraphrase_test.txt"],
        _train_test(read_mrpc),
        SENTEVAL,
    ),
    Source(
        "MRPC",
        ["cls/glue/MRPC/train.tsv"],
        lambda name, files: NestedFolds(name, read_mrpc(files[0])),
        GLUE,
        "MRPC is its training rows, in nested folds: no test file is there",
    ),
)
