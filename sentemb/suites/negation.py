"""Negations: each sentence's paraphrase is to be nearer than its negation; it comes bundled."""

from dataclasses import replace

from sentemb.datasets.read_triplets import read_triplets
from sentemb.suites.suite_folder import Source
from sentemb.suites.where import BUNDLED

NEGATION = (
    Source(
        "negation",
        ["negation.tsv.gz"],
        lambda name, files: replace(read_triplets(files[0]), name=name),
        BUNDLED,
    ),
)
