"""Does a run over several data sets beat each alone? NLI triplets, captions and graded pairs.

    python benchmarks/several_data_sets.py             about 1 hour on one core
    python benchmarks/several_data_sets.py --starts mini --runs nli --seeds 0    one run of them
    python benchmarks/several_data_sets.py --steps 5    a try, nothing is kept

Each run has the same batches, steps and learning rate, from one start; the last step is kept, so
that the dev set chooses nothing. Batches of the union are proportional, in turn, or by weights. The
controls train with the scores of the graded pairs shuffled: alone, and in turn with the others. A
picture has five captions: pairs of two of them. Each finished run is a line of
results/several_data_sets.jsonl and is not run again; the table of all lines goes to
results/several_data_sets.md, with the best union less the best data set alone, of equal seeds.
"""

import argparse
import csv
import gzip
import json
import random
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

from common import RESULTS, data, is_in_sts, lines, machine, remembered, spread, table

import sentemb
from sentemb.data_sources import DataSource
from sentemb.losses import CoSENT

STARTS = ("mini", "mini-sentemb")
SEEDS, STEPS = (0, 1, 2), 150
ALONE = ("nli", "captions", "graded")
RUNS: dict[str, tuple[tuple[str, ...], str | None, dict[str, float]]] = {
    "nli": (("nli",), None, {}),
    "captions": (("captions",), None, {}),
    "graded": (("graded",), None, {}),
    "all, proportional": (ALONE, "proportional", {}),
    "all, in turn": (ALONE, "round-robin", {}),
    "all, graded twice": (ALONE, "weights", {"graded": 2.0}),
    "nli and captions": (("nli", "captions"), "round-robin", {}),
    "control: scores shuffled": (("shuffled",), None, {}),
    "control: all, in turn, scores shuffled": (("nli", "captions", "shuffled"), "round-robin", {}),
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
        precision="bf16",
    )
    test = sentemb.read_sts(data("sts/STSB.test.tsv"))
    return {
        "before": result.before["spearman"],
        "dev": result.metrics["spearman"],
        "test": test(result.model.encode)["spearman"],
        "batches": {one["name"]: one["batches"] for one in result.record["data"]["sources"]},
    }


Done = dict[tuple[str, str], dict[int, dict[str, Any]]]
"""Results by start and run, then by seed."""


def best_less_best(found: Done, start: str) -> str:
    """Say whether a run on all three data sets beats the best of one, of equal seeds."""
    means = {run: mean(one["dev"] for one in found[start, run].values()) for run in RUNS
             if (start, run) in found}  # fmt: skip
    unions = {run: dev for run, dev in means.items() if run.startswith("all")}
    alone = {run: dev for run, dev in means.items() if run in ALONE}
    if len(alone) < len(ALONE) or not unions:
        return f"From {start}: not all data sets are trained on alone, or none of their unions."
    best, other = max(unions, key=unions.__getitem__), max(alone, key=alone.__getitem__)
    one, two = found[start, best], found[start, other]
    differences = [one[seed]["dev"] - two[seed]["dev"] for seed in sorted(one.keys() & two.keys())]
    if not differences:
        return f"From {start}: '{best}' and '{other}' have no seed in common."
    sure = min(differences) > 0
    said = "beats" if sure else "does not beat"
    return (
        f"From {start}, '{best}' {said} the best data set alone, '{other}', on STS-B dev in all of "
        f"{len(differences)} seeds: {spread(differences)}."
    )


def written(file: Path, steps: int) -> str:
    """Return the table of all finished runs of so many steps."""
    done = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    found: Done = {}
    for one in done:
        if one["steps"] == steps:
            found.setdefault((one["start"], one["run"]), {})[one["seed"]] = one
    rows = [
        [start, run, str(len(found[start, run])), *columns_of([*found[start, run].values()])]
        for start in STARTS
        for run in RUNS
        if (start, run) in found
    ]
    header = ["from", "trained on", "seeds", "dev before", "dev", "gain", "test"]
    starts = [start for start in STARTS if any(start == key[0] for key in found)]
    return "\n\n".join([
        table(header, rows),
        f"STS-B Spearman × 100 of the last of {steps} steps in bf16, mean ± sd over seeds. "
        f"{machine()}.",
        *(best_less_best(found, start) for start in starts),
    ]) + "\n"  # fmt: skip


def columns_of(each: list[dict[str, Any]]) -> list[str]:
    """Return what a row shows of its seeds."""
    gains = [one["dev"] - one["before"] for one in each]
    before, dev, test = ([one[name] for one in each] for name in ("before", "dev", "test"))
    return [f"{mean(before):.2f}", spread(dev), spread(gains), spread(test)]


def main() -> None:
    """Run what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[*SEEDS])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=STARTS)
    parser.add_argument("--runs", nargs="+", default=list(RUNS), choices=list(RUNS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept = options.steps == STEPS
        done = (RESULTS if kept else Path(folder)) / "several_data_sets.jsonl"
        for start in options.starts:
            for run in options.runs:
                for seed in options.seeds:
                    key = {"start": start, "run": run, "seed": seed, "steps": options.steps}
                    given = (start, run, seed, options.steps)
                    one = remembered(done, key, lambda given=given: trained(*given))
                    print(start, run, seed, f"{one['dev']:.2f}", flush=True)
        text = written(done, options.steps)
        if kept:
            (RESULTS / "several_data_sets.md").write_text(text)
    print("\n" + text)


if __name__ == "__main__":
    main()
