"""Word vectors: negative sampling beside NCE, CBOW and gensim; STS-B of three means of words.

    python benchmarks/words.py [lines] [seeds]     about 50 minutes with all lines and 3 seeds

Trained on `mixed_tagged` with the defaults of `sentemb word2vec`, on one thread. gensim, where it
is installed, trains on the same words with the same settings and its own learning rate, between our
runs of the same seed. Two more runs tell why NCE ends lower: one that reads the corpus twice
as long, and negative sampling without the exponent, whose optimum is PMI. Finished runs are lines
of results/words.jsonl and are not run again; written to results/words.md.
"""

import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from common import RESULTS, data, lines, machine, remembered, sample, spread, table

from sentemb.datasets import read_sts
from sentemb.inference.static import sif_weights
from sentemb.words import (
    WordCorpus,
    WordSettings,
    first_direction,
    read_corpus,
    train_words,
    without_first_direction,
)
from sentemb.words.sif import means_of_texts

ASKED = ("guitar", "king", "paris", "good", "running")
OURS = {
    "skip-gram, negative sampling": {},
    "skip-gram, NCE": {"objective": "noise-contrastive"},
    "CBOW, negative sampling": {"architecture": "cbow"},
}
WHY = {
    "skip-gram, NCE, 10 epochs": {"objective": "noise-contrastive", "epochs": 10},
    "skip-gram, negative sampling, noise as the words": {"noise_exponent": 1.0},
}
GENSIM = "gensim 4.4, skip-gram"


def gensim(corpus: WordCorpus, settings: WordSettings) -> tuple[np.ndarray, float]:
    from gensim.models import Word2Vec

    texts = [ids.tolist() for ids in np.split(corpus.ids, corpus.ends[:-1])]
    model = Word2Vec(
        vector_size=settings.dim,
        window=settings.window,
        min_count=1,
        workers=1,
        sg=1,
        negative=settings.noise,
        sample=settings.subsample,
        seed=settings.seed,
    )
    model.build_vocab(texts)
    started = time.process_time()
    model.train(texts, total_examples=len(texts), epochs=settings.epochs)
    seconds = time.process_time() - started
    return np.stack([model.wv[n] for n in range(len(corpus.words))]).astype(float), seconds


def ours(corpus: WordCorpus, settings: WordSettings) -> tuple[np.ndarray, float]:
    started = time.process_time()
    vectors, _ = train_words(corpus, settings)
    return vectors.double().numpy(), time.process_time() - started


def scores(corpus: WordCorpus, vectors: np.ndarray) -> list[float]:
    """Return Spearman on STS-B dev: of the mean, with SIF weights, and without one direction."""
    dev, tokenizer = read_sts(data("sts/STSB.dev.tsv")), corpus.tokenizer()
    weighted = vectors * sif_weights(corpus.shares)[:, None]
    direction = first_direction(means_of_texts(corpus, weighted))
    found = []
    for each in (vectors, weighted, without_first_direction(weighted, direction)):
        known = np.concatenate([np.zeros((1, each.shape[1])), each])

        def encode(texts, known=known):
            rows = (text.ids for text in tokenizer.encode_batch_fast(list(texts)))
            return np.stack([known[ids].mean(axis=0) for ids in rows]).astype(np.float32)

        found.append(dev(encode)["spearman"])
    return found


def nearest(corpus: WordCorpus, unit: np.ndarray) -> dict[str, list[str]]:
    rows = [corpus.words.index(word) for word in ASKED if word in corpus.words]
    return {
        corpus.words[row]: [corpus.words[n] for n in np.argsort(-(unit @ unit[row]))[1:7]]
        for row in rows
    }


def measured(corpus: WordCorpus, run, settings: WordSettings) -> dict:
    vectors, seconds = run(corpus, settings)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    spectrum = np.linalg.eigvalsh(np.cov(unit.T))
    return {
        "spearman": scores(corpus, vectors),
        "words_per_second": settings.epochs * len(corpus.ids) / seconds,
        "cosine": float(unit.mean(axis=0) @ unit.mean(axis=0)),
        "dimensions": float(spectrum.sum() ** 2 / (spectrum @ spectrum)),
        "nearest": nearest(corpus, unit),
    }


def main() -> None:
    torch.set_num_threads(1)
    count, seeds = (int(one) for one in (*sys.argv[1:], *(505_463, 3)[len(sys.argv) - 1 :]))
    rows = sample(lines("unlabelled/mixed_tagged.tsv.gz"), count)
    corpus = read_corpus(row.split("\t", 1)[1] for row in rows)
    runs = {name: (ours, replace(WordSettings(), **some)) for name, some in OURS.items()}
    try:
        import gensim as _  # noqa: F401

        runs[GENSIM] = gensim, WordSettings()
    except ImportError:
        print("gensim is not installed: no row for it")
    of_one_seed = {name: (ours, replace(WordSettings(), **some)) for name, some in WHY.items()}
    every = [(name, seed, *run) for seed in range(seeds) for name, run in runs.items()]
    every += [(name, 0, *run) for name, run in of_one_seed.items()]
    found: dict[str, list[dict]] = {}
    for name, seed, run, settings in every:
        key = {"words": name, "lines": count, "seed": seed}
        once = partial(measured, corpus, run, replace(settings, seed=seed))
        found.setdefault(name, []).append(remembered(RESULTS / "words.jsonl", key, once))
        print(found[name][-1], flush=True)
    made, near = [], []
    for name, some in found.items():
        columns = zip(*(one["spearman"] for one in some), strict=True)
        single = {field: [one[field] for one in some] for field in ("cosine", "dimensions")}
        speeds = [one["words_per_second"] for one in some]
        made.append([name, str(len(some)), *(spread(list(column)) for column in columns),
                     spread(single["cosine"], 3), spread(single["dimensions"], 0),
                     f"{np.mean(speeds):,.0f}"])  # fmt: skip
        near += ["", f"{name}:", ""]
        near += [f"- {word}: {', '.join(others)}" for word, others in some[-1]["nearest"].items()]
    header = ["words", "seeds", "mean", "SIF", "SIF without the first direction",
              "mean cosine of two words", "dimensions used", "words per CPU second"]  # fmt: skip
    about = (
        f"{len(corpus.ids):,} words of {count:,} lines, {len(corpus.words):,} of them distinct; "
        "Spearman x 100 on STS-B dev. Dimensions used: the participation ratio of the spectrum of "
        "unit vectors."
    )
    text = "\n".join([table(header, made), "", about, *near, "", f"{machine()}.", ""])
    (RESULTS / "words.md").write_text(text)


if __name__ == "__main__":
    main()
