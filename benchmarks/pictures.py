"""How well do pictures and texts find each other that were never seen together? CLIP on small data.

    python benchmarks/pictures.py                 all runs, about 60 minutes on one core
    python benchmarks/pictures.py artists:0       one run: a setting and a seed

`artists`: trained on the emoji of two artists, Noto and Twemoji, without a fifth of the concepts;
measured on a third artist's hand, on 240 concepts that were seen and on 60 that were not, each
among themselves. `openclipart`: the titled clip art beside them, measured on its own dev titles
too. `control`: the same as `artists`, the texts shuffled among the pictures. Each run is a process
of its own, on one thread; its seconds are of the processor. Texts of a row are the emoji's label
and its tags, a pair for each. Finished runs are lines of results/pictures.jsonl and are not run
again; written to results/pictures.md.
"""

import os
import tempfile
import time
from pathlib import Path

DATA = Path(os.environ.get("SENTEMB_DATA", "/work/shared/data")) / "multimodal"
SEEDS = (0, 1, 2)
HOW = {"size": 64, "stem": 4, "width": 48, "depth": 3, "batch_size": 128, "epochs": 40}
SETTINGS = {
    "artists": ("clip", HOW),
    "openclipart": ("clip", HOW),
    "control": ("clip", HOW | {"control": True}),
    "siglip": ("siglip", HOW),
    "lit": ("lit", {k: v for k, v in HOW.items() if k != "dim"}),
}


def rows_of(name: str, columns: list[str]) -> list[dict]:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(DATA / f"{name}.parquet", columns=columns).to_pylist()


def emoji(name: str, *, unseen: bool, tags: bool = False) -> list[dict]:
    rows = rows_of(f"emoji/{name}", ["image", "label", "tags", "unseen"])
    return [
        {"image": row["image"], "text": [row["label"], *(row["tags"] if tags else [])]}
        for row in rows
        if row["unseen"] is unseen
    ]


def clip_art(split: str) -> list[dict]:
    rows = rows_of(f"openclipart/{split}", ["image", "title_en"])
    return [{"image": row["image"], "text": [row["title_en"]]} for row in rows]


def measures() -> dict[str, list[dict]]:
    return {
        "seen": emoji("emoji_dev_third_artist", unseen=False),
        "unseen": emoji("emoji_dev_third_artist", unseen=True),
        "openclipart": clip_art("dev"),
    }


def trained_on(setting: str, tags: bool = False) -> list[dict]:
    artists = [
        row
        for name in ("emoji_noto", "emoji_twemoji")
        for row in emoji(name, unseen=False, tags=tags)
    ]
    return artists + (clip_art("train") if setting.startswith("openclipart") else [])


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
    tags = options.pop("tags", False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = written(trained_on(setting, tags), folder, "train")
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


if __name__ == "__main__":
    pass
