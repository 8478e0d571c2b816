"""Every recipe from one start, on the same data and steps: where it takes an encoder.

    python benchmarks/recipes.py     about 45 minutes on one core

From the bundled encoder `mini` with mean pooling, 100 steps of 64 rows at the recipe's own
learning rate, three seeds; each run is a process of its own, on one thread. Recipes of sentences
read the same 6,400 mixed sentences; those of triplets and labelled pairs SNLI's dev set, all
without any sentence of an STS dev or test set; `supcon` and `cosent` the bundled topics and scored
pairs.
Measured after the last step on STS-B dev: Spearman × 100, alignment and uniformity as in the
SimCSE paper, and the effective rank of the embeddings of its sentences; the time is the process's
CPU time a step, the memory its peak. Finished runs are lines of results/recipes.jsonl and are not
run again; written to results/recipes.md and results/recipes.png.
"""

import csv
import gzip
import inspect
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import RESULTS, data, is_in_sts, lines, machine, remembered, sample, spread, table
from matplotlib import pyplot

SEEDS = (0, 1, 2)
STEPS, BATCH, SENTENCES = 100, 64, 6_400
START = "before"
UNLABELLED = (
    *("simcse-unsup", "simcse++", "esimcse", "consert", "eda", "crop", "simclr", "simclr-v2"),
    *("moco", "moco-v2", "moco-v3", "byol", "simsiam", "swav", "barlow-twins", "vicreg"),
)
LABELLED = ("simcse-sup", "two-tower", "nsp", "consert-sup", "supcon", "cosent")
RANDOM = ("simcse-unsup", "moco", "simsiam", "barlow-twins", "simcse-sup")


def rows_of(name: str):
    """Return the rows that a recipe is trained on."""
    from datasets import Dataset

    from sentemb import read_training_data
    from sentemb.bundled import bundled
    from sentemb.datasets import TrainingData

    recipe = recipe_of(name)
    if name in ("supcon", "cosent"):
        return read_training_data(bundled(recipe.bundled_data), recipe.layouts)
    if name in ("simcse-sup", "two-tower", "nsp"):
        with gzip.open(data("nli/nli_triplets_snli_dev.csv.gz"), "rt", encoding="utf-8") as file:
            every = [tuple(row.values()) for row in csv.DictReader(file)]
        return _clean(every, ("anchor", "positive", "negative"))
    if name == "consert-sup":
        kinds = {"entailment": 0, "neutral": 1, "contradiction": 2}
        every = [tuple(line.split("\t")) for line in lines("nli/snli_dev.tsv.gz")]
        pairs = [(a, b, kinds[label]) for label, a, b in every if label in kinds]
        clean = _clean(pairs, ("sentence1", "sentence2", "label"))
        return replace(clean, classes=tuple(kinds))
    every = (line.split("\t")[-1] for line in lines("unlabelled/mixed_tagged.tsv.gz"))
    texts = list(dict.fromkeys(t for t in sample(every, 8_000) if t and not is_in_sts(t)))
    return TrainingData(Dataset.from_dict({"text": texts[:SENTENCES]}), "mixed", 0)


def _clean(rows, columns):
    from datasets import Dataset

    from sentemb.datasets import TrainingData

    kept = [row for row in rows if not is_in_sts(*(x for x in row if isinstance(x, str)))]
    by_column = dict(zip(columns, map(list, zip(*kept, strict=True)), strict=True))
    return TrainingData(Dataset.from_dict(by_column), "SNLI dev", 0)


def recipe_of(name: str):
    from sentemb.signatures import find_recipe

    return find_recipe(name)


def build(name: str, weights: str, rows):
    import sentemb

    encoder = sentemb.build_encoder("mini", pooling="mean", device="cpu")
    if weights == "random":
        model = encoder[0].model
        model.load_state_dict(type(model)(model.config).state_dict(), strict=False)
    recipe = recipe_of(name)
    options = {}
    parameters = inspect.signature(recipe.build).parameters
    if "columns" in parameters:
        options["columns"] = rows.rows.column_names[: 2 if name == "nsp" else 3]
    if "classes" in parameters:
        options["classes"] = len(rows.classes)
    return recipe.build(encoder, **options)


def measured(encoder) -> dict:
    import torch

    from sentemb import read_sts
    from sentemb.functional import effective_rank

    dev = read_sts(data("sts/STSB.dev.tsv"))

    def encode(texts):
        return encoder.encode(texts, batch_size=64, show_progress_bar=False)

    texts = sorted({*dev.sentences1, *dev.sentences2})
    rank = float(effective_rank(torch.from_numpy(np.asarray(encode(texts)))))
    scores = dev(encode)
    return {k: scores[k] for k in ("spearman", "alignment", "uniformity")} | {"rank": rank}


def run(name: str, weights: str, seed: int) -> dict:
    import torch

    import sentemb

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    if name == START:
        return measured(build("simcse-unsup", weights, rows=None).encoder)
    recipe, rows = recipe_of(name), rows_of(name)
    method = build(name, weights, rows)
    settings = sentemb.Settings(
        batch_size=BATCH,
        learning_rate=recipe.learning_rate,
        epochs=1,
        max_steps=STEPS,
        max_length=32,
        save_steps=STEPS,
        seed=seed,
        select="last",
    )
    before = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        sentemb.train(method, rows, Path(folder) / "model", settings)
    seconds = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = {"rate": settings.learning_rate}
    return measured(method.encoder.eval()) | rate | {"seconds": seconds / STEPS, "megabytes": peak}


def in_a_process(name: str, weights: str, seed: int) -> dict:
    command = [sys.executable, __file__, name, weights, str(seed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout
    return json.loads(out.splitlines()[-1])


def main() -> None:
    found = {}
    kinds = [(START, "mini"), *((name, "mini") for name in (*UNLABELLED, *LABELLED))]
    kinds += [(START, "random"), *((name, "random") for name in RANDOM)]
    for seed in SEEDS:
        for name, weights in kinds:
            key = {"recipe": name, "weights": weights, "seed": seed}
            row = remembered(
                RESULTS / "recipes.jsonl",
                key,
                lambda n=name, w=weights, s=seed: in_a_process(n, w, s),
            )
            found.setdefault((name, weights), []).append(row)
    header = ["recipe", "from", "learning rate", "STS-B dev", "alignment", "uniformity"]
    header += ["effective rank", "CPU ms a step", "peak MB"]
    rows = []
    for (name, weights), runs in found.items():
        cells = [name, "mini" if weights == "mini" else "random weights"]
        cells.append(f"{runs[0]['rate']:g}" if "rate" in runs[0] else "")
        for key, factor, digits in (
            *(("spearman", 1, 2), ("alignment", 1, 3), ("uniformity", 1, 3), ("rank", 1, 1)),
            *(("seconds", 1000, 0), ("megabytes", 1, 0)),
        ):
            values = [factor * one[key] for one in runs if key in one]
            one_number = key in ("seconds", "megabytes")
            shown = f"{np.median(values):.0f}" if values and one_number else ""
            cells.append(shown if one_number else spread(values, digits))
        rows.append(cells)
    text = (
        f"{table(header, rows)}\n\nMean ± standard deviation over seeds {list(SEEDS)}; time and "
        f"memory: medians. {machine()}.\n"
    )
    (RESULTS / "recipes.md").write_text(text)
    plot(found)
    print(text)


CROWD = (-1.575, -1.42, 0.1265, 0.1365)
"""Where points lie so close together that they are drawn once more, larger."""


def plot(found: dict) -> None:
    """Alignment against uniformity, one point a recipe, Spearman as its colour."""
    points = {name: runs for (name, weights), runs in found.items() if weights == "mini"}
    x, y, colour = (
        [float(np.mean([one[field] for one in runs])) for runs in points.values()]
        for field in ("uniformity", "alignment", "spearman")
    )
    figure, axis = pyplot.subplots(figsize=(10, 6.5))
    inset = axis.inset_axes((0.03, 0.06, 0.50, 0.38))
    for axes in (axis, inset):
        dots = axes.scatter(x, y, c=colour, cmap="viridis", s=60, edgecolors="black", lw=0.5)
    inset.set(xlim=CROWD[:2], ylim=CROWD[2:], xticks=[], yticks=[])
    axis.indicate_inset_zoom(inset, edgecolor="black")
    for name, u, a in zip(points, x, y, strict=True):
        crowded = CROWD[0] < u < CROWD[1] and CROWD[2] < a < CROWD[3]
        axes = inset if crowded else axis
        left = name in ("simcse-sup", "two-tower", "barlow-twins", "cosent", "simclr-v2")
        below = {"simcse++": 4, "simcse-unsup": -6, "esimcse": -12, "vicreg": -8, "moco-v3": -9}
        below |= {"barlow-twins": 2, "byol": 8, "simsiam": 4}
        axes.annotate(
            name,
            (u, a),
            xytext=(-7 if left else 7, below.get(name, -3)),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=9,
        )
    axis.set(
        xlabel="uniformity on STS-B dev (smaller: more evenly spread)",
        ylabel="alignment of STS-B dev pairs graded above 4 (smaller: nearer)",
    )
    axis.margins(0.07)
    figure.colorbar(dots, ax=axis, label="Spearman × 100, STS-B dev")
    figure.tight_layout()
    figure.savefig(RESULTS / "recipes.png", dpi=110)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
    else:
        main()
