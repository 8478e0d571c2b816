"""Do sounds find texts that they were never paired with, where both are bound to pictures?

    python benchmarks/binding.py                        about 3 hours on one core
    python benchmarks/binding.py --only "English names" --no-control --seeds 0     one run of them

A CLIP model of emoji (two artists and their labels) is trained as in pictures.py; its towers are
frozen, and a tower of sounds is bound to the pictures alone, by the recipe `bind`. Then texts find
sounds. The names of emoji are spoken by espeak-ng, the English ones in two voices; the sounds of a
fifth of them are held back, and those of concepts that neither tower saw. `and titles`: the model
saw clip art too, and its titles are spoken in training (by espeak-ng 1.51, which has to be
installed), but for those with the words of a name that is measured; clip
art may show a concept that is unseen among the emoji. French is found by English
texts. `recorded`: people say in French what stamps show, to a model that saw the stamps of
the training split with English texts too; the others are measured on. `pictures unknown`: the same
to the model that saw emoji alone. `none joined`: no sound has another behind it. Control: the
pictures shuffled among the sounds. Each run is a process of its own, on one thread. Finished runs
are lines of results/binding.jsonl and are not run again; written to results/binding.md.
"""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median

from common import RESULTS, digest, machine, remembered, spread, table
from pictures import DATA, HOW, clip_art, rows_of, trained_on, written

SETTINGS = {
    "English names": ("emoji_names_en", "emoji", 120),
    "English names and titles": ("emoji_names_en", "emoji and clip art", 90),
    "French names": ("emoji_names_fr", "emoji", 160),
    "French names, none joined": ("emoji_names_fr", "emoji", 160),
    "French, recorded": ("speech_fr", "emoji and stamps", 300),
    "French, recorded, pictures unknown": ("speech_fr", "emoji", 300),
}
"""The sounds, what the hub was trained on, and epochs."""
VOICES = {"en-us+m3": 165, "en-gb+f3": 150}
"""Of espeak-ng, that speak the English names, and how many words a minute."""
SEEDS = (0, 1, 2)
UNCONTROLLED = ("French, recorded, pictures unknown", "French names, none joined")
BOUND = {"joined": 0.5, "precision": "bf16"}
"""How the tower of sounds is trained."""
CHANGED = {
    "English names and titles": {"depth": 2, "width": 96},
    "French names, none joined": {"joined": 0.0},
}
"""What a setting has in the place of `BOUND`, or beside it."""
HELD = 5
"""One in so many concepts is held back."""
SMALL_WORDS = {"and", "the", "with", "avec", "aux", "des", "les", "par", "pour", "sur", "une"}
HEARD = ("all", "some", "none")
"""How many of a name's words are said in training, too."""


def stamps(split: str) -> list[dict]:
    rows = rows_of("stamps/pictures", ["id", "image", "text_en", "split"])
    return [
        {"id": row["id"], "image": row["image"], "text": row["text_en"]}
        for row in rows
        if row["split"] == split
    ]


def options_of(setting: str) -> dict:
    return BOUND | CHANGED.get(setting, {})


def key_of(setting: str, control: bool) -> dict:
    """Return what the runs of a row of the table have in common."""
    options = digest(SETTINGS[setting], options_of(setting), HOW)
    return {"setting": setting, "control": control, "options": options}


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
        if "clip art" in known:
            rows += clip_art("train", keywords=True)
        with tempfile.TemporaryDirectory() as place:
            data = written(rows, Path(place), "train")
            sentemb.train("clip", data, folder, overwrite=folder.exists(), **{**HOW, "epochs": 25})
    return folder


def pairs(sounds: str, known: str) -> dict[str, list[dict]]:
    """Return rows of a picture, a sound and a text: to train on, held back, of unseen concepts."""
    if sounds.startswith("speech"):
        return recorded(sounds)
    found = of_emoji(sounds)
    if "clip art" in known:
        measured = {frozenset(words_of(row["said"])) for row in found["held"] + found["unseen"]}
        found["train"] += [
            row for row in spoken_titles() if frozenset(words_of(row["said"])) not in measured
        ]
    return found


def recorded(sounds: str) -> dict[str, list[dict]]:
    columns = ["id", "logmel", "text"]
    spoken = {row["id"]: row for row in rows_of(f"stamps/{sounds}", columns)}
    return {
        name: [
            row | {"logmel": spoken[row["id"]]["logmel"], "said": spoken[row["id"]]["text"]}
            for row in stamps(split)
            if row["id"] in spoken
        ]
        for name, split in (("train", "train"), ("held", "test"))
    }


def of_emoji(sounds: str) -> dict[str, list[dict]]:
    pictures: dict[str, list[dict]] = {}
    for artist in ("emoji_noto", "emoji_twemoji"):
        for row in rows_of(f"emoji/{artist}", ["code", "image", "label", "unseen"]):
            pictures.setdefault(row["code"], []).append(row)
    found: dict[str, list[dict]] = {"train": [], "held": [], "unseen": []}
    for row in rows_of(f"speech/{sounds}", ["code", "logmel", "text"]):
        for picture in pictures.get(row["code"], ()):
            held = int.from_bytes(row["code"].encode(), "little") % HELD == 0
            part = "unseen" if picture["unseen"] else "held" if held else "train"
            pair = {"image": picture["image"], "logmel": row["logmel"], "text": picture["label"]}
            found[part].append(pair | {"said": row["text"]})
    return found


def spoken_titles() -> list[dict]:
    """Return clip art and its titles in both voices; they are spoken once."""
    import pyarrow.parquet

    folder = Path(tempfile.gettempdir()) / "sentemb-binding-hubs"
    file = folder / f"titles-{digest(VOICES)}.parquet"
    if not file.is_file():
        rows = [(row["image"], row["text"][0]) for row in clip_art("train")]
        said = {title: [spoken(title, voice) for voice in VOICES] for _, title in rows}
        found = [
            {"image": image, "logmel": logmel, "text": title, "said": title}
            for image, title in rows
            for logmel in said[title]
        ]
        written(found, folder, file.stem)
    return pyarrow.parquet.read_table(file).to_pylist()


def spoken(text: str, voice: str) -> bytes:
    """Return what espeak-ng says, as a log-mel."""
    import soundfile
    from scipy.signal import resample_poly

    from sentemb.modalities.sound_files import RATE, mel_of

    command = ["espeak-ng", "-v", voice, "-s", str(VOICES[voice]), "--stdout", text]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    samples, rate = soundfile.read(io.BytesIO(said))
    return mel_of(resample_poly(samples, RATE, rate)).tobytes()


def words_of(name: str) -> set[str]:
    return {word for word in re.findall(r"\w{3,}", name.lower()) if word not in SMALL_WORDS}


def how_many_heard(name: str, heard: set[str]) -> str:
    known = words_of(name) & heard
    return "none" if not known else "all" if known == words_of(name) else "some"


def run(setting: str, control: bool, seed: int) -> dict:
    import torch

    import sentemb
    from sentemb.modalities.captioned import read_captioned
    from sentemb.modalities.towers import Tower

    torch.set_num_threads(1)
    sounds, known, epochs = SETTINGS[setting]
    model, rows, columns = hub(known), pairs(sounds, known), ["image", "logmel", "text"]
    train = rows.pop("train")
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
            **options_of(setting),
        )
        found: dict = {"seconds": round(time.process_time() - began)}
        tower = Tower.load(folder / "model" / "sound")
        encoder = sentemb.load(str(folder / "model"))
        heard = set().union(*(words_of(row["said"]) for row in train))
        for part, measured in rows.items():
            data = read_captioned(
                written([{name: row[name] for name in columns} for row in measured], folder, part),
                [Tower.load(model / "picture").config, tower.config],
                columns,
            )
            said = {row["text"]: how_many_heard(row["said"], heard) for row in measured}
            numbers = numbers_of(tower, data, encoder, said)
            found |= {f"{part} {name}": value for name, value in numbers.items()}
    return found


def numbers_of(tower, data, encoder, heard: dict[str, str]) -> dict:
    """R@k from text to sound; names of which all, some or no words are heard, and their R@10."""
    from sentemb.evaluation.two_way_retrieval import cross_modal_ranks
    from sentemb.modalities.captioned import CrossModalRetrieval, vectors_of

    pairing = CrossModalRetrieval(tower, data, "sound").pairing
    sounds, texts = pairing.distinct()
    found = cross_modal_ranks(
        encoder.encode(texts, normalize=True),
        vectors_of(tower, data.signals["sound"], sounds),
        pairing.answers()[1],
    )
    near = found.ranks <= 10
    groups = {name: near[[heard[text] == name for text in texts]] for name in HEARD}
    shares = {name: [len(own), round(100 * float(own.mean()), 2)] for name, own in groups.items()}
    numbers = found.numbers()
    return {k: numbers[k] for k in ("r1", "r5", "r10", "r10_chance")} | shares


def in_a_process(setting: str, control: bool, seed: int) -> dict:
    command = [sys.executable, __file__, "--run", json.dumps([setting, control, seed])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout
    return json.loads(out.splitlines()[-1])


def row_of(setting: str, control: bool, found: list[dict]) -> list[str]:
    cells = [
        " / ".join(spread([one[f"{part} {k}"] for one in found], 1) for k in ("r1", "r5", "r10"))
        + f" ({found[0][f'{part} r10_chance']:.1f})"
        if f"{part} r1" in found[0]
        else ""
        for part in ("held", "unseen")
    ]
    seconds = f"{median(one['seconds'] for one in found):.0f}"
    return [setting, "pairs shuffled" if control else "", str(len(found)), *cells, seconds]


def heard_of(found: list[dict]) -> list[str]:
    names = [f"{part} {group}" for part in ("held", "unseen") for group in HEARD]
    return [
        f"{mean(one[name][1] for one in found):.1f} of {found[0][name][0]}"
        if name in found[0]
        else ""
        for name in names
    ]


def written_of(file: Path) -> str:
    """Return the table of all finished runs."""
    done = [json.loads(line) for line in file.read_text().splitlines()]
    rows, groups = [], []
    for setting in SETTINGS:
        for control in (False, True):
            key = key_of(setting, control)
            found = [one for one in done if key.items() <= one.items()]
            rows += [row_of(setting, control, found)] if found else []
            counted = [one for one in found if "held all" in one and not control]
            groups += [[setting, str(len(counted)), *heard_of(counted)]] if counted else []
    header = ["speech", "control", "seeds", "held-out sounds", "unseen concepts", "CPU seconds"]
    heard = [f"{part}: {group}" for part in ("held out", "unseen") for group in HEARD]
    return (
        f"{table(header, rows)}\n\nR@10 by how many of the words of a name are said in training:"
        f"\n\n{table(['speech', 'seeds', *heard], groups)}\n\n"
        "English text to sound, R@1 / 5 / 10 in %, mean ± sd over seeds, "
        "chance of R@10 in brackets; never trained as pairs. The models that they are bound to: "
        f"{HOW}, 25 epochs, seed 0; sounds: {BOUND}, and {CHANGED}. {machine()}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[*SEEDS])
    parser.add_argument("--control", action=argparse.BooleanOptionalAction)
    parser.add_argument("--run", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        print(json.dumps(run(*given.run)))
        return
    if not DATA.exists():
        sys.exit(f"skipped: no {DATA}")
    file = RESULTS / "binding.jsonl"
    for seed in given.seeds:
        for setting in given.only:
            known = SETTINGS[setting][1]
            if "clip art" in known and not shutil.which("espeak-ng"):
                print(f"skipped: {setting}, no espeak-ng")
                continue
            hub(known)
            for control in (False, True) if given.control is None else (given.control,):
                if control and setting in UNCONTROLLED:
                    continue
                remembered(
                    file,
                    key_of(setting, control) | {"seed": seed},
                    lambda one=(setting, control, seed): in_a_process(*one),
                )
    text = written_of(file)
    (RESULTS / "binding.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
