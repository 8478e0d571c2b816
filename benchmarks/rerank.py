"""Does a model that reads query and text at once rank better? TREC-QA and CISI, reranked.

    python benchmarks/rerank.py     about 40 minutes of one core

A regression on pairs is fine-tuned from all-MiniLM-L6-v2 on SQuAD's questions, each with the
sentence that answers it and one that `sentemb.mine` found. Without having seen any text of theirs,
it ranks the 30 nearest of `search` again for TREC-QA's dev questions and CISI's.
Beside it: both ranks fused, by 1 / (60 + rank). Each finished run is a line of
results/rerank.jsonl; the table is results/rerank.md.
"""

import tempfile
from pathlib import Path

import numpy as np
from common import RESULTS, data, lines, machine, minilm, remembered, table
from search import DATASETS, asked, encoder_named, outcome

import sentemb
from sentemb.datasets.retrieval import read_retrieval
from sentemb.evaluation.bootstrap import paired_bootstrap
from sentemb.evaluation.scores import Outcome, percent_mean
from sentemb.tasks.search import search

SEEDS, CANDIDATES = (0,), 30
"""Further seeds take as long again."""


def relevance(seed: int, folder: Path) -> Path:
    """Fine-tune a regression on whether a sentence answers a question, as many of either kind."""
    rows = (row.split("\t")[:2] for row in lines("pairs/squad_question_sentence_dev.tsv.gz"))
    pairs = [(question, answer) for question, answer in rows]
    found = sentemb.mine(pairs, model=str(minilm()), n=1, relative_margin=0.05)["rows"]
    graded = [(row["anchor"], row["positive"], 1.0) for row in found]
    graded += [(row["anchor"], row["negative"], 0.0) for row in found]
    sentemb.finetune(
        graded,
        model=str(minilm()),
        output=folder,
        regression=True,
        epochs=1,
        batch_size=32,
        learning_rate=5e-5,
        seed=seed,
    )
    return folder


def fused(rows: list[dict]) -> list[dict]:
    """Rank by search and by the regression, both."""

    def score(row: dict) -> float:
        return 1 / (60 + row["rank"]) + 1 / (60 + row["rank_before"])

    by_query: dict[str, list[dict]] = {}
    for row in rows:
        by_query.setdefault(row["query"], []).append(row)
    return [row for of in by_query.values() for row in sorted(of, key=score, reverse=True)]


def measured(seed: int) -> dict:
    """Return nDCG@10 of each query, before and after."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        model = relevance(seed, Path(folder, "relevance"))
        for encoder in ("mini-sentemb", "minilm"):
            for name, file in DATASETS.items():
                task = read_retrieval(data(file), name)
                corpus = [{"text": text, "id": one} for one, text in task.corpus.items()]
                hits = search(asked(task), corpus, CANDIDATES, model=encoder_named(encoder))
                reranked = sentemb.rerank(hits, model)
                found[f"{encoder}, {name}"] = [
                    [round(float(one), 4) for one in outcome(task, rows).items[:, 0]]
                    for rows in (hits["hits"], reranked["rows"], fused(reranked["rows"]))
                ]
    return {"ndcg": found}


def main() -> None:
    file, rows = RESULTS / "rerank.jsonl", []
    runs = [remembered(file, {"seed": seed}, lambda seed=seed: measured(seed)) for seed in SEEDS]
    for name in runs[0]["ndcg"]:
        mean = np.mean([run["ndcg"][name] for run in runs], axis=0)
        before, *others = (Outcome({}, items[:, None], percent_mean) for items in mean)
        gains = (paired_bootstrap([before], [after]) for after in others)
        rows.append(
            [name, f"{percent_mean(before.items):.2f}"]
            + [f"{one.value:+.2f} [{one.low:+.2f}, {one.high:+.2f}]" for one in gains]
        )
    header = ["model, data", "search", "30 reranked", "both ranks fused"]
    foot = f"nDCG@10 × 100; seeds: {', '.join(map(str, SEEDS))}. {machine()}."
    text = f"{table(header, rows)}\n\n{foot}\n"
    (RESULTS / "rerank.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
