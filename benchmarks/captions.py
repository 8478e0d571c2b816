"""How well are pictures captioned? Decoders that never saw one, and CoCa, beside controls.

    python benchmarks/captions.py runs/clip          a folder of clip, as of pictures.py
    python benchmarks/captions.py runs/clip --epochs 0.1 --steps 5 --rows 12

`zero-shot`: decoders for vectors that are not of texts, and a plain one, trained on the labels of
emoji and the titles of clip art, without a picture, and given the tower's vectors of pictures.
`coca`: trained on the emoji of two artists with their labels, as the clip model was. Both caption
the emoji of a third artist, on concepts that the pictures of training showed and on others, and the
dev titles of clip art. The words that a caption shares with the label are token F1.

The controls: the training text whose vector is nearest to the picture's; the captions of other
pictures; and CoCa trained on texts shuffled among the pictures. Models are kept in a folder of the
temporary directory, and continued there; finished measurements are lines of results/captions.jsonl.
Written to results/captions.md, with the first captions.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import RESULTS, digest, machine, remembered, table
from pictures import HOW, clip_art, measures, trained_on, written

import sentemb
from sentemb.evaluation.text_overlap import text_overlap

FOLDER = Path(tempfile.gettempdir()) / "sentemb-captions"
ZERO_SHOT: dict[str, dict[str, Any]] = {
    "decap": {"kind": "decap"},
    "capdec": {"kind": "capdec"},
    "capdec, noise 1": {"kind": "capdec", "noise": 1.0},
    "capdec, noise 0.5": {"kind": "capdec", "noise": 0.5},
    "prefix": {"kind": "prefix"},
}
"""Decoders that never saw a picture; the last one takes its vectors for those of texts."""
STEPS, EPOCHS, SHOWN, RESAMPLES = 1500, 40, 8, 1000
DECODER = {"batch_size": 32, "learning_rate": 1e-3, "max_length": 18, "save_steps": 300}
COCA = HOW | {"precision": "fp32"}
WAYS = {"greedy": {}, "5 beams": {"beams": 5}}


def labels_of_artists() -> list[str]:
    return list(dict.fromkeys(row["text"][0] for row in trained_on("artists")))


@cache
def texts_alone() -> list[str]:
    """Return the labels of trained emoji, and titles of clip art."""
    titles = [row["text"][0] for row in clip_art("train")]
    return list(dict.fromkeys([*labels_of_artists(), *titles]))


def version_of(model: Path) -> str:
    """Return what tells a model from others of its name."""
    return sentemb.load(model).fingerprint[:16]


def decoder_of(model: Path, name: str, steps: int) -> Path:
    """Return the folder of a decoder of the model's texts, trained to its end."""
    folder = FOLDER / f"{version_of(model)}-{digest(ZERO_SHOT[name], DECODER)}-{steps}"
    if not (folder / "run.json").exists():
        sentemb.train_decoder(
            model, texts_alone(), folder, resume=folder.exists(),
            **ZERO_SHOT[name], **DECODER, max_steps=steps,
        )  # fmt: skip
    return folder


def coca_of(epochs: float, *, control: bool) -> Path:
    """Return the folder of a model of CoCa, trained to its end."""
    folder = FOLDER / f"coca-{digest(COCA)}-{epochs:g}{'-shuffled' if control else ''}"
    if not (folder / "run.json").exists():
        data = written(trained_on("artists"), FOLDER, "train")
        options = COCA | {"epochs": epochs, "control": control}
        sentemb.train("coca", data, folder, seed=0, resume=folder.exists(), **options)
    return folder


def measured(
    folder: Path, rows: list[dict[str, Any]], way: str, *, moved: bool = False
) -> dict[str, Any]:
    """Caption pictures, and score the words; `moved`, of each the caption of another, far off."""
    began = time.process_time()
    pictures = [{"image": row["image"]} for row in rows]
    found = sentemb.decode(folder, pictures, modality="picture", **WAYS[way])
    seconds = (time.process_time() - began) / len(rows)
    half = len(rows) // 2 if moved else 0
    said = [*found.texts[half:], *found.texts[:half]]
    return scored(said, rows) | {"milliseconds": 1000 * seconds}


def nearest(model: Path, texts: list[str], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Give each picture the text of the training set whose vector is nearest."""
    encoder = sentemb.load(model)
    vectors = encoder.tower("picture").encode([row["image"] for row in rows])
    known = encoder.encode(texts, normalize=True)
    return scored([texts[int(n)] for n in (vectors @ known.T).argmax(axis=1)], rows)


def scored(said: list[str], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean token F1 with its interval, and the share of exact captions."""
    means, each = text_overlap(said, [row["text"][0] for row in rows])
    drawn = np.random.default_rng(0).integers(len(each), size=(RESAMPLES, len(each)))
    low, high = np.quantile(each[drawn].mean(axis=1), [0.025, 0.975])
    return {**means, "low": float(low), "high": float(high), "said": said[:SHOWN]}


def ways(
    model: Path, zero_shot: dict[str, Path], coca: Path, shuffled: Path
) -> dict[str, Callable[[list[dict[str, Any]]], dict[str, Any]]]:
    """Return all that is measured, from pictures to scores."""
    runs: dict[str, Any] = {}
    for name, folder in zero_shot.items():
        runs |= {f"zero-shot, {name}, {way}": partial(measured, folder, way=way) for way in WAYS}
        of_others = partial(measured, folder, way="greedy", moved=True)
        runs[f"control: {name}, another picture's"] = of_others
    runs["control: nearest of those texts"] = partial(nearest, model, texts_alone())
    runs |= {f"CoCa, {way}": partial(measured, coca, way=way) for way in WAYS}
    return runs | {
        "control: CoCa, another picture's": partial(measured, coca, way="greedy", moved=True),
        "control: CoCa, nearest label": partial(nearest, coca, labels_of_artists()),
        "control: CoCa of shuffled texts": partial(measured, shuffled, way="greedy"),
    }


def main() -> None:
    """Run what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path, help="folder that clip left")
    parser.add_argument("--epochs", type=float, default=EPOCHS, help="of CoCa")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the decoders")
    parser.add_argument("--rows", type=int, help="pictures of each set; all by default")
    options = parser.parse_args()
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    sets = {name: rows[: options.rows] for name, rows in measures().items()}
    zero_shot = {name: decoder_of(options.clip, name, options.steps) for name in ZERO_SHOT}
    coca = coca_of(options.epochs, control=False)
    shuffled = coca_of(options.epochs, control=True)

    runs = ways(options.clip, zero_shot, coca, shuffled)
    rows, shown, version = [], [], version_of(options.clip)
    for what, run in runs.items():
        cells = []
        for name, pictures in sets.items():
            key = {"what": what, "set": name, "rows": len(pictures)}
            key |= {"epochs": options.epochs, "steps": options.steps, "clip": version}
            key["options"] = digest(ZERO_SHOT, DECODER, COCA)
            one = remembered(RESULTS / "captions.jsonl", key, partial(run, pictures))
            cells.append(f"{one['f1']:.3f} ({one['low']:.3f}–{one['high']:.3f})")
            if what.endswith(("greedy", "nearest of those texts")):
                pairs = zip((row["text"][0] for row in pictures), one["said"], strict=False)
                shown += [f"\n{what}, {name}:\n", table(["label", "caption"], [*map(list, pairs)])]
        rows.append([what, *cells])
        print(*rows[-1], sep=" | ", flush=True)
    count = [f"{name}, {len(pictures)}" for name, pictures in sets.items()]
    text = (
        f"{table(['captions', *count], rows)}\n\nToken F1 with the label, and its 95 % interval. "
        f"Decoders: {options.steps} steps on {len(texts_alone()):,} texts, {json.dumps(DECODER)}. "
        f"CoCa: {options.epochs:g} epochs, otherwise {COCA}. {machine()}.\n"
    )
    (RESULTS / "captions.md").write_text(text + "\n".join(shown) + "\n")


if __name__ == "__main__":
    main()
