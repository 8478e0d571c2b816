"""What R-Drop and SupCon add to fine-tuning: five seeds, with a baseline of the same compute.

    python benchmarks/finetune.py mini      about an hour and a half on one core
    python benchmarks/finetune.py minilm    the same

The mini encoder sees four whole tasks: RTE and CoLA of GLUE with their dev sets, MRPC's training
set split four to one, TREC with its test set. all-MiniLM-L6-v2, ten times as slow, sees the first
512 rows of TREC, CoLA and SST-2 and the first 256 of MRPC, and at most 400 rows of each dev set. A
row seen twice a step costs what two rows cost, so R-Drop and SupCon of three epochs stand beside
ordinary fine-tuning of three epochs and of six. What is reported is the last epoch, not the best:
longer runs have more to choose from. Weights and rates were fixed before the first run. Finished
runs are lines of results/finetune.jsonl and are not run again; the tables are written to
results/finetune-MODEL.md.
"""

import argparse
import csv
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from common import RESULTS, data, machine, minilm, remembered, spread, table
from datasets import Dataset
from scipy.stats import ttest_rel

from sentemb.datasets import TrainingData
from sentemb.finetuning import FinetuneSettings, finetune
from sentemb.runs.logs import read_metrics

SEEDS = (0, 1, 2, 3, 4)
METRICS = {
    "RTE": "accuracy",
    "MRPC": "f1",
    "CoLA": "mcc",
    "TREC": "accuracy",
    "SST-2": "accuracy",
}
TASKS_OF = {"mini": ("RTE", "MRPC", "CoLA", "TREC"), "minilm": ("TREC", "CoLA", "SST-2", "MRPC")}
FEW_ROWS = {"TREC": 512, "CoLA": 512, "SST-2": 512, "MRPC": 256}
FEW_DEV_ROWS = 400
OPTIONS = {
    "mini": {"learning_rate": 3e-4, "batch_size": 32},
    "minilm": {"learning_rate": 1e-4, "batch_size": 16},
}
VARIANTS = {
    "baseline": {"epochs": 3},
    "baseline, same compute": {"epochs": 6},
    "R-Drop, α 1": {"epochs": 3, "r_drop": 1.0},
    "SupCon 0.1 + CE": {"epochs": 3, "supcon": 0.1},
}


def rows(*columns: list, names: tuple[str, ...], classes: tuple[str, ...]) -> TrainingData:
    by_name = dict(zip(names, columns, strict=True))
    by_name["label"] = [classes.index(label) for label in by_name["label"]]
    return TrainingData(Dataset.from_dict(by_name), "task", 0, classes)


def tsv(name: str) -> list[list[str]]:
    with data(name).open(encoding="utf-8") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def rte() -> tuple[TrainingData, TrainingData]:
    classes, names = ("entailment", "not_entailment"), ("sentence1", "sentence2", "label")
    parts = [tsv(f"cls/glue/RTE/{part}.tsv")[1:] for part in ("train", "dev")]
    return tuple(
        rows(*map(list, zip(*(row[1:] for row in part), strict=True)), names=names, classes=classes)
        for part in parts
    )


def cola() -> tuple[TrainingData, TrainingData]:
    parts = [tsv(f"cls/glue/CoLA/{part}.tsv") for part in ("train", "dev")]
    return tuple(
        rows([r[3] for r in p], [r[1] for r in p], names=("text", "label"), classes=("0", "1"))
        for p in parts
    )


def mrpc() -> tuple[TrainingData, TrainingData]:
    every = [row for row in tsv("cls/glue/MRPC/train.tsv")[1:] if len(row) == 5]
    names = ("label", "sentence1", "sentence2")
    parts = [[r for i, r in enumerate(every) if (i % 5 == 4) == held] for held in (False, True)]
    return tuple(
        rows(*([r[k] for r in p] for k in (0, 3, 4)), names=names, classes=("0", "1"))
        for p in parts
    )


def trec() -> tuple[TrainingData, TrainingData]:
    parts = []
    for name in ("train_5500", "TREC_10"):
        text = data(f"cls/senteval/TREC/{name}.label").read_text(encoding="latin-1")
        parts.append([line.split(" ", 1) for line in text.splitlines() if line.strip()])
    classes = tuple(sorted({label.partition(":")[0] for label, _ in parts[0]}))
    return tuple(
        rows(
            [text for _, text in part],
            [label.partition(":")[0] for label, _ in part],
            names=("text", "label"),
            classes=classes,
        )
        for part in parts
    )


def sst2() -> tuple[TrainingData, TrainingData]:
    parts = [tsv(f"cls/glue/SST-2/{part}.tsv")[1:] for part in ("train", "dev")]
    return tuple(
        rows([r[0] for r in p], [r[1] for r in p], names=("text", "label"), classes=("0", "1"))
        for p in parts
    )


TASKS = {"RTE": rte, "MRPC": mrpc, "CoLA": cola, "TREC": trec, "SST-2": sst2}


def first(part: TrainingData, rows: int) -> TrainingData:
    return replace(part, rows=part.rows.select(range(min(rows, len(part.rows)))))


def run(model: str, task: str, variant: str, seed: int) -> dict:
    train, dev = TASKS[task]()
    if model == "minilm":
        train, dev = first(train, FEW_ROWS[task]), first(dev, FEW_DEV_ROWS)
    settings = FinetuneSettings(
        seed=seed, metric=METRICS[task], **OPTIONS[model], **VARIANTS[variant]
    )
    path = "mini" if model == "mini" else minilm()
    with tempfile.TemporaryDirectory() as folder:
        done = finetune(path, train, dev, Path(folder) / "model", settings)
        lines = read_metrics(Path(folder) / "model/metrics.jsonl")
    name = f"eval_{METRICS[task]}"
    last = next(line for line in lines if line["step"] == done.steps and name in line)
    return {"last": 100 * last[name], "best": 100 * done.metrics[METRICS[task]]}


def verdict(tasks: tuple[str, ...], found: dict[tuple[str, str], list[float]]) -> str:
    """Compare with the same compute, seed by seed: mean difference and p of the paired t-test."""
    ways = [name for name in VARIANTS if name != "baseline, same compute"]
    rows = []
    for task in tasks:
        same = found[task, "baseline, same compute"]
        cells = []
        for way in ways:
            differences = [a - b for a, b in zip(found[task, way], same, strict=True)]
            p = ttest_rel(found[task, way], same).pvalue
            cells.append(f"{statistics.mean(differences):+.2f} (p {p:.2f})")
        rows.append([task, *cells])
    return table(["minus the same compute", *ways], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", choices=OPTIONS)
    parser.add_argument("--seeds", type=int, nargs="+", help="these runs only, and no table")
    model, seeds = (options := parser.parse_args()).model, options.seeds
    tasks = TASKS_OF[model]
    torch.set_num_threads(1)
    file = RESULTS / "finetune.jsonl"
    found: dict[tuple[str, str], list[float]] = {}
    for seed in seeds or SEEDS:
        for task in tasks:
            for variant in VARIANTS:
                key = {"model": model, "task": task, "variant": variant, "seed": seed}
                row = remembered(file, key, lambda key=key: run(**key))
                found.setdefault((task, variant), []).append(row["last"])
    if seeds:
        return
    header = ["task", "metric × 100", *VARIANTS]
    body = [
        [task, METRICS[task], *(spread(found[task, variant]) for variant in VARIANTS)]
        for task in tasks
    ]
    means = [
        statistics.mean(statistics.mean(found[task, variant]) for task in tasks)
        for variant in VARIANTS
    ]
    body.append(["mean", "", *(f"{mean:.2f}" for mean in means)])
    text = (
        f"{table(header, body)}\n\n{verdict(tasks, found)}\n\nFrom {model}, last epoch, mean ± "
        f"standard deviation of {len(SEEDS)} seeds. {machine()}.\n"
    )
    (RESULTS / f"finetune-{model}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
