"""Do texts and speech that were never paired find each other by pictures that were never captioned?

    python benchmarks/spokes.py            all settings
    python benchmarks/spokes.py simclr     one of them

A hub is trained on pictures first: by `clip`, with the labels of emoji, or by `simclr-pictures`,
without any text. Then `bind` binds, in one run over two data sets, labels to Noto's emoji and
spoken names in English to Twemoji's; no label stands beside a sound. Measured are labels against
speech of 60 concepts that no tower was trained on, and of 240 that were. `control`: the pictures of
other rows. Each run is a process of its own, on one thread; its seconds are of the processor.
Finished runs are lines of results/spokes.jsonl and are not run again; written to results/spokes.md.
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
TOWER = {"size": 64, "stem": 4, "width": 48, "depth": 3, "batch_size": 128}
SETTINGS = {
    "clip": ("clip", {"epochs": 20, "model": "mini-sentemb"}, False),
    "simclr": ("simclr-pictures", {"epochs": 40}, False),
    "simclr, control": ("simclr-pictures", {"epochs": 40}, True),
}


def rows_of(name: str) -> list[dict]:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(DATA / f"{name}.parquet").to_pylist()


def tables() -> dict[str, list[dict]]:
    """Return the rows of each data set; a concept is known by the code of its emoji."""
    noto, twemoji = (rows_of(f"emoji/emoji_{name}") for name in ("noto", "twemoji"))
    held = {row["code"]: row for row in rows_of("emoji/emoji_dev_third_artist")}
    spoken: dict[str, dict] = {}
    for row in rows_of("speech/emoji_names_en"):
        spoken.setdefault(row["code"], row)
    found: dict[str, list[dict]] = {
        "texts": [{"image": r["image"], "text": r["label"]} for r in noto if not r["unseen"]],
        "sounds": [
            {"image": r["image"], "sound": spoken[r["code"]]["logmel"]}
            for r in twemoji
            if not r["unseen"] and r["code"] in spoken
        ],
    }
    for name, unseen in (("seen", False), ("unseen", True)):
        found[name] = [
            {"image": r["image"], "text": r["label"], "sound": spoken[code]["logmel"]}
            for code, r in held.items()
            if r["unseen"] is unseen and code in spoken
        ]
    return found


def run(setting: str) -> dict:
    import pyarrow
    import pyarrow.parquet
    import torch

    import sentemb
    from sentemb.modalities.captioned import CrossModalRetrieval, read_captioned
    from sentemb.modalities.towers import Tower

    torch.set_num_threads(1)
    method, options, control = SETTINGS[setting]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, rows in tables().items():
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / f"{part}.parquet")
        began = time.process_time()
        sentemb.train(method, folder / "texts.parquet", folder / "hub", seed=0, **TOWER, **options)
        data = {part: str(folder / f"{part}.parquet") for part in ("texts", "sounds")}
        done = sentemb.train(
            "bind", data, folder / "bound", model="mini-sentemb", seed=0, epochs=20, batch_size=128,
            hub=str(folder / "hub" / "picture"), control=control,
        )  # fmt: skip
        found: dict = {"seconds": round(time.process_time() - began)}
        towers = [Tower.load(folder / "bound" / one) for one in ("picture", "sound")]
        for part in ("seen", "unseen"):
            held = read_captioned(folder / f"{part}.parquet", [tower.config for tower in towers])
            for tower, of in zip(towers, ("picture", "sound"), strict=True):
                numbers = CrossModalRetrieval(tower, held, of)(
                    lambda texts: done.model.encode(texts, show_progress_bar=False)
                )
                kept = {k: v for k, v in numbers.items() if k.startswith(f"text_to_{of}")}
                found |= {f"{part} {key}": value for key, value in kept.items()}
    return found


def in_a_process(setting: str) -> dict:
    command = [sys.executable, __file__, setting]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout
    return json.loads(out.splitlines()[-1])


def main() -> None:
    if not DATA.exists():
        sys.exit(f"skipped: no {DATA}")
    rows = []
    for setting in SETTINGS:
        key = {"setting": setting, "options": digest(SETTINGS[setting], TOWER)}
        found = remembered(RESULTS / "spokes.jsonl", key, lambda s=setting: in_a_process(s))
        cells = [
            " / ".join(f"{found[f'{part} text_to_{of}_r{k}']:.1f}" for k in (1, 5, 10))
            + f" ({found[f'{part} text_to_{of}_r10_chance']:.1f})"
            for of in ("picture", "sound")
            for part in ("seen", "unseen")
        ]
        rows.append([setting, *cells, str(found["seconds"])])
    header = ["hub", "pictures, seen", "unseen", "speech, seen", "unseen", "CPU seconds"]
    text = (
        f"{table(header, rows)}\n\nFrom text, R@1 / 5 / 10 in %, the chance level of R@10 in "
        f"brackets. {TOWER}; {machine()}.\n"
    )
    (RESULTS / "spokes.md").write_text(text)
    print(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run(sys.argv[1])))
    else:
        main()
