"""Word vectors: negative sampling beside NCE, CBOW and gensim; STS-B of three means of words.

    python benchmarks/words.py [lines] [seeds]     about 10 minutes with 150,000 lines and 1 seed

Trained on `mixed_tagged` with the defaults of `sentemb word2vec`, on one thread. gensim, where it
is installed, trains on the same words with the same settings and its own learning rate. Written to
results/words.md.
"""

import statistics
import sys
import time
from dataclasses import replace

import numpy as np
import torch
from common import RESULTS, data, lines, machine, sample, table

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


def nearest(corpus: WordCorpus, vectors: np.ndarray) -> list[str]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [corpus.words.index(word) for word in ASKED if word in corpus.words]
    return [
        f"- {corpus.words[row]}: "
        + ", ".join(corpus.words[n] for n in np.argsort(-(unit @ unit[row]))[1:7])
        for row in rows
    ]


def main() -> None:
    torch.set_num_threads(1)
    count, seeds = (int(one) for one in (*sys.argv[1:], *(150_000, 1)[len(sys.argv) - 1 :]))
    rows = sample(lines("unlabelled/mixed_tagged.tsv.gz"), count)
    corpus = read_corpus(row.split("\t", 1)[1] for row in rows)
    made, near = [], []
    runs = {name: (ours, replace(WordSettings(), **some)) for name, some in OURS.items()}
    try:
        import gensim as _  # noqa: F401

        runs["gensim 4.4, skip-gram"] = gensim, WordSettings()
    except ImportError:
        print("gensim is not installed: no row for it")
    for name, (run, settings) in runs.items():
        found, speeds = [], []
        for seed in range(seeds):
            vectors, seconds = run(corpus, replace(settings, seed=seed))
            found.append(scores(corpus, vectors))
            speeds.append(settings.epochs * len(corpus.ids) / seconds)
        means = [statistics.mean(column) for column in zip(*found, strict=True)]
        made.append([name, *(f"{mean:.2f}" for mean in means), f"{statistics.mean(speeds):,.0f}"])
        near += ["", f"{name}:", "", *nearest(corpus, vectors)]
        print(made[-1], *near[-len(ASKED) :], sep="\n", flush=True)
    header = ["words", "mean", "SIF", "SIF without the first direction", "words per CPU second"]
    about = (
        f"{len(corpus.ids):,} words of {count:,} lines, {len(corpus.words):,} of them distinct; "
        f"{seeds} seed{'s' * (seeds > 1)}; Spearman x 100 on STS-B dev."
    )
    text = "\n".join([table(header, made), "", about, *near, "", f"{machine()}.", ""])
    (RESULTS / "words.md").write_text(text)


if __name__ == "__main__":
    main()
