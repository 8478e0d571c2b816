"""Clusters, duplicates, thresholds and summaries on labelled data, two models side by side.

Run: python benchmarks/groups.py [cluster] [dedup] [rates] [summaries]; about ten minutes of one
core for all of them. Tables go to results/groups-*.md.
"""

import gzip
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from random import Random

import numpy as np
from common import RESULTS, data, lines, machine, minilm, sample, spread, table
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, v_measure_score

import sentemb
from sentemb.datasets.labelled import read_pair_classification
from sentemb.datasets.senteval import read_trec
from sentemb.errors import InputError
from sentemb.evaluation.cosines import cosine_of_pairs
from sentemb.tasks.bounds import conformal, lowest_of_grid, strict_to_lenient
from sentemb.tasks.cluster import Clusters
from sentemb.tasks.dedup import Duplicates
from sentemb.tasks.extractive import by_centroid, by_lexrank, centroid, coverage, mmr
from sentemb.tasks.sentences import sentences_in
from sentemb.tasks.vectors import Embedded

MODELS = {"mini-sentemb": "mini-sentemb", "all-MiniLM-L6-v2": minilm()}
SEEDS = range(5)
Vectors = np.ndarray


@cache
def encoder(model: str) -> "sentemb.Encoder":
    return sentemb.load(MODELS[model], device="cpu")


def encoded(model: str, texts: Sequence[str]) -> Embedded:
    vectors = encoder(model).encode(list(texts), normalize=True)
    return Embedded(list(texts), vectors, model, {}, "benchmark")


def write(name: str, *parts: str) -> None:
    text = "\n\n".join([*parts, machine()]) + "\n"
    (RESULTS / f"groups-{name}.md").write_text(text)
    print(text)


# Clusters ------------------------------------------------------------------------------------


def trec() -> tuple[list[str], list[str]]:
    read = [read_trec(data(f"cls/senteval/TREC/{name}")) for name in
            ("train_5500.label", "TREC_10.label")]  # fmt: skip
    drawn = sample((pair for one in read for pair in zip(one.texts, one.labels, strict=True)), 1500)
    return [text for text, _ in drawn], [label for _, label in drawn]


def tags() -> tuple[list[str], list[str]]:
    """Return 100 distinct texts of each tag."""
    by_tag: dict[str, dict[str, None]] = defaultdict(dict)
    for line in lines("unlabelled/mixed_tagged.tsv.gz"):
        tag, text = line.split("\t", 1)
        if text.strip():
            by_tag[tag][text] = None
    drawn = [(text, tag) for tag in sorted(by_tag) for text in sample(iter(by_tag[tag]), 100)]
    return [text for text, _ in drawn], [tag for _, tag in drawn]


def agreement(true: Sequence[str], labels: Sequence[Sequence[int]]) -> list[str]:
    measures = (v_measure_score, adjusted_rand_score)
    return [spread([100 * f(true, each) for each in labels]) for f in measures]


def clusters() -> None:
    rows, names = [], []
    for corpus, (texts, true) in (
        ("1,500 TREC questions", trec()),
        ("mixed_tagged, 100 a tag", tags()),
    ):
        count = len(set(true))
        for model in MODELS:
            start = [f"{corpus}, {count} labels", model]
            found = encoded(model, texts)
            ours = [sentemb.cluster(found, clusters=count, seed=s, seeds=0) for s in SEEDS]
            plain = [
                KMeans(count, n_init=4, random_state=s).fit(found.vectors).labels_ for s in SEEDS
            ]
            steady = f"{sentemb.cluster(found, clusters=count).stability:.2f}"
            kmeans = agreement(true, [one.labels for one in ours])
            rows.append([*start, "sentemb kmeans", *kmeans, str(count), "0 %", steady])
            kmeans = agreement(true, plain)
            rows.append([*start, "scikit-learn KMeans", *kmeans, str(count), "0 %", ""])
            rows += [[*start, name, *dense(found, true, how)] for name, how in DENSE.items()]
            names += [[*start, *each] for each in named(ours[0], true)]
    header = ["clusters by", "V-measure", "ARI", "clusters", "outliers", "stability"]
    write(
        "cluster",
        "V-measure and ARI with the labels, x 100, mean and sd over 5 seeds of k-means.",
        table(["corpus", "model", *header], rows),
        "Names of the clusters of seed 0, their most frequent label, and the nearest text:",
        table(["corpus", "model", "name", "most frequent label", "nearest text"], names),
    )


DENSE: dict[str, dict] = {
    "communities, 0.5": {"method": "communities", "threshold": 0.5},
    "hdbscan": {"method": "hdbscan"},
}


def dense(data: Embedded, true: Sequence[str], how: dict) -> list[str]:
    """Return what a method that finds the number of clusters by itself comes to."""
    try:
        found = sentemb.cluster(data, **how, seeds=0)
    except InputError:
        return ["", "", "0", "100 %", ""]
    outliers = f"{100 * found.outliers.mean():.0f} %"
    return [*agreement(true, [found.labels]), str(len(found)), outliers, ""]


def named(found: Clusters, true: Sequence[str]) -> Iterator[list[str]]:
    """Yield the name of each cluster, its most frequent label, and the nearest text."""
    for label, row in enumerate(found.nearest):
        inside = [true[member] for member in np.flatnonzero(found.labels == label)]
        text = found.data.texts[row].replace("|", "/")
        yield [found.names[label], max(set(inside), key=inside.count), text[:60]]


# Duplicates ----------------------------------------------------------------------------------

EACH = 100
KINDS = ("exact", "case", "paraphrase", "negated", "number")
THRESHOLDS = (0.7, 0.8, 0.85, 0.9, 0.95, 0.98)


def planted() -> tuple[list[str], list[str], list[int]]:
    """Return texts, the kind of each ("" of an original), and the original of each planted one."""
    random = Random(0)
    distinct = list(dict.fromkeys(lines("unlabelled/wiki_sents.txt.gz")))
    random.shuffle(distinct)
    with_is = [t for t in distinct if re.search(r" (is|was|are|were) (?!not)", t)]
    with_number = [t for t in distinct if re.search(r"\b\d{2,4}\b", t) and t not in with_is[:EACH]]
    others = [t for t in distinct if t not in {*with_is[:EACH], *with_number[:EACH]}]
    task = read_pair_classification(data("cls/glue/MRPC/train.tsv"))
    pairs = [(a, b) for a, b, same in zip(task.sentences1, task.sentences2, task.labels,
                                          strict=True) if same and a != b]  # fmt: skip
    chosen = {
        "exact": [(t, t) for t in others[:EACH]],
        "case": [(t, t.upper()) for t in others[EACH : 2 * EACH]],
        "paraphrase": random.sample(pairs, EACH),
        "negated": [(t, re.sub(r" (is|was|are|were) ", r" \1 not ", t, count=1))
                    for t in with_is[:EACH]],
        "number": [(t, re.sub(r"\b\d{2,4}\b", lambda m: str(int(m[0]) + 11), t, count=1))
                   for t in with_number[:EACH]],
    }  # fmt: skip
    texts = [one for kind in KINDS for one, _ in chosen[kind]] + others[2 * EACH : 2 * EACH + 300]
    kinds, of = [""] * len(texts), [-1] * len(texts)
    for start, kind in enumerate(KINDS):
        for place, (_, copy) in enumerate(chosen[kind]):
            texts.append(copy)
            kinds.append(kind)
            of.append(start * EACH + place)
    return texts, kinds, of


def duplicates() -> None:
    texts, kinds, of = planted()
    rows = []
    for model in MODELS:
        found = encoded(model, texts)
        pairs = _negatives("sts", model)
        strict = sentemb.calibrate(found, at_most=0.005)
        near = strict_to_lenient(pairs, 0.05, 0.05)[0]
        named = [(t, f"{t:g}") for t in THRESHOLDS]
        named += [(strict.value, f"{strict.value:.3f}: random pairs, FPR 0.5 %"),
                  (near, f"{near:.3f}: STS-B dev, FPR 5 %")]  # fmt: skip
        for threshold, name in named:
            for facts in (True, False):
                rows.append([model, name, "yes" if facts else "no",
                             *_shares(sentemb.dedup(found, threshold=threshold, facts=facts),
                                      kinds, of)])  # fmt: skip
    write(
        "dedup",
        f"{len(texts):,} texts: {kinds.count(''):,} originals and {EACH} planted rows of each "
        "kind. The share of each kind that ends in the group of its original, in %; exact, case "
        "and paraphrase should, negated and number should not. Others: originals in a group with "
        "another original; MRPC and Wikipedia have some of their own.",
        table(["model", "threshold", "facts", *KINDS, "others"], rows),
    )


def _shares(found: Duplicates, kinds: list[str], of: list[int]) -> list[str]:
    kept = np.arange(len(kinds))
    for row in found.removed:
        kept[row["row"] - 1] = row["of_row"] - 1
    joined = dict.fromkeys(KINDS, 0)
    for row, kind in enumerate(kinds):
        joined[kind] = joined.get(kind, 0) + (bool(kind) and kept[row] == kept[of[row]])
    originals = kept[[row for row, kind in enumerate(kinds) if not kind]]
    _, counts = np.unique(originals, return_counts=True)
    others = int(counts[counts > 1].sum())
    return [*(f"{100 * joined[kind] / EACH:.0f}" for kind in KINDS), str(others)]


# Guaranteed rates ----------------------------------------------------------------------------

RESAMPLES, SIZE, DELTA = 1_000, 500, 0.05
LEVELS = {"fpr": 0.05, "fdr": 0.3}


@cache
def _pairs(name: str) -> tuple[list[str], list[str], np.ndarray]:
    if name == "sts":
        task = sentemb.read_sts(data("sts/STSB.dev.tsv"))
        kept = [each for each in zip(task.sentences1, task.sentences2, task.scores, strict=True)
                if not 2 < each[2] < 4]  # fmt: skip
        return ([a for a, _, _ in kept], [b for _, b, _ in kept],
                np.array([score >= 4 for _, _, score in kept]))  # fmt: skip
    mrpc = read_pair_classification(data("cls/glue/MRPC/train.tsv"))
    drawn = sample(zip(mrpc.sentences1, mrpc.sentences2, mrpc.labels, strict=True), 1500)
    return [a for a, _, _ in drawn], [b for _, b, _ in drawn], np.array([c for _, _, c in drawn])


@cache
def _scored(name: str, model: str) -> tuple[np.ndarray, np.ndarray]:
    one, other, same = _pairs(name)
    vectors = [encoder(model).encode(side) for side in (one, other)]
    return cosine_of_pairs(*vectors), same


def _negatives(name: str, model: str) -> np.ndarray:
    scores, same = _scored(name, model)
    return scores[~same]


def rates() -> None:
    rows = []
    for name, shown in (("sts", "STS-B dev"), ("mrpc", "MRPC, 1,500")):
        for model in MODELS:
            scores, same = _scored(name, model)
            for rate, method, choose in (
                ("fpr", "clopper-pearson", _fpr),
                ("fpr", "conformal", _conformal),
                ("fdr", "clopper-pearson", _fdr),
            ):
                rows.append([shown, model, rate, method,
                             *_over_resamples(scores, same, rate, choose)])  # fmt: skip
    write(
        "rates",
        f"{RESAMPLES:,} samples of {SIZE} pairs each, drawn with replacement; each gives a "
        f"threshold for a rate of at most 5 % (FPR) or 30 % (FDR), at a confidence of 95 %. Its "
        "true rate is that of all pairs. Clopper-Pearson promises that at most 5 % of the samples "
        "give a greater one, conformal that the mean is not above 5 %. Samples too small for any "
        "threshold are counted as none.",
        table(["pairs", "model", "rate", "method", "samples above, %", "mean rate, %",
               "mean threshold", "same pairs found, %", "none, %"], rows),
    )  # fmt: skip


def _fpr(scores: np.ndarray, same: np.ndarray) -> float:
    return strict_to_lenient(scores[~same], LEVELS["fpr"], DELTA)[0]


def _conformal(scores: np.ndarray, same: np.ndarray) -> float:
    return float(np.nextafter(conformal(scores[~same], LEVELS["fpr"]), 2))


def _fdr(scores: np.ndarray, same: np.ndarray) -> float:
    return lowest_of_grid(scores, same, LEVELS["fdr"], DELTA)[0]


def _over_resamples(
    scores: np.ndarray, same: np.ndarray, rate: str, choose: Callable[..., float]
) -> list[str]:
    random, found = np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        drawn = random.integers(len(scores), size=SIZE)
        try:
            threshold = choose(scores[drawn], same[drawn])
        except InputError:
            continue
        reach = scores >= threshold
        true = (reach & ~same).sum() / ((~same).sum() if rate == "fpr" else max(reach.sum(), 1))
        found.append((true > LEVELS[rate], true, threshold, reach[same].mean()))
    if not found:
        return ["", "", "", "", "100.0"]
    above, mean, threshold, recall = np.mean(found, axis=0)
    above = above * len(found) / RESAMPLES
    return [f"{100 * above:.1f}", f"{100 * mean:.2f}", f"{threshold:.3f}", f"{100 * recall:.1f}",
            f"{100 - 100 * len(found) / RESAMPLES:.1f}"]  # fmt: skip


# Summaries -----------------------------------------------------------------------------------

CHOSEN, LEAST, DRAWS = 3, 8, 10


def abstracts() -> list[list[str]]:
    with gzip.open(data("retrieval/cisi/corpus.jsonl.gz"), "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    split = [list(dict.fromkeys(sentences_in(text))) for text in texts]
    return [sentences for sentences in split if len(sentences) >= LEAST]


WAYS: dict[str, Callable[[Vectors, Random], Sequence[int]]] = {
    "first": lambda v, _: range(CHOSEN),
    "random": lambda v, random: random.sample(range(len(v)), CHOSEN),
    "centroid": lambda v, _: by_centroid(v, CHOSEN),
    "mmr 0.9": lambda v, _: mmr(centroid(v), v, CHOSEN, 0.9),
    "mmr 0.7": lambda v, _: mmr(centroid(v), v, CHOSEN, 0.7),
    "mmr 0.5": lambda v, _: mmr(centroid(v), v, CHOSEN, 0.5),
    "lexrank": lambda v, _: by_lexrank(v, CHOSEN),
}


def summaries() -> None:
    documents = abstracts()
    ends = np.cumsum([len(each) for each in documents])[:-1]
    every = [sentence for each in documents for sentence in each]
    vectors = {
        model: np.split(encoded(model, every).vectors.astype(np.float64), ends) for model in MODELS
    }
    random, rows = Random(0), []
    for model, other in (list(MODELS), list(MODELS)[::-1]):
        for name, choose in WAYS.items():
            draws = DRAWS if name == "random" else 1
            own, judged = [], []
            for v, w in zip(vectors[model], vectors[other], strict=True):
                picks = [np.array(choose(v, random)) for _ in range(draws)]
                own.append(np.mean([coverage(v, pick) for pick in picks]))
                judged.append(np.mean([coverage(w, pick) for pick in picks]))
            rows.append([model, name, _interval(own), _interval(judged)])
    write(
        "summaries",
        f"{len(documents):,} abstracts of CISI with at least {LEAST} sentences, {CHOSEN} chosen of "
        "each. Coverage: the mean over all sentences of the greatest cosine with a chosen one, "
        "× 100, with a 95 % interval over abstracts; by the vectors that chose, and by the other "
        "model's.",
        table(["model", "chosen by", "coverage", "by the other model"], rows),
    )


def _interval(values: list[float]) -> str:
    half = 1.96 * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{100 * np.mean(values):.2f} ± {100 * half:.2f}"


PARTS = {"cluster": clusters, "dedup": duplicates, "rates": rates, "summaries": summaries}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
