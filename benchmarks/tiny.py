"""Make the bundled static model `tiny`: mini-sentemb's vectors of the bundled sentences.

    python benchmarks/tiny.py FOLDER     about 1 minute

A vector of 112 numbers for each of the 8,192 tokens of mini-sentemb, trained until the mean of a
sentence's is what mini-sentemb makes of it, on sentences that are ours or free to use
(data/README.md). FOLDER gets what data/tiny holds.
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from sentemb.bundled import bundled
from sentemb.datasets import read_sts, read_texts
from sentemb.inference.export import export_static
from sentemb.words import tokenlearn
from sentemb.words.tokenlearn import SETTINGS

SENTENCES = "sentences-20k.txt.gz"


def main() -> None:
    folder = Path(sys.argv[1])
    texts = list(read_texts(bundled(SENTENCES)))
    learn = partial(tokenlearn, texts=texts, dim=112, settings=replace(SETTINGS, epochs=5))
    task = read_sts(bundled("graded.tsv"))
    export_static("mini-sentemb", folder, task, learn=(SENTENCES, learn))


if __name__ == "__main__":
    main()
