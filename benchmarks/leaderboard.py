"""Every unsupervised recipe under one protocol: which published gains hold from a small encoder?

    python benchmarks/leaderboard.py                    about 4 CPU-hours from `mini`
    python benchmarks/leaderboard.py --budget 1         goes on where it stopped, for an hour
    python benchmarks/leaderboard.py --device cuda --model FOLDER --steps 2000

One raw encoder with mean pooling ([MASK] for PromptBERT), one corpus of sentences, none of which is
in an STS set, equal steps and rows a step, 30 tokens of each text, no warm-up. The learning rate is
the best of three by STS-B dev on seed 0, for each recipe by itself; then further seeds are trained
with it, and the model of the last step is measured. SimCSE is compared with runs of equal seed,
which see the same rows in the same order, by a paired t-test over seeds; p-values are not corrected
for many tests. Controls: the encoder as it is, and SimCSE from random weights. Recipes with a star
read a teacher that has seen labels. TREC and CR are read out by a logistic regression of strength
1, which no folds choose: SentEval's choice by folds takes as long as the training.

Each run is a line of results/leaderboard.jsonl, which is not run again. A seed is trained for all
recipes before the next, so that a budget that is spent leaves fewer seeds and no fewer recipes. Two
processes with other `--recipes` share the file. `--budget` counts the CPU-hours of this call: no
run starts after it. The table is printed and written to results/leaderboard.md.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from common import DATA, RESULTS, data, is_in_sts, lines, machine, remembered, sample, spread, table

BASE = "simcse-unsup"
RECIPES = (
    *(BASE, "simcse++", "esimcse", "consert", "eda", "crop", "simclr", "moco-v2", "moco-v3"),
    *("byol", "simsiam", "swav", "barlow-twins", "vicreg", "sncse", "arccse", "whitenedcse"),
    *("promptbert", "rankcse"),
)
VARIANTS = {
    "flatnce": (BASE, "flatnce-one-way"),
    "dclw": (BASE, "dclw"),
    "hardness": (BASE, "infonce:0.05,hardness=9"),
}
"""SimCSE with another loss."""
TAUGHT = ("rankcse",)
UNTRAINED = "untrained"
RANDOM = f"{BASE}, random weights"
RATES = (3e-4, 1e-4, 1e-3)
TASKS = {
    "sts": (*(f"STS{year}" for year in range(12, 17)), "STS-B"),
    "retrieval": ("CISI",),
    "negation": ("negation",),
}
TRANSFER = ("TREC", "CR")
SHOWN = ("STS-B dev", "STS-B", "STS12–16", "TREC", "CR", "CISI", "negation")


@dataclass(frozen=True)
class Run:
    """A training, or the encoder before it: the key of its line.

    Args:
        recipe: Of `RECIPES` or `VARIANTS`, or `UNTRAINED`.
        model: The raw encoder.
        weights: "given" or "random".
        steps: How many there are.
        batch: Rows a step.
        rows: Sentences of the corpus.
        precision: What is trained and encoded in.
        rate: The learning rate; 0 without training.
        seed: Of the run.
    """

    recipe: str
    model: str
    weights: str
    steps: int
    batch: int
    rows: int
    precision: str
    rate: float
    seed: int


def corpus(size: int):
    from datasets import Dataset

    from sentemb.datasets import TrainingData

    every = (line.split("\t")[-1] for line in lines("unlabelled/mixed_tagged.tsv.gz"))
    texts = dict.fromkeys(t for t in sample(every, 2 * size) if t and not is_in_sts(t))
    return TrainingData(Dataset.from_dict({"text": list(texts)[:size]}), "mixed", 0)


def method_of(run: Run, device: str):
    import sentemb
    from sentemb.methods import method_named
    from sentemb.notation import make_loss

    recipe, loss = VARIANTS.get(run.recipe, (run.recipe, None))
    model = run.model if run.model == "mini" else data(run.model)
    encoder = sentemb.build_encoder(model, pooling="mean", device=device)
    if run.weights == "random":
        weights = encoder[0].model
        weights.load_state_dict(type(weights)(weights.config).state_dict(), strict=False)
    options = {}
    if recipe in TAUGHT:
        from common import minilm

        options["teacher"] = str(minilm())
    made = method_named(BASE if recipe == UNTRAINED else recipe, encoder, **options)
    return sentemb.Method(made.views, made.twin, make_loss(loss)) if loss else made


def train(run: Run, method) -> None:
    import sentemb

    settings = sentemb.Settings(
        batch_size=run.batch,
        learning_rate=run.rate,
        epochs=1 + run.steps * run.batch // run.rows,
        max_steps=run.steps,
        max_length=30 + method.encoder.tokenizer.num_special_tokens_to_add(),
        save_steps=run.steps,
        seed=run.seed,
        select="last",
        precision=run.precision,
    )
    with tempfile.TemporaryDirectory() as folder:
        sentemb.train(method, corpus(run.rows), Path(folder) / "model", settings)


def read_out(task, encode) -> float:
    """Return the accuracy of a logistic regression: of the test rows, or of ten folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    from sentemb.evaluation.transfer import TrainTest

    regression = LogisticRegression(max_iter=1000)
    given = task.train.features(encode), task.train.labels
    if not isinstance(task, TrainTest):
        return 100 * float(cross_val_score(regression, *given, cv=10).mean())
    return 100 * regression.fit(*given).score(task.test.features(encode), task.test.labels)


def scores_of(encoder, precision: str, least: float) -> dict[str, float]:
    """Return the main number of each task; of STS-B dev alone where that is not above the least."""
    import sentemb
    from sentemb.bundled import bundled
    from sentemb.evaluation.cache import EncodeCache
    from sentemb.suites import SUITES, read_suite

    def tasks(suite: str, names: tuple[str, ...]):
        sources = [source for source in SUITES[suite] if source.name in names]
        folder = bundled("") if suite == "negation" else DATA
        return [one.task for one in read_suite(suite, sources, folder).tasks]

    made = sentemb.Encoder(encoder, "leaderboard")
    encode = EncodeCache(partial(made.encode, precision=precision, progress=False))
    dev = sentemb.read_sts(data("sts/STSB.dev.tsv"))
    found = {"STS-B dev": dev(encode)["spearman"]}
    if found["STS-B dev"] <= least:
        return found
    for suite, names in TASKS.items():
        found |= {task.name: task(encode)[task.main] for task in tasks(suite, names)}
    found |= {task.name: read_out(task, encode) for task in tasks("transfer", TRANSFER)}
    found["STS12–16"] = float(np.mean([found[name] for name in TASKS["sts"][:-1]]))
    return found


def result_of(run: Run, device: str, least: float) -> dict:
    import torch

    torch.manual_seed(run.seed)
    started = time.process_time()
    method = method_of(run, device)
    if run.recipe != UNTRAINED:
        train(run, method)
    scores = scores_of(method.encoder.eval(), run.precision, least)
    return {"scores": scores, "seconds": round(time.process_time() - started, 1)}


class Runs:
    """Runs that are done or get done, until the budget is spent."""

    def __init__(self, file: Path, budget: float, device: str) -> None:
        self.file, self.budget, self.device = file, budget * 3600, device

    def scores(self, run: Run, least: float = -math.inf) -> dict[str, float] | None:
        """Return the scores of a run, as `scores_of`; None where the budget is spent."""
        try:
            return remembered(self.file, asdict(run), partial(self._result, run, least))["scores"]
        except TimeoutError:
            return None

    def _result(self, run: Run, least: float) -> dict:
        if time.process_time() > self.budget:
            raise TimeoutError
        print(f"{run.recipe}, {run.weights}, {run.rate:g}, seed {run.seed}", file=sys.stderr)
        return result_of(run, self.device, least)

    def best_rate(self, run: Run) -> tuple[float, dict[str, float]] | None:
        """Return the learning rate that is best on STS-B dev, and its scores."""
        best, rate = {"STS-B dev": -math.inf}, 0.0
        for tried in RATES if run.steps else (0.0,):
            scores = self.scores(replace(run, rate=tried), best["STS-B dev"])
            if scores is None:
                return None
            if scores["STS-B dev"] > best["STS-B dev"]:
                best, rate = scores, tried
        return rate, best


def plan(options: argparse.Namespace) -> Iterator[tuple[str, Run]]:
    """Yield the rows of the table, each with a run to make others of."""
    first = Run(
        recipe=UNTRAINED,
        model=options.model,
        weights="given",
        steps=0,
        batch=options.batch,
        rows=options.rows,
        precision=options.precision,
        rate=0.0,
        seed=0,
    )
    yield UNTRAINED, first
    for recipe in options.recipes:
        one = replace(first, recipe=recipe, steps=options.steps)
        yield f"{recipe}*" if recipe in TAUGHT else recipe, one
    yield RANDOM, replace(first, recipe=BASE, weights="random", steps=options.steps)


def done(options: argparse.Namespace) -> dict[str, tuple[float, list[dict[str, float]]]]:
    """Return of each row the learning rate and the scores of each seed that was affordable."""
    runs = Runs(options.results, options.budget, options.device)
    found: dict[str, tuple[float, list[dict[str, float]]]] = {}
    chosen: dict[str, Run] = {}
    for name, run in plan(options):
        best = runs.best_rate(run)
        rate, scores = best or (0.0, None)
        found[name] = (rate, [scores] if scores else [])
        if scores and run.steps:
            chosen[name] = replace(run, rate=rate)
    for seed in range(1, options.seeds):
        for name, run in chosen.items():
            scores = runs.scores(replace(run, seed=seed))
            if scores is not None:
                found[name][1].append(scores)
    return found


def compared(scores: list[dict], base: list[dict], task: str) -> str:
    """Return the mean difference of runs of equal seed, and its p."""
    from scipy.stats import ttest_rel

    pairs = list(zip(scores, base, strict=False))
    one, other = ([run[task] for run in side] for side in zip(*pairs, strict=True))
    difference = float(np.mean(np.subtract(one, other)))
    if len(pairs) < 2 or np.ptp(np.subtract(one, other)) == 0:
        return f"{difference:+.2f}"
    return f"{difference:+.2f} ({float(ttest_rel(one, other).pvalue):.3f})"


def written(found: dict[str, tuple[float, list[dict]]], options: argparse.Namespace) -> str:
    complete = {name: runs for name, (_, runs) in found.items() if runs}
    rows = [
        [
            name,
            f"{found[name][0]:g}" if found[name][0] else "",
            str(len(runs)),
            *(spread([run[task] for run in runs]) for task in SHOWN),
        ]
        for name, runs in complete.items()
    ]
    text = table(["recipe", "learning rate", "seeds", *SHOWN], rows)
    base = complete.get(BASE, [])
    others = {n: r for n, r in complete.items() if n not in (BASE, UNTRAINED)} if base else {}
    if others:
        rows = [[n, *(compared(r, base, task) for task in SHOWN)] for n, r in others.items()]
        text += f"\n\nLess {BASE}, of equal seeds (p of a paired t-test):\n\n"
        text += table(["recipe", *SHOWN], rows)
    left_out = [name for name in found if name not in complete]
    if left_out:
        text += f"\n\nNot run, for the budget: {', '.join(left_out)}."
    return (
        f"{text}\n\n{options.model}, {options.steps} steps of {options.batch} of {options.rows:,} "
        f"sentences in {options.precision}. Spearman for STS (the mean of STS12–16), accuracy for "
        f"TREC and CR, nDCG@10 for CISI, triplet accuracy for negation; mean ± standard deviation "
        f"over seeds. {machine()}.\n"
    )


def options_of(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", default=[*RECIPES, *VARIANTS], help="which")
    parser.add_argument("--model", default="mini", help="the raw encoder: mini, or a folder")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=64, help="rows a step")
    parser.add_argument("--rows", type=int, default=20_000, help="sentences of the corpus")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=float, default=8.0, help="CPU-hours of this call")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--results", type=Path, default=RESULTS / "leaderboard.jsonl")
    return parser.parse_args(arguments)


def main() -> None:
    import torch

    options = options_of(sys.argv[1:])
    if options.device == "cpu":
        torch.set_num_threads(1)
    text = written(done(options), options)
    options.results.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
