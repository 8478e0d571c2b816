"""Do mined negatives help? Questions and the sentences that answer them, five seeds.

    python benchmarks/mined.py             about 25 minutes on two cores
    python benchmarks/mined.py --seeds 0   one seed

`simcse-sup` for one epoch from `mini-sentemb` on 4,000 questions of SQuAD, each with its sentence:
with no negative but those of the batch, with one that `sentemb.mine` found among all sentences, and
with a random one. Scored by nDCG@10 on 1,500 other questions over all sentences, and on TREC-QA.
How many of the mined are false is counted on TREC-QA's training questions, whose answers are
labelled.
Each finished run is a line of results/mined.jsonl; the tables go to results/mined.md.
"""

import argparse
import random
from typing import Any

from common import RESULTS, data, lines, machine, remembered, spread, table

import sentemb
from sentemb.datasets.retrieval import read_retrieval
from sentemb.evaluation.retrieval import Retrieval

TRAINED, ASKED = 4_000, 1_500
MODEL = "mini-sentemb"
RULES = {
    "no margin": {},
    "relative margin 0.05": {"relative_margin": 0.05},
    "relative margin 0.05, from rank 10": {"relative_margin": 0.05, "range_min": 10},
}
NEGATIVES = ("none", "random", *RULES)


def squad() -> tuple[list[tuple[str, str]], Retrieval]:
    """Return pairs to train on, and the other questions over all sentences."""
    rows = lines("pairs/squad_question_sentence_dev.tsv.gz")
    pairs = [(question, answer) for question, answer in (row.split("\t")[:2] for row in rows)]
    random.Random(0).shuffle(pairs)
    corpus = {text: text for _, text in pairs}
    asked = pairs[TRAINED : TRAINED + ASKED]
    queries = {question: question for question, _ in asked}
    relevant: dict[str, dict[str, float]] = {}
    for question, answer in asked:
        relevant.setdefault(question, {})[answer] = 1
    return pairs[:TRAINED], Retrieval("SQuAD", queries, corpus, relevant, not_ranked=())


def triplets(pairs: list[tuple[str, str]], negatives: str) -> list[tuple[str, ...]]:
    """Return the pairs with a negative each, where there are some."""
    if negatives == "none":
        return list(pairs)
    if negatives == "random":
        others = random.Random(1).sample([answer for _, answer in pairs], len(pairs))
        return [(q, a, other) for (q, a), other in zip(pairs, others, strict=True) if other != a]
    found = sentemb.mine(pairs, model=MODEL, n=1, **RULES[negatives])["rows"]
    return [(row["anchor"], row["positive"], row["negative"]) for row in found]


def trained(negatives: str, seed: int) -> dict[str, Any]:
    """Train on one kind of negatives and score the model."""
    pairs, own = squad()
    rows = triplets(pairs, negatives)
    other = read_retrieval(data("retrieval/trecqa/dev.csv"), "TREC-QA")
    run = sentemb.train("simcse-sup", rows, model=MODEL, seed=seed, batch_size=64, epochs=1)
    return {"rows": len(rows)} | _scores(run.model.encode, own, other)


def _scores(encode: Any, own: Retrieval, other: Retrieval) -> dict[str, float]:
    return {"own": own(encode)["ndcg@10"], "other": other(encode)["ndcg@10"]}


def false_negatives(rules: dict[str, Any]) -> dict[str, Any]:
    """Mine for TREC-QA's training questions; count the negatives that are labelled as answers."""
    task = read_retrieval(data("retrieval/trecqa/train.csv"), "TREC-QA")
    answers = {
        task.queries[query]: {task.corpus[one] for one in found if one in task.corpus}
        for query, found in task.relevant.items()
        if query in task.queries
    }
    pairs = [(query, min(found)) for query, found in answers.items() if found]
    corpus = list(dict.fromkeys(task.corpus.values()))
    found = sentemb.mine(pairs, corpus, model=MODEL, n=3, **rules)["rows"]
    wrong = sum(row["negative"] in answers[row["anchor"]] for row in found)
    return {"questions": len(pairs), "mined": len(found), "false": wrong}


def main() -> None:
    """Run what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    done = RESULTS / "mined.jsonl"

    def untrained() -> dict[str, Any]:
        own, other = squad()[1], read_retrieval(data("retrieval/trecqa/dev.csv"), "TREC-QA")
        return _scores(sentemb.load(MODEL).encode, own, other)

    start = remembered(done, {"negatives": "untrained"}, untrained)
    rows = [["not trained", "", *(f"{start[name]:.2f}" for name in ("own", "other"))]]
    for negatives in NEGATIVES:
        each = [
            remembered(
                done,
                {"negatives": negatives, "seed": seed},
                lambda n=negatives, s=seed: trained(n, s),
            )
            for seed in options.seeds
        ]
        scores = [spread([one[name] for one in each]) for name in ("own", "other")]
        rows.append([negatives, f"{each[0]['rows']:,}", *scores])
        print(*rows[-1], flush=True)
    counted = []
    for name, rules in RULES.items():
        one = remembered(done, {"false negatives": name}, lambda r=rules: false_negatives(r))
        counted.append([name, f"{one['mined']:,}", f"{one['false']:,}"])
        counted[-1].append(f"{100 * one['false'] / one['mined']:.1f} %")
    seeds = f"mean ± sd over seeds {options.seeds}"
    parts = [
        table(["negatives", "rows", "SQuAD nDCG@10", "TREC-QA nDCG@10"], rows),
        f"`simcse-sup` from `{MODEL}`, one epoch, batches of 64, {seeds}.",
        table(["rule", "mined, 3 a question", "labelled as answers", "share"], counted),
        f"TREC-QA's training questions, one answer of each known to `mine`. {machine()}.",
    ]
    (RESULTS / "mined.md").write_text("\n\n".join(parts) + "\n")
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
