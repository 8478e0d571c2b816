"""Make the bundled encoder mini-sentemb: its data, its training, its float16 copy.

    python benchmarks/mini_sentemb.py FOLDER     about 10 minutes on 2 cores

FOLDER gets paraphrases.csv, the run in mini-sentemb/, and in shipped/ what data/mini-sentemb
holds.
"""

import csv
import gzip
import itertools
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from common import data, is_in_sts, lines
from safetensors.torch import load_file, save_file

TRAIN = """--method simcse-sup --data paraphrases.csv --pooling avg_first_last --batch-size 512
--lr 1e-3 --max-steps 300 --eval-steps 50 --warmup 0.05 --dev STSB.dev.tsv --overwrite
-o mini-sentemb"""
ORIGIN = """
The pairs are captions of one picture (Flickr30k, for research use), Wikipedia sentences and their
rewrites (WikiSplit) and simplifications (TurkCorpus), questions and the sentences that answer them
(SQuAD), and entailments of SNLI and SICK; `benchmarks/mini_sentemb.py` makes the file. Pairs with a
sentence of an STS dev or test set are left out: captions and NLI hold some. The weights are stored
in float16.
"""
PAIRS = ("wikisplit_tune", "wikisplit_validation", "squad_question_sentence_dev")
TRIPLETS = ("nli_triplets_snli_dev", "nli_triplets_sick_traindev")


def paraphrases(rng: random.Random) -> Iterator[tuple[str, str]]:
    for captions in lines("pairs/multi30k_train_5captions.tsv.gz"):
        caption = captions.split("\t")
        two = list(itertools.combinations(range(5), 2))
        rng.shuffle(two)
        for i, j in two[:5]:
            yield (caption[i], caption[j]) if rng.random() < 0.5 else (caption[j], caption[i])
    for name in PAIRS:
        for line in lines(f"pairs/{name}.tsv.gz"):
            yield tuple(line.split("\t")[:2])
    for line in lines("pairs/turkcorpus_tune_orig_8refs.tsv.gz"):
        original, *simpler = line.split("\t")
        yield from ((original, s) for s in rng.sample(simpler, 3) if s != original)
    for name in TRIPLETS:
        with gzip.open(data(f"nli/{name}.csv.gz"), "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                yield from [(row["sent0"], row["sent1"])] * 2


def in_float16(run: Path, shipped: Path) -> None:
    shutil.rmtree(shipped, ignore_errors=True)
    shutil.copytree(run, shipped, ignore=shutil.ignore_patterns(".*"))
    weights = load_file(shipped / "model.safetensors")
    half = {name: tensor.half() for name, tensor in weights.items()}
    save_file(half, shipped / "model.safetensors", metadata={"format": "pt"})
    (shipped / "model.safetensors").chmod(0o644)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    pairs = [
        pair
        for pair in paraphrases(rng)
        if all(text.strip() for text in pair) and not is_in_sts(*pair)
    ]
    rng.shuffle(pairs)
    with (folder / "paraphrases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("anchor", "positive"), *pairs])
    shutil.copy(data("sts/STSB.dev.tsv"), folder)
    subprocess.run(["sentemb", "train", *TRAIN.split()], cwd=folder, check=True)
    in_float16(folder / "mini-sentemb", folder / "shipped")
    with (folder / "shipped/README.md").open("a", encoding="utf-8") as card:
        card.write(ORIGIN)


if __name__ == "__main__":
    main()
