"""Does a model that reads query and text at once rank better? TREC-QA and CISI, reranked.

    python benchmarks/rerank.py     about 15 minutes of one core

A regression on pairs is fine-tuned from all-MiniLM-L6-v2 on TREC-QA's training questions, each with
sentences that answer it or not, once a seed. It ranks the 30 nearest of `search` again, of
TREC-QA's dev questions and, without having seen any such text, of CISI. Each finished run is a line
of results/rerank.jsonl; the table is results/rerank.md.
"""

import csv
import random
import tempfile
from pathlib import Path

import numpy as np
from common import RESULTS, data, machine, minilm, remembered, table
from search import DATASETS, asked, encoder_named, outcome

import sentemb
from sentemb.datasets.retrieval import read_retrieval
from sentemb.evaluation.bootstrap import paired_bootstrap
from sentemb.evaluation.scores import Outcome, percent_mean
from sentemb.tasks.search import search

SEEDS, CANDIDATES = (0, 1, 2), 30


def relevance(seed: int, folder: Path) -> Path:
    """Fine-tune a regression on whether a sentence answers a question, as many of either kind."""
    with open(data("retrieval/trecqa/train.csv"), newline="") as file:
        rows = [(row["qtext"], row["atext"], float(row["label"])) for row in csv.DictReader(file)]
    answers = [row for row in rows if row[2]]
    others = random.Random(seed).sample([row for row in rows if not row[2]], len(answers))
    sentemb.finetune(
        answers + others,
        model=str(minilm()),
        output=folder,
        regression=True,
        epochs=3,
        batch_size=32,
        learning_rate=5e-5,
        seed=seed,
    )
    return folder


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
                    for rows in (hits["hits"], reranked["rows"])
                ]
    return {"ndcg": found}


def main() -> None:
    file, lines = RESULTS / "rerank.jsonl", []
    runs = [remembered(file, {"seed": seed}, lambda seed=seed: measured(seed)) for seed in SEEDS]
    for name in runs[0]["ndcg"]:
        mean = np.mean([run["ndcg"][name] for run in runs], axis=0)
        before, after = (Outcome({}, items[:, None], percent_mean) for items in mean)
        gain = paired_bootstrap([before], [after])
        lines.append(
            [name, f"{percent_mean(before.items):.2f}", f"{percent_mean(after.items):.2f}",
             f"{gain.value:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]"]
        )  # fmt: skip
    header = ["model, data", "search", "30 reranked", "gain"]
    foot = f"nDCG@10 × 100, mean over {len(runs)} seeds. {machine()}."
    text = f"{table(header, lines)}\n\n{foot}\n"
    (RESULTS / "rerank.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
