"""Make the bundled encoder mini-sentemb: two trainings by all-MiniLM-L6-v2, and a float16 copy.

    python benchmarks/mini_sentemb.py FOLDER     about 4 hours of one core

First `mini` learns the teacher's vectors of 393,216 sentences of `mixed_tagged`. Then it learns the
teacher's cosines of 40,000 pairs: a sentence with one of its 256 nearest among 80,000, the rank
drawn evenly on a logarithmic scale, or, of one in seven, with any sentence. No pair has a score by
people; STS-B dev chooses the checkpoints. FOLDER gets pairs.csv, both runs, and in shipped/ what
data/mini-sentemb holds. The parts that are there are not made again.
"""

import csv
import shutil
import sys
from pathlib import Path

import numpy as np
from common import data, lines, minilm, sample
from safetensors.torch import load_file, save_file

import sentemb
from sentemb.losses import CosineSimilarity
from sentemb.tasks.nearest import nearest

SENTENCES, NEIGHBOURS_AMONG, PAIRS, NEAREST = 393_216, 80_000, 40_000, 256
SHARE_OF_ANY = 0.15


def distilled(folder: Path, texts: list[str]) -> None:
    """Train `mini` on the teacher's vectors."""
    sentemb.train(
        "distill",
        texts,
        output=folder,
        dev=data("sts/STSB.dev.tsv"),
        teacher=minilm(),
        epochs=2,
        eval_steps=512,
        max_length=64,
    )


def pairs_of(texts: list[str]) -> list[tuple[str, str, float]]:
    """Return pairs of sentences with the teacher's cosine."""
    rng = np.random.default_rng(0)
    picked = [texts[place] for place in rng.choice(len(texts), NEIGHBOURS_AMONG, replace=False)]
    vectors = sentemb.load(minilm()).encode(picked, normalize=True)
    asked = rng.choice(NEIGHBOURS_AMONG, PAIRS, replace=False)
    _, found = nearest(vectors[asked], vectors, NEAREST + 1)
    ranks = np.exp(rng.uniform(0, np.log(NEAREST), PAIRS)).astype(int)
    others = found[np.arange(PAIRS), ranks]  # the first is the sentence itself
    anywhere = rng.random(PAIRS) < SHARE_OF_ANY
    others[anywhere] = rng.integers(NEIGHBOURS_AMONG, size=int(anywhere.sum()))
    cosines = (vectors[asked] * vectors[others]).sum(axis=1)
    return [
        (picked[one], picked[other], float(cosine))
        for one, other, cosine in zip(asked, others, cosines, strict=True)
        if one != other
    ]


def in_float16(run: Path, shipped: Path) -> None:
    """Copy a run with its weights in float16."""
    shutil.rmtree(shipped, ignore_errors=True)
    shutil.copytree(run, shipped, ignore=shutil.ignore_patterns(".*", "*.png"))
    weights = load_file(shipped / "model.safetensors")
    half = {name: tensor.half() for name, tensor in weights.items()}
    save_file(half, shipped / "model.safetensors", metadata={"format": "pt"})
    (shipped / "model.safetensors").chmod(0o644)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rows = (line.split("\t")[1] for line in lines("unlabelled/mixed_tagged.tsv.gz"))
    texts = sample(dict.fromkeys(rows), SENTENCES)
    if not (folder / "distilled/run.json").is_file():
        distilled(folder / "distilled", texts)
    if not (folder / "pairs.csv").is_file():
        with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([("sentence1", "sentence2", "score"), *pairs_of(texts)])
    sentemb.train(
        "cosent",
        folder / "pairs.csv",
        output=folder / "mini-sentemb",
        model=folder / "distilled",
        dev=data("sts/STSB.dev.tsv"),
        loss=CosineSimilarity(),
        batch_size=128,
        learning_rate=4e-4,
        epochs=1,
        eval_steps=78,
        max_length=64,
    )
    in_float16(folder / "mini-sentemb", folder / "shipped")


if __name__ == "__main__":
    main()
