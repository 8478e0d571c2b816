"""Do sounds find texts that they were never paired with, where both are bound to pictures?

    python benchmarks/binding.py                        about an hour on one core
    python benchmarks/binding.py "English names" 0 0    one run: a setting, whether control, a seed

A CLIP model of emoji (two artists and their labels) is trained as in pictures.py; its towers are
frozen, and a tower of sounds is bound to the pictures alone, by the recipe `bind`. Then texts find
sounds. The names of emoji are spoken by espeak-ng, the English ones in two voices; the sounds of a
fifth of them are held back, and those of concepts that neither tower saw. French is found by
English texts. `recorded`: people say in French what stamps show, to a model that saw the stamps of
the training split with English texts too; the others are measured on. `beside names`: the names of
emoji in French, whoever is measured, are bound in the same run. `pictures unknown`: the recordings
alone, to the model that saw emoji alone. Control: the pictures shuffled among the sounds. Each run
is a process of its own, on one thread. Finished runs are lines of results/binding.jsonl and are not
run again; written to results/binding.md.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import RESULTS, digest, machine, remembered, table
from pictures import DATA, HOW, rows_of, trained_on, written

SETTINGS = {
    "English names": ("emoji_names_en", "emoji", 40),
    "French names": ("emoji_names_fr", "emoji", 60),
    "French, recorded": ("speech_fr", "emoji and stamps", 120),
    "French, recorded, beside names": ("speech_fr", "emoji and stamps", 40),
    "French, recorded, pictures unknown": ("speech_fr", "emoji", 120),
}
"""The sounds, what the hub was trained on, and epochs."""
BESIDE = {"French, recorded, beside names": "emoji_names_fr"}
"""Further sounds that are trained on, with their pictures."""
UNCONTROLLED = ("French, recorded, pictures unknown",)
HELD = 5
"""One in so many concepts is held back."""


def stamps(split: str) -> list[dict]:
    rows = rows_of("stamps/pictures", ["id", "image", "text_en", "split"])
    return [
        {"id": row["id"], "image": row["image"], "text": row["text_en"]}
        for row in rows
        if row["split"] == split
    ]


def hub(known: str) -> Path:
    """Train the model that sounds are bound to, once."""
    folder = (
        Path(tempfile.gettempdir())
        / "sentemb-binding-hubs"
        / f"{known.replace(' ', '-')}-{digest(HOW)}"
    )
    if not (folder / "run.json").is_file():
        import sentemb

        rows = trained_on("artists")
        if "stamps" in known:
            rows += [{"image": row["image"], "text": [row["text"]]} for row in stamps("train")]
        with tempfile.TemporaryDirectory() as place:
            data = written(rows, Path(place), "train")
            sentemb.train("clip", data, folder, overwrite=folder.exists(), **{**HOW, "epochs": 25})
    return folder


def pairs(sounds: str) -> dict[str, list[dict]]:
    """Return rows of a picture, a sound and a text: to train on, held back, of unseen concepts."""
    return recorded(sounds) if sounds.startswith("speech") else of_emoji(sounds)


def recorded(sounds: str) -> dict[str, list[dict]]:
    spoken = {row["id"]: row["logmel"] for row in rows_of(f"stamps/{sounds}", ["id", "logmel"])}
    return {
        name: [{**row, "logmel": spoken[row["id"]]} for row in stamps(split) if row["id"] in spoken]
        for name, split in (("train", "train"), ("held", "test"))
    }


def of_emoji(sounds: str) -> dict[str, list[dict]]:
    pictures: dict[str, list[dict]] = {}
    for artist in ("emoji_noto", "emoji_twemoji"):
        for row in rows_of(f"emoji/{artist}", ["code", "image", "label", "unseen"]):
            pictures.setdefault(row["code"], []).append(row)
    found: dict[str, list[dict]] = {"train": [], "held": [], "unseen": []}
    for row in rows_of(f"speech/{sounds}", ["code", "logmel"]):
        for picture in pictures.get(row["code"], ()):
            held = int.from_bytes(row["code"].encode(), "little") % HELD == 0
            part = "unseen" if picture["unseen"] else "held" if held else "train"
            pair = {"image": picture["image"], "logmel": row["logmel"], "text": picture["label"]}
            found[part].append(pair)
    return found


def run(setting: str, control: bool, seed: int) -> dict:
    import torch

    import sentemb
    from sentemb.modalities.captioned import CrossModalRetrieval, read_captioned
    from sentemb.modalities.towers import Tower

    torch.set_num_threads(1)
    sounds, known, epochs = SETTINGS[setting]
    model, rows, columns = hub(known), pairs(sounds), ["image", "logmel", "text"]
    spoken = pairs(BESIDE[setting]) if setting in BESIDE else {}
    train = [*rows.pop("train"), *spoken.get("train", []), *spoken.get("held", [])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.process_time()
        sentemb.train(
            "bind",
            written([{name: row[name] for name in columns} for row in train], folder, "train"),
            folder / "model",
            model=str(model),
            columns=columns,
            control=control,
            seed=seed,
            epochs=epochs,
        )
        found: dict = {"seconds": round(time.process_time() - began)}
        tower = Tower.load(folder / "model" / "sound")
        encoder = sentemb.load(str(folder / "model"))
        for part, measured in rows.items():
            data = read_captioned(
                written(measured, folder, part),
                [Tower.load(model / "picture").config, tower.config],
                columns,
            )
            numbers = CrossModalRetrieval(tower, data, "sound")(encoder.encode)
            for k in ("r1", "r5", "r10", "r10_chance"):
                found[f"{part} {k}"] = numbers[f"text_to_sound_{k}"]
    return found


def in_a_process(setting: str, control: bool, seed: int) -> dict:
    command = [sys.executable, __file__, setting, str(int(control)), str(seed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout
    return json.loads(out.splitlines()[-1])


def main() -> None:
    if not DATA.exists():
        sys.exit(f"skipped: no {DATA}")
    rows = []
    for setting, (_, known, _) in SETTINGS.items():
        hub(known)
        for control in (False,) if setting in UNCONTROLLED else (False, True):
            key = {"setting": setting, "control": control, "seed": 0}
            of_run = {"options": digest(SETTINGS[setting], HOW)}
            found = remembered(
                RESULTS / "binding.jsonl", key | of_run, lambda k=key: in_a_process(**k)
            )
            cells = [
                " / ".join(f"{found[f'{part} {k}']:.1f}" for k in ("r1", "r5", "r10"))
                + f" ({found[f'{part} r10_chance']:.1f})"
                if f"{part} r1" in found
                else ""
                for part in ("held", "unseen")
            ]
            rows.append([
                setting, "pairs shuffled" if control else "", *cells, str(found["seconds"]),
            ])  # fmt: skip
            print(*rows[-1], sep=" | ", flush=True)
    header = ["speech", "control", "held-out sounds", "unseen concepts", "CPU seconds"]
    text = (
        f"{table(header, rows)}\n\nEnglish text to sound, R@1 / 5 / 10 in %, chance of R@10 in "
        f"brackets; never trained as pairs. The models that they are bound to: {HOW}, 25 epochs. "
        f"{machine()}.\n"
    )
    (RESULTS / "binding.md").write_text(text)
    print(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run(sys.argv[1], sys.argv[2] == "1", int(sys.argv[3]))))
    else:
        main()
