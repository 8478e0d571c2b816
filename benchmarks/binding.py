"""Do sounds find texts that they were never paired with, where both are bound to pictures?

    python benchmarks/binding.py     about 35 minutes on one core

A CLIP model of emoji (two artists and their labels) is trained as in pictures.py; its towers are
frozen, and a tower of sounds is bound to the pictures alone, by the recipe `bind`. Then texts find
sounds. English: names spoken by espeak-ng in two voices, the sounds of a fifth of the names held
back (309 names), and of concepts that neither tower saw. French: French synthetic speech, found by
English texts. Control: the pictures shuffled among the sounds. Each run is a process of its own, on
one thread. Finished runs are lines of results/binding.jsonl and are not run again; written to
results/binding.md.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import RESULTS, machine, remembered, table
from pictures import DATA, HOW, rows_of, trained_on, written

LANGUAGES = ("en", "fr")
HELD = 5
"""One in so many concepts is held back."""


def hub() -> Path:
    """Train the model that sounds are bound to, once."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / "sentemb-binding-hub"  # noqa: S108
    if not (folder / "run.json").is_file():
        import sentemb

        with tempfile.TemporaryDirectory() as place:
            data = written(trained_on("artists"), Path(place), "train")
            sentemb.train("clip", data, folder, overwrite=folder.exists(), **{**HOW, "epochs": 25})
    return folder


def pairs(language: str) -> tuple[list[dict], list[dict], list[dict]]:
    """Return the rows that are trained on, those of held-out sounds, and of unseen concepts."""
    pictures = {}
    for artist in ("emoji_noto", "emoji_twemoji"):
        for row in rows_of(f"emoji/{artist}", ["code", "image", "label", "unseen"]):
            pictures.setdefault(row["code"], []).append(row)
    train, held, unseen = [], [], []
    for number, row in enumerate(rows_of(f"speech/emoji_names_{language}", ["code", "logmel"])):
        for picture in pictures.get(row["code"], ()):
            concept = int.from_bytes(row["code"].encode(), "little") % HELD
            pair = {
                "image": picture["image"],
                "logmel": row["logmel"],
                "text": picture["label"],
                "number": number,
            }
            if picture["unseen"]:
                unseen.append(pair)
            else:
                (train if concept else held).append(pair)
    return train, held, unseen


def run(language: str, control: bool, seed: int) -> dict:
    import torch

    import sentemb
    from sentemb.modalities.captioned import CrossModalRetrieval, read_captioned
    from sentemb.modalities.towers import Tower

    torch.set_num_threads(1)
    model = hub()
    train, *measured = pairs(language)
    columns = ["image", "logmel", "text"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.process_time()
        sentemb.train(
            "bind",
            written(train, folder, "train"),
            folder / "model",
            model=str(model),
            columns=columns,
            control=control,
            seed=seed,
            epochs=16,
        )
        found: dict = {"seconds": round(time.process_time() - began)}
        tower = Tower.load(folder / "model" / "sound")
        encoder = sentemb.load(str(folder / "model"))
        for part, rows in zip(("held", "unseen"), measured, strict=True):
            data = read_captioned(
                written(rows, folder, part),
                [Tower.load(model / "picture").config, tower.config],
                columns,
            )
            numbers = CrossModalRetrieval(tower, data, "sound")(encoder.encode)
            for k in ("r1", "r5", "r10", "r10_chance"):
                found[f"{part} {k}"] = numbers[f"text_to_sound_{k}"]
    return found


def in_a_process(language: str, control: bool, seed: int) -> dict:
    command = [sys.executable, __file__, language, str(int(control)), str(seed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout
    return json.loads(out.splitlines()[-1])


def main() -> None:
    if not DATA.exists():
        sys.exit(f"skipped: no {DATA}")
    hub()
    rows = []
    for language in LANGUAGES:
        for control in (False, True):
            key = {"language": language, "control": control, "seed": 0}
            found = remembered(RESULTS / "binding.jsonl", key, lambda k=key: in_a_process(**k))
            cells = [
                " / ".join(f"{found[f'{part} {k}']:.1f}" for k in ("r1", "r5", "r10"))
                + f" ({found[f'{part} r10_chance']:.1f})"
                for part in ("held", "unseen")
            ]
            rows.append([language, "pairs shuffled" if control else "", *cells, found["seconds"]])
    header = ["speech", "control", "held-out sounds", "unseen concepts", "CPU seconds"]
    text = (
        f"{table(header, [[str(cell) for cell in row] for row in rows])}\n\nEnglish text to sound, "
        "R@1 / 5 / 10 in %, chance of R@10 in brackets; never trained as pairs. The model that "
        f"they are bound to: {HOW}, 25 epochs. {machine()}.\n"
    )
    (RESULTS / "binding.md").write_text(text)
    print(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run(sys.argv[1], sys.argv[2] == "1", int(sys.argv[3]))))
    else:
        main()
