"""How well do pictures and texts find each other that were never seen together? CLIP on small data.

    python benchmarks/pictures.py                about 105 minutes on one core
    python benchmarks/pictures.py artists 0      one run: a setting and a seed

Trained on the emoji of two artists, Noto and Twemoji, by their labels, without a fifth of the
concepts; measured on a third artist's hand, on 240 concepts that were seen and on 60 that were not,
each among themselves. `openclipart`: titled clip art beside them, and each again with its keywords
behind the title, measured on its own dev titles too. `with tags`: each emoji again with its tags
behind the label, and a slower encoder of texts. `shuffled`: the texts in other rows, the control.
`batches of`: 10 epochs, 64 rows through the towers at a time.
Each run is a process of its own, on one thread; its seconds are of the processor. Finished runs are
lines of results/pictures.jsonl and are not run again; written to results/pictures.md.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import DATA as SHARED
from common import RESULTS, digest, machine, remembered, table

DATA = SHARED / "multimodal"
SEEDS = (0, 1, 2)
HOW = {
    "model": "mini-sentemb",
    "size": 64,
    "stem": 4,
    "width": 48,
    "depth": 3,
    "outline": 0.25,
    "batch_size": 128,
    "epochs": 40,
    "precision": "bf16",
}
SETTINGS = {
    "artists": ("clip", HOW),
    "artists, openclipart": ("clip", HOW | {"epochs": 20}),
    "artists with tags": ("clip", HOW | {"epochs": 20, "text_rate": 0.03}),
    "artists, shuffled": ("clip", HOW | {"control": True, "epochs": 6}),
    "artists, openclipart, shuffled": ("clip", HOW | {"control": True, "epochs": 6}),
} | {
    f"artists, {method}, batches of {rows}": (
        method, HOW | {"batch_size": rows, "micro_batch": 64, "epochs": 10},
    )
    for method in ("clip", "siglip", "lit") for rows in (64, 128, 512)
}  # fmt: skip
SEVERAL = ("artists", "artists, openclipart", "artists with tags")
"""Settings that are run with all seeds."""


def rows_of(name: str, columns: list[str]) -> list[dict]:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(DATA / f"{name}.parquet", columns=columns).to_pylist()


def emoji(name: str, *, unseen: bool, tags: bool = False) -> list[dict]:
    return [
        {"image": row["image"], "text": texts_of(row["label"], row["tags"] if tags else [])}
        for row in rows_of(f"emoji/{name}", ["image", "label", "tags", "unseen"])
        if row["unseen"] is unseen
    ]


def clip_art(split: str, *, keywords: bool = False) -> list[dict]:
    rows = rows_of(f"openclipart/{split}", ["image", "title_en", "keywords"])
    return [
        {
            "image": row["image"],
            "text": texts_of(row["title_en"], row["keywords"] if keywords else []),
        }
        for row in rows
    ]


def texts_of(title: str, keywords: list[str]) -> list[str]:
    """Return the title, and where there are keywords, the title with them behind it."""
    return [title, f"{title}: {', '.join(keywords)}"] if keywords else [title]


def measures() -> dict[str, list[dict]]:
    return {
        "seen": emoji("emoji_dev_third_artist", unseen=False),
        "unseen": emoji("emoji_dev_third_artist", unseen=True),
        "openclipart": clip_art("dev"),
    }


def trained_on(setting: str) -> list[dict]:
    artists = [
        row
        for name in ("emoji_noto", "emoji_twemoji")
        for row in emoji(name, unseen=False, tags="tags" in setting)
    ]
    return artists + (clip_art("train", keywords=True) if "openclipart" in setting else [])


def written(rows: list[dict], folder: Path, name: str) -> Path:
    import pyarrow
    import pyarrow.parquet

    path = folder / f"{name}.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def run(setting: str, seed: int, **changed) -> dict:
    import torch

    import sentemb
    from sentemb.modalities.captioned import CrossModalRetrieval, read_captioned
    from sentemb.modalities.towers import Tower

    torch.set_num_threads(1)
    method, options = SETTINGS[setting]
    options = options | changed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = written(trained_on(setting), folder, "train")
        began = time.process_time()
        done = sentemb.train(method, data, folder / "model", seed=seed, **options)
        seconds = time.process_time() - began
        tower = Tower.load(folder / "model" / "picture")
        found: dict = {"seconds": round(seconds), "steps": done.steps}
        for part, rows in measures().items():
            held = read_captioned(written(rows, folder, part), [tower.config])
            numbers = CrossModalRetrieval(tower, held)(
                lambda texts: done.model.encode(texts, batch_size=64, show_progress_bar=False)
            )
            for key, value in numbers.items():
                found[f"{part} {key.removeprefix('picture_to_text_')}"] = value
    return {k: v for k, v in found.items() if "text_to" not in k} | {
        k: v for k, v in found.items() if k.endswith("text_to_picture_r10")
    }


def in_a_process(setting: str, seed: int) -> dict:
    command = [sys.executable, __file__, setting, str(seed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout
    return json.loads(out.splitlines()[-1])


def main() -> None:
    if not DATA.exists():
        sys.exit(f"skipped: no {DATA}")
    rows = []
    for setting in SETTINGS:
        for seed in SEEDS if setting in SEVERAL else SEEDS[:1]:
            key = {"setting": setting, "seed": seed, "options": digest(SETTINGS[setting])}
            found = remembered(
                RESULTS / "pictures.jsonl", key, lambda s=setting, n=seed: in_a_process(s, n)
            )
            cells = [
                " / ".join(f"{found[f'{part} r{k}']:.1f}" for k in (1, 5, 10))
                for part in ("seen", "unseen", "openclipart")
            ]
            rows.append([setting, str(seed), *cells, str(found["seconds"])])
    chance = [" / ".join(["", "", f"{found[f'{part} r10_chance']:.1f}"]) for part in
              ("seen", "unseen", "openclipart")]  # fmt: skip
    rows.append(["chance of R@10", "", *chance, ""])
    header = ["trained on", "seed", "third artist, 240 seen", "60 unseen", "openclipart dev"]
    text = (
        f"{table([*header, 'CPU seconds'], rows)}\n\nPicture to text, R@1 / 5 / 10 in %. "
        f"{HOW}; {machine()}.\n"
    )
    (RESULTS / "pictures.md").write_text(text)
    print(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
