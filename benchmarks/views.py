"""Which pairs of views teach the most? ConSERT's figure 4, from a small encoder, three seeds.

    python benchmarks/views.py             every pair, about 40 minutes on one core
    python benchmarks/views.py --seeds 0   one seed

Trains ConSERT's unsupervised method (its pooling, NT-Xent at 0.1, the encoder's own dropout off)
with other pairs of views. Each finished run is a line of results/views.jsonl and is not run again.
The table is printed and written to results/views.md, the picture to results/views.png.
"""

import argparse
import itertools
import statistics
import tempfile
from pathlib import Path

import torch
from common import RESULTS, data, lines, machine, remembered, sample, spread, table
from datasets import Dataset
from matplotlib import pyplot

import sentemb
from sentemb import View
from sentemb.datasets import TrainingData
from sentemb.encoders import EmbeddingNeighbours
from sentemb.methods import consert
from sentemb.views import (
    EDA,
    Adversarial,
    Crop,
    EmbeddingDropout,
    FeatureCutoff,
    GaussianNoise,
    SpanCutoff,
    SubwordRepetition,
    TokenCutoff,
    TokenShuffle,
    WordDropout,
)

ROWS = 20_000
SETTINGS = {"batch_size": 64, "learning_rate": 3e-5, "max_steps": 100, "eval_steps": 25}
FIGURE = {  # the five of ConSERT's figure 4
    "clean": View(),
    "shuffle": View(order=TokenShuffle()),
    "token cutoff 0.1": View(perturb=TokenCutoff(0.1)),
    "feature cutoff 0.2": View(perturb=FeatureCutoff(0.2)),
    "embedding dropout 0.2": View(perturb=EmbeddingDropout(0.2)),
}
OTHERS = {
    "span cutoff 0.1": View(perturb=SpanCutoff(0.1)),
    "noise 0.1": View(perturb=GaussianNoise(0.1)),
    "adversarial 1": View(perturb=Adversarial(1.0)),
    "word dropout 0.1": View(edit=WordDropout(0.1)),
    "crop 0.1": View(edit=Crop(0.1)),
    "crop 0.3": View(edit=Crop(0.3)),
    "sub-word repetition": View(edit_tokens=SubwordRepetition()),
}
PAIRS = [
    pair
    for pair in itertools.combinations_with_replacement(FIGURE, 2)
    if pair != ("clean", "clean")
] + [("clean", name) for name in OTHERS]


def mixed() -> TrainingData:
    texts = (line.split("\t", 1)[1] for line in lines("unlabelled/mixed_tagged.tsv.gz"))
    return TrainingData(Dataset.from_dict({"text": sample(texts, ROWS)}), "mixed text", 0)


def run(first: str, second: str, seed: int, dropout: float, *, random_weights: bool) -> dict:
    torch.manual_seed(seed)
    encoder = sentemb.build_encoder("mini", pooling="avg_top2", device="cpu")
    if random_weights:
        model = encoder[0].model
        model.load_state_dict(type(model)(model.config).state_dict(), strict=False)
    eda = {"EDA 0.1": View(edit=EDA(EmbeddingNeighbours(encoder)))}
    known = FIGURE | OTHERS | eda
    method = consert(encoder, dropout=dropout)
    method.views = (known[first], known[second])
    test = sentemb.read_sts(data("sts/STSB.test.tsv"))
    with tempfile.TemporaryDirectory() as folder:
        result = sentemb.train(
            method,
            mixed(),
            Path(folder) / "run",
            sentemb.Settings(**SETTINGS, epochs=1, seed=seed),
            dev=sentemb.read_sts(data("sts/STSB.dev.tsv")),
        )
        last = sentemb.runs.logs.read_metrics(Path(folder) / "run/metrics.jsonl")
    return {
        "dev_before": result.before["spearman"],
        "dev": result.metrics["spearman"],
        "dev_last": [line["eval_spearman"] for line in last if "eval_spearman" in line][-1],
        "test": test(encoder.encode)["spearman"],
        "best_step": result.best_step,
        "seconds": result.seconds,
    }


def draw(means: dict[tuple[str, str], float], before: float) -> None:
    names = list(FIGURE)
    grid = [
        [means.get((a, b), means.get((b, a), float("nan"))) - before for b in names] for a in names
    ]
    figure, axes = pyplot.subplots(figsize=(7.5, 6), layout="constrained")
    image = axes.imshow(grid, cmap="viridis")
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    for i, j in itertools.product(range(len(names)), repeat=2):
        value = grid[i][j]
        dark = value == value and image.norm(value) < 0.6
        shown = f"{value:+.2f}" if value == value else "equal views"
        axes.text(
            j, i, shown, ha="center", va="center", color="white" if dark else "black", fontsize=9
        )
    figure.colorbar(image, label="STS-B dev Spearman × 100, gain over the start")
    axes.set_title("Pairs of views, mean of three seeds, from mini")
    figure.savefig(RESULTS / "views.png", dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    controls = [
        ("clean", "clean", 0.1, False),
        ("feature cutoff 0.2", "shuffle", 0.1, False),
        ("feature cutoff 0.2", "shuffle", 0.0, True),
    ]
    plan = [(a, b, 0.0, False) for a, b in [*PAIRS, ("clean", "EDA 0.1")]] + controls
    rows, means, before = [], {}, 0.0
    for first, second, dropout, random in plan:
        each = []
        for seed in options.seeds:
            key = {"first": first, "second": second, "dropout": dropout, "random": random}
            key |= {"rows": ROWS, "seed": seed, **SETTINGS}
            each.append(
                remembered(
                    RESULTS / "views.jsonl",
                    key,
                    lambda f=first, s=second, n=seed, d=dropout, r=random: run(
                        f, s, n, d, random_weights=r
                    ),
                )
            )
            print(first, "/", second, each[-1], flush=True)
        if not dropout and not random:
            means[first, second] = statistics.mean(one["dev"] for one in each)
            before = each[0]["dev_before"]
        start = "random weights" if random else "mini"
        gain = spread([one["dev"] - one["dev_before"] for one in each])
        columns = [spread([one[name] for one in each]) for name in ("dev", "dev_last", "test")]
        steps = ", ".join(str(one["best_step"]) for one in each)
        rows.append([first, second, f"{dropout:g}", start, columns[0], gain, *columns[1:], steps])
    header = ["view 1", "view 2", "dropout", "from", "dev, best step", "gain", "dev, last step"]
    text = table([*header, "test", "best step"], rows)
    note = (
        f"STS-B Spearman × 100, mean ± sd over seeds {options.seeds}; mini scores "
        f"{before:.2f} on dev before. {machine()}."
    )
    (RESULTS / "views.md").write_text(f"{text}\n\n{note}\n")
    draw(means, before)
    print(f"\n{text}\n\n{note}")


if __name__ == "__main__":
    main()
