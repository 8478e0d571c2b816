"""Labels without training data and with a few examples: TREC, CR and SST-2.

    python benchmarks/few_shot.py                     about two hours on one core
    python benchmarks/few_shot.py --table             of what has been measured, without running

Zero-shot by the labels' own texts; with 8 and 16 examples of each label a logistic regression on
frozen vectors, SetFit (`sentemb.classify`), and full fine-tuning (`sentemb.finetune`) beside each
other, all on the same ten draws. Scored are TREC's test set, GLUE's dev set of SST-2, and 1,000
rows of CR that are never drawn. Settings were fixed before the first run: SetFit's own for
all-MiniLM-L6-v2, and a learning rate of 1e-4 for mini-sentemb, which is a tenth as large;
fine-tuning passes 25 times over the examples. Finished runs are lines of results/few_shot.jsonl and
are not run again; the table is results/few_shot.md.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import torch
from common import RESULTS, data, machine, minilm, remembered, spread, table
from datasets import Dataset, disable_progress_bars
from transformers.utils import logging as transformers_logging

import sentemb
from sentemb.datasets import TrainingData
from sentemb.datasets.senteval import read_by_file, read_glue_sst2, read_trec
from sentemb.evaluation import Labelled
from sentemb.finetuning import FinetuneSettings, finetune
from sentemb.tasks.vectors import Embedded, embedded

SHOTS = (8, 16)
PASSES = 25
CR_TEST = 1000
DRAWS = 10
WAYS = {"head": "frozen", "setfit": "SetFit", "finetune": "fine-tuned"}
RATES = {"mini-sentemb": {"setfit": 1e-4, "finetune": 3e-4}}
RATES["minilm"] = {"setfit": 2e-5, "finetune": 1e-4}
OPINION = {"negative": "bad, terrible, disappointing", "positive": "good, great, wonderful"}
LABELS = {
    "TREC": {
        "ABBR": "the meaning of an abbreviation",
        "DESC": "a description, a definition or a reason",
        "ENTY": "a thing, an animal, a product or a word",
        "HUM": "a person or a group of people",
        "LOC": "a place, a city or a country",
        "NUM": "a number, a date or an amount",
    },
    "CR": OPINION,
    "SST-2": OPINION,
}
TEMPLATES = {"TREC": "This question asks for {}.", "CR": "It is {}.", "SST-2": "It is {}."}


def trec() -> tuple[Labelled, Labelled]:
    names = ("train_5500", "TREC_10")
    return tuple(read_trec(data(f"cls/senteval/TREC/{name}.label")) for name in names)


def cr() -> tuple[Labelled, Labelled]:
    every = read_by_file(*(data(f"cls/senteval/CR/custrev.{end}") for end in ("neg", "pos")))
    order = np.random.default_rng(0).permutation(len(every.texts))
    return chosen(every, order[CR_TEST:]), chosen(every, order[:CR_TEST])


def sst2() -> tuple[Labelled, Labelled]:
    return tuple(read_glue_sst2(data(f"cls/glue/SST-2/{part}.tsv")) for part in ("train", "dev"))


def chosen(rows: Labelled, places: Sequence[int]) -> Labelled:
    return Labelled([rows.texts[n] for n in places], [rows.labels[n] for n in places])


@cache
def task(name: str) -> tuple[Labelled, Labelled]:
    """Return the rows to draw from and those that are scored, with the names of LABELS."""
    parts = {"TREC": trec, "CR": cr, "SST-2": sst2}[name]()
    names = dict(zip(sorted(set(parts[0].labels)), LABELS[name], strict=True))
    return tuple(replace(part, labels=[names[label] for label in part.labels]) for part in parts)


def drawn(name: str, shots: int, draw: int) -> list[tuple[str, str]]:
    """Draw so many examples of each label."""
    rows, generator = task(name)[0], np.random.default_rng(draw)
    found = []
    for label in LABELS[name]:
        of_label = [n for n, other in enumerate(rows.labels) if other == label]
        places = generator.choice(of_label, shots, replace=False)
        found += [(rows.texts[n], label) for n in places]
    return found


def path_of(model: str) -> str:
    return str(minilm()) if model == "minilm" else model


def scored(name: str) -> dict[str, list[str]]:
    rows = task(name)[1]
    return {"text": list(rows.texts), "label": list(rows.labels)}


@cache
def frozen(model: str, name: str) -> Embedded:
    return embedded(scored(name), path_of(model))


def zero_shot(model: str, name: str) -> dict:
    found = sentemb.classify(
        frozen(model, name), LABELS[name], model=path_of(model), template=TEMPLATES[name]
    )
    return {"accuracy": 100 * found.metrics["accuracy"], "aurc": found.metrics["aurc"]}


def few_shot(model: str, name: str, shots: int, way: str, draw: int) -> dict:
    examples = drawn(name, shots, draw)
    if way == "finetune":
        return {"accuracy": fine_tuned(model, name, examples, draw)}
    texts, options = frozen(model, name), {"epochs": 0}
    if way == "setfit":
        texts, options = scored(name), {"learning_rate": RATES[model][way], "seed": draw}
    found = sentemb.classify(texts, examples=examples, model=path_of(model), **options)
    return {"accuracy": 100 * found.metrics["accuracy"], "aurc": found.metrics["aurc"]}


def fine_tuned(model: str, name: str, examples: list[tuple[str, str]], seed: int) -> float:
    """Return the accuracy after the last step; the passes are one epoch, which is scored once."""
    classes = tuple(LABELS[name])

    def rows(pairs: Sequence[tuple[str, str]]) -> TrainingData:
        texts, labels = zip(*pairs, strict=True)
        numbers = [classes.index(label) for label in labels]
        return TrainingData(Dataset.from_dict({"text": texts, "label": numbers}), name, 0, classes)

    test = list(zip(*scored(name).values(), strict=True))
    settings = FinetuneSettings(
        epochs=1, batch_size=16, learning_rate=RATES[model]["finetune"], seed=seed
    )
    with tempfile.TemporaryDirectory() as folder:
        done = finetune(
            path_of(model), rows(examples * PASSES), rows(test), Path(folder) / "m", settings
        )
    return 100 * done.metrics["accuracy"]


def keys() -> list[dict]:
    """Return what is measured, by its key, the cheap first."""
    found = [{"model": m, "task": name, "way": "zero-shot"} for m in RATES for name in LABELS]
    for ways in (["head"], ["setfit", "finetune"]):
        found += [
            {"model": m, "task": name, "shots": shots, "way": way, "draw": draw}
            for m in RATES
            for draw in range(DRAWS)
            for shots, name in sorted(
                product(SHOTS, LABELS), key=lambda c: c[0] * len(LABELS[c[1]])
            )
            for way in ways
        ]
    return found


def cell_of(key: dict) -> tuple:
    return key["task"], key.get("shots"), key["way"]


def measured(key: dict) -> dict:
    return (
        zero_shot(key["model"], key["task"])
        if key["way"] == "zero-shot"
        else few_shot(key["model"], *cell_of(key), key["draw"])
    )


def known(file: Path) -> dict[tuple, list[float]]:
    """Return accuracies by model, task, examples and way."""
    found: dict[tuple, list[float]] = {}
    for line in file.read_text().splitlines():
        row = json.loads(line)
        found.setdefault((row["model"], *cell_of(row)), []).append(row["accuracy"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--table", action="store_true", help="run nothing")
    torch.set_num_threads(1)
    logging.getLogger("sentemb").setLevel(logging.WARNING)
    disable_progress_bars()
    transformers_logging.set_verbosity_error()
    file = RESULTS / "few_shot.jsonl"
    for key in [] if parser.parse_args().table else keys():
        remembered(file, key, lambda key=key: measured(key))
    found = known(file)

    def cell(*of: object) -> str:
        values = found.get(of, [])
        fewer = len(values) < DRAWS and of[-1] != "zero-shot"
        return f"{spread(values, 1)}{f' ({len(values)})' * fewer}" if values else ""

    header = ["encoder", "task", "zero-shot"]
    header += [f"{shots}: {words}" for shots in SHOTS for words in WAYS.values()]
    body = [
        [model, name, cell(model, name, None, "zero-shot")]
        + [cell(model, name, shots, way) for shots in SHOTS for way in WAYS]
        for model in RATES
        for name in LABELS
    ]
    text = (
        f"{table(header, body)}\n\nAccuracy × 100 with 8 and 16 examples of each label, mean ± "
        f"standard deviation over {DRAWS} draws of the examples, or as many as stand in brackets. "
        f"minilm is all-MiniLM-L6-v2; an empty cell was not measured. {machine()}.\n"
    )
    (RESULTS / "few_shot.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
