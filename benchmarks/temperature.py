"""The temperature study of Wang and Liu (2021, arXiv:2012.09740), for sentences.

    python benchmarks/temperature.py             both settings, about half an hour on one busy core
    python benchmarks/temperature.py sentences   one of them

From the bundled encoder `mini` with mean pooling, 100 steps of 64 rows at a learning rate of 3e-4,
three seeds, measured after the last step. `sentences`: unsupervised, dropout's two masks of 12,800
mixed sentences, as the paper's instance discrimination. `captions`: 12,800 pairs of captions of
one picture, with InfoNCE and four temperatures alone. Neither holds a sentence of an STS dev or
test set. STS-B dev gives Spearman, uniformity, alignment and local separation; the 500 questions of
TREC's test set, with their 6 classes, give the tolerance. Nothing is chosen by either. A control
starts from random weights.

The work is that of `sentemb study temperature`, in runs/temperature: a second start goes on where
the first stopped. Writes results/temperature.md, docs/lab/temperature.png and
docs/lab/temperature-captions.png.
"""

import csv
import json
import os
import random
import shlex
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from common import RESULTS, data, is_in_sts, lines, machine, normalised, sample, spread, table

ROOT = Path(__file__).parents[1]
WORK = Path("runs/temperature")
ROWS, STEPS, SEEDS = 12_800, 100, 3
LOSSES = {
    "sentences": ("infonce", "hard-contrastive:count=8", f"simple-contrastive:{1 / 63:.4f}"),
    "captions": ("infonce",),
}
TEMPERATURES = {"sentences": "0.01,0.02,0.05,0.07,0.1,0.2,0.5,1", "captions": "0.01,0.05,0.2,1"}
METHODS = {"sentences": "simcse-unsup", "captions": "simcse-sup"}
PICTURES = {"sentences": "temperature.png", "captions": "temperature-captions.png"}
COLUMNS = ("spearman", "uniformity", "tolerance", "local_separation", "alignment")


def prepare() -> None:
    """Write what is trained and measured on into the folder of the work."""
    WORK.mkdir(parents=True, exist_ok=True)
    trec = data("cls/senteval/TREC/TREC_10.label").read_text("latin-1").splitlines()
    classified = [(line.partition(":")[0], line.partition(" ")[2]) for line in trec]
    _write("trec.csv", ("label", "text"), classified)
    asked = {normalised(text) for _, text in classified}
    every = (line.split("\t")[-1] for line in lines("unlabelled/mixed_tagged.tsv.gz"))
    texts = dict.fromkeys(t for t in sample(every, 14_000) if t and not is_in_sts(t))
    kept = [(text,) for text in texts if normalised(text) not in asked]
    _write("sentences.csv", ("text",), kept[:ROWS])
    chance = random.Random(0)
    five = [line.split("\t") for line in lines("pairs/multi30k_train_5captions.tsv.gz")]
    pairs = [tuple(chance.sample(captions, 2)) for captions in five]
    chance.shuffle(pairs)
    clean = [pair for pair in pairs if not is_in_sts(*pair)]
    _write("captions.csv", ("anchor", "positive"), clean[:ROWS])


def _write(name: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with (WORK / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def random_encoder() -> Path:
    """Write an encoder of mini's shape with random weights."""
    import torch

    import sentemb

    folder = WORK / "random"
    if not folder.exists():
        torch.manual_seed(0)
        encoder = sentemb.build_encoder("mini", pooling="mean", device="cpu")
        model = encoder[0].model
        model.load_state_dict(type(model)(model.config).state_dict(), strict=False)
        encoder.save_pretrained(str(folder))
    return folder


def command(setting: str, name: str, *options: object) -> list[str]:
    words = ["study", "temperature", "--method", METHODS[setting]]
    words += ["--data", WORK / f"{setting}.csv", "--dev", data("sts/STSB.dev.tsv")]
    words += ["--labels", WORK / "trec.csv", "--pooling", "mean", "--batch-size", 64]
    words += ["--lr", "3e-4", "--max-steps", STEPS, "--seeds", f"0-{SEEDS - 1}", *options]
    return [str(word) for word in (*words, "-o", WORK / name)]


def run(words: list[str]) -> list[dict]:
    print("sentemb", shlex.join(words), flush=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "sentemb_cli", *words], check=True, env=environment)
    file = Path(words[-1]) / "results.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]


def rows_of(results: list[dict], label: str | None = None) -> list[list[str]]:
    """A line a loss and temperature."""
    groups: dict[tuple, list[dict]] = {}
    for result in results:
        groups.setdefault((result["loss"], result["value"]), []).append(result)
    rows = []
    for (loss, value), runs in groups.items():
        cells = [label or loss, "" if value is None else f"{value:g}"]
        for column in COLUMNS:
            numbers = [run[column] for run in runs]
            digits = 2 if column == "spearman" else 3
            one = f"{statistics.mean(numbers):.{digits}f}"
            cells.append(spread(numbers, digits) if len(numbers) > 1 else one)
        rows.append(cells)
    return rows


def study(setting: str) -> str:
    losses = [word for loss in LOSSES[setting] for word in ("--loss", loss)]
    grid = ("--values", TEMPERATURES[setting])
    results = run(command(setting, setting, "--model", "mini", *losses, *grid))
    shutil.copy(WORK / setting / "study.png", ROOT / "docs/lab" / PICTURES[setting])
    options = ("--model", random_encoder(), "--loss", "infonce", "--values", "0.05")
    control = run(command(setting, f"{setting}-random", *options))
    rows = rows_of(results) + rows_of(control[:1], "random weights, before training")
    rows += rows_of(control[1:], "random weights, infonce")
    header = ["loss", "τ", *(column.replace("_", " ") for column in COLUMNS)]
    return f"{setting}, `{METHODS[setting]}`:\n\n{table(header, rows)}\n"


def main() -> None:
    prepare()
    parts = [study(setting) for setting in sys.argv[1:] or METHODS]
    foot = f"STS-B dev, mean ± standard deviation over {SEEDS} seeds. {machine()}.\n"
    (RESULTS / "temperature.md").write_text("\n".join([*parts, foot]))
    print("\n".join([*parts, foot]))


if __name__ == "__main__":
    main()
