"""STS12–16, STS-B and SICK-R."""

from collections.abc import Sequence
from pathlib import Path

from sentemb.datasets.senteval import read_sick, read_sts_year, read_stsb
from sentemb.evaluation import Task
from sentemb.suites.suite_folder import Source
from sentemb.suites.where import SENTEVAL

SUBSETS = {
    "STS12": ("MSRpar", "MSRvid", "SMTeuroparl", "surprise.OnWN", "surprise.SMTnews"),
    "STS13": ("FNWN", "headlines", "OnWN"),
    "STS14": ("deft-forum", "deft-news", "headlines", "images", "OnWN", "tweet-news"),
    "STS15": ("answers-forums", "answers-students", "belief", "headlines", "images"),
    "STS16": ("answer-answer", "headlines", "plagiarism", "postediting", "question-question"),
}
"""STS13 without SMT, whose licence does not allow to pass it on."""


def _read_year(name: str, files: Sequence[Path]) -> Task:
    pairs, scores = files[::2], files[1::2]
    return read_sts_year(name, list(zip(SUBSETS[name], pairs, scores, strict=True)))


def _files(year: str) -> list[str]:
    kinds = [(subset, kind) for subset in SUBSETS[year] for kind in ("input", "gs")]
    return [f"STS/{year}-en-test/STS.{kind}.{subset}.txt" for subset, kind in kinds]


STS = (
    *(Source(year, _files(year), _read_year, SENTEVAL) for year in SUBSETS),
    Source("STS-B", ["STS/STSBenchmark/sts-test.csv"], lambda n, f: read_stsb(n, f[0]), SENTEVAL),
    Source("SICK-R", ["SICK/SICK_test_annotated.txt"], lambda n, f: read_sick(n, f[0]), SENTEVAL),
)
