"""Does a run over several data sets beat each alone? NLI triplets, captions and graded pairs.

    python benchmarks/several_data_sets.py             hours on two cores: run it in the background
    python benchmarks/several_data_sets.py --seeds 0 --steps 20 --starts mini

Each run has the same batches, steps and learning rate, from one start; the last step is kept, so
that the dev set chooses nothing. Batches of the union are proportional, in turn, or by weights. The
control trains on the graded pairs with their scores shuffled. A picture has five captions: pairs of
two of them. Each finished run is a line of results/several_data_sets.jsonl and is not run again;
the table goes to results/several_data_sets.md.
"""

import argparse
import csv
import gzip
import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

from common import RESULTS, data, is_in_sts, lines, machine, remembered, spread, table

import sentemb
from sentemb.data_sources import DataSource
from sentemb.losses import CoSENT

STARTS = ("mini", "mini-sentemb")
RUNS: dict[str, tuple[tuple[str, ...], str | None, dict[str, float]]] = {
    "nli": (("nli",), None, {}),
    "captions": (("captions",), None, {}),
    "graded": (("graded",), None, {}),
    "all, proportional": (("nli", "captions", "graded"), "proportional", {}),
    "all, in turn": (("nli", "captions", "graded"), "round-robin", {}),
    "all, graded twice": (("nli", "captions", "graded"), "weights", {"graded": 2.0}),
    "nli and captions": (("nli", "captions"), "round-robin", {}),
    "control: scores shuffled": (("shuffled",), None, {}),
}
"""Data sets of a run, how they are mixed, and their weights where they are not 1."""


def triplets() -> list[dict[str, str]]:
    """Return the triplets of SNLI's dev set and of SICK, without sentences of STS."""
    found = []
    for name in ("nli_triplets_snli_dev", "nli_triplets_sick_traindev"):
        with gzip.open(data(f"nli/{name}.csv.gz"), "rt", encoding="utf-8", newline="") as file:
            found += [row for row in list(csv.reader(file))[1:] if not is_in_sts(*row[:3])]
    return [dict(zip(("anchor", "positive", "negative"), row, strict=False)) for row in found]


def captions(rows: int) -> Iterator[dict[str, str]]:
    """Yield two pairs of captions of each picture, without sentences of STS."""
    for line in islice(lines("pairs/multi30k_train_5captions.tsv.gz"), rows // 2):
        first, second, third, fourth, *_ = line.split("\t")
        for pair in ((first, second), (third, fourth)):
            if not is_in_sts(*pair):
                yield dict(zip(("anchor", "positive"), pair, strict=True))


def graded(*, shuffled: bool) -> list[dict[str, Any]]:
    """Return the training pairs of STS-B."""
    pairs = sentemb.read_sts(data("sts/STSB.train.tsv"))
    scores = list(pairs.scores)
    if shuffled:
        random.Random(0).shuffle(scores)
    each = zip(pairs.sentences1, pairs.sentences2, scores, strict=True)
    return [dict(zip(("sentence1", "sentence2", "score"), row, strict=True)) for row in each]


def sources(names: tuple[str, ...], weights: dict[str, float], mixing: str | None) -> Any:
    """Return the data sets of a run."""
    made = {
        "nli": lambda: (triplets(), None),
        "captions": lambda: (list(captions(20_000)), None),
        "graded": lambda: (graded(shuffled=False), CoSENT()),
        "shuffled": lambda: (graded(shuffled=True), CoSENT()),
    }
    found = {}
    for name in names:
        rows, loss = made[name]()
        weight = weights.get(name, 1.0) if mixing == "weights" else None
        found[name] = DataSource(rows, loss, weight)
    return found


def trained(start: str, run: str, seed: int, steps: int) -> dict[str, Any]:
    """Train on some data sets and measure the last step on STS-B."""
    names, mixing, weights = RUNS[run]
    result = sentemb.train(
        "simcse-sup",
        sources(names, weights, mixing),
        model=start,
        pooling="mean",
        dev=data("sts/STSB.dev.tsv"),
        mixing=mixing,
        seed=seed,
        select="last",
        batch_size=64,
        learning_rate=5e-5,
        max_steps=steps,
        eval_steps=steps,
    )
    test = sentemb.read_sts(data("sts/STSB.test.tsv"))
    return {
        "before": result.before["spearman"],
        "dev": result.metrics["spearman"],
        "test": test(result.model.encode)["spearman"],
        "batches": {one["name"]: one["batches"] for one in result.record["data"]["sources"]},
    }


def main() -> None:
    """Run what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=STARTS)
    parser.add_argument("--runs", nargs="+", default=list(RUNS), choices=list(RUNS))
    options = parser.parse_args()
    done, rows = RESULTS / "several_data_sets.jsonl", []
    for start in options.starts:
        for run in options.runs:
            each = [
                remembered(
                    done,
                    {"start": start, "run": run, "seed": seed, "steps": options.steps},
                    lambda f=start, r=run, s=seed: trained(f, r, s, options.steps),
                )
                for seed in options.seeds
            ]
            columns = [[one[name] for one in each] for name in ("before", "dev", "test")]
            rows.append([start, run, *map(spread, columns)])
            print(*rows[-1], flush=True)
    text = "\n\n".join([
        table(["from", "trained on", "dev before", "dev", "test"], rows),
        f"STS-B Spearman × 100 of the last of {options.steps} steps, mean ± sd over seeds "
        f"{options.seeds}. {machine()}.",
    ])  # fmt: skip
    (RESULTS / "several_data_sets.md").write_text(text + "\n")
    print("\n" + text)


if __name__ == "__main__":
    main()
