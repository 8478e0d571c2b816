"""How much of a caption comes back from its vector? Decoders of two encoders, beside controls.

    python benchmarks/decoders.py                       about an hour on a quiet core
    python benchmarks/decoders.py --encoders mini-sentemb --kinds prefix corrector

Captions of at most 13 words train a decoder of each encoder and kind, none of them of a picture
whose captions are decoded: 500 of at most 12 words are read back from their vectors. The controls:
the caption of the training set whose vector is nearest, and the same decoder with a random vector
and with that of another caption. The corrector corrects the first kind's texts in one to three
rounds; it starts from that decoder's language model and takes a quarter of the steps. "guided" asks
the encoder at each token in their place. Decoders are kept in a folder of the temporary directory,
and continued there; finished measurements are lines of results/decoders.jsonl. Written to
results/decoders.md, with the first 20 texts that came back; their captions, which may not be passed
on, are printed beside them.
"""

import argparse
import json
import os
import random
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import RESULTS, digest, lines, machine, minilm, normalised, remembered, table
from sacrebleu import corpus_bleu

import sentemb
from sentemb.decoders import KINDS, DecodeOptions, TextWriter, load_decoder
from sentemb.evaluation.text_overlap import text_overlap, token_f1

FOLDER = Path(tempfile.gettempdir()) / "sentemb-decoders"
TEXTS, HELD_OUT, SHOWN = 50_000, 500, 20
SETTINGS = {
    "batch_size": 32, "learning_rate": 2e-3, "max_length": 18, "save_steps": 300,
    "precision": "bf16", "max_steps": 2500,
}  # fmt: skip
SEARCHES = {
    "greedy": {},
    "5 beams": {"beams": 5},
    "5 beams, guided": {"beams": 5, "guidance": 1.0},
}
ROUNDS = {"1 round": {"rounds": 1}, "2 rounds": {"rounds": 2}, "3 rounds": {"rounds": 3}}
"""Of a corrector, with greedy search."""
CORRECTOR_SHARE = 4
CONTROLS = ["nearest caption", "another caption's vector", "random vector"]
RESAMPLES = 1000


@cache
def captions() -> tuple[list[str], list[str]]:
    """Return captions to train on, and others to decode."""
    of_pictures = [
        c for row in lines("pairs/multi30k_val_5captions.tsv.gz") for c in row.split("\t")
    ]
    known = {normalised(caption) for caption in of_pictures}
    rows = (row.split("\t", 1) for row in lines("unlabelled/mixed_tagged.tsv.gz"))
    found = dict.fromkeys(text for source, text in rows if source == "multi30k_captions")
    trained = [text for text in found if normalised(text) not in known]
    held = [text for text in dict.fromkeys(of_pictures) if len(text.split()) <= 12]
    random.Random(0).shuffle(trained)
    random.Random(0).shuffle(held)
    return [text for text in trained if len(text.split()) <= 13][:TEXTS], held[:HELD_OUT]


def path_of(encoder: str) -> str:
    """Return what an encoder is loaded as."""
    return str(minilm()) if encoder == "all-MiniLM-L6-v2" else encoder


def trained(encoder: str, kind: str, texts: int, steps: int, first: str) -> Path:
    """Return the folder of a decoder, trained to its end; a corrector corrects the first kind."""
    name = f"{{}}-{{}}-{{}}-{{}}-{digest(SETTINGS)}".format
    of = f"{kind}-of-{first}" if KINDS[kind].corrects else kind
    folder = FOLDER / name(encoder, of, texts, steps)
    corrects = FOLDER / name(encoder, first, texts, steps) if KINDS[kind].corrects else None

    if not (folder / "run.json").exists():
        before = sum(os.times()[:4])
        made = sentemb.train_decoder(
            path_of(encoder),
            captions()[0][:texts],
            folder,
            kind=kind,
            corrects=corrects,
            resume=folder.exists(),
            **{**SETTINGS, "max_steps": steps // (CORRECTOR_SHARE if corrects else 1)},
        )
        minutes = (sum(os.times()[:4]) - before) / 60
        key = {"decoder": encoder, "kind": kind, "steps": steps, "texts": texts}
        key |= {"corrects": first} if corrects else {}
        found = {"cpu_minutes": minutes, "loss": made.metrics["loss"], "rows": made.rows}
        remembered(RESULTS / "decoders.jsonl", key, lambda: found)
    return folder


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a mean, by drawing rows again."""
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def vectors_of(encoder: str, embedder: sentemb.Encoder) -> np.ndarray:
    """Return the vectors of all captions to train on; they are kept beside the decoders."""
    file = FOLDER / f"{encoder}.npy"
    if not file.exists():
        embedder.encode_file(captions()[0], file, normalize=True)
    return np.load(file)


def measured(encoder: str, kind: str, what: str, folder: Path) -> dict[str, Any]:
    """Read the captions back in one way, and score what comes."""
    held, embedder = captions()[1], sentemb.load(path_of(encoder))
    vectors = embedder.encode(held, normalize=True)
    began = time.monotonic()
    if what == "nearest caption":
        known = captions()[0][: load_record(folder)["data"]["rows"]]
        others = vectors_of(encoder, embedder)[: len(known)]
        said = [known[int(place)] for place in (vectors @ others.T).argmax(axis=1)]
    else:
        given = vectors
        if what == "random vector":
            noise = np.random.default_rng(0).standard_normal(vectors.shape)
            given = (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)
        if what == "another caption's vector":
            given = np.roll(vectors, 1, axis=0)
        options = DecodeOptions(**(SEARCHES | ROUNDS).get(what, {}))
        writer = TextWriter(load_decoder(folder), options, embedder)
        said = [writer.text(found[0]) for found in writer.write(given)]
    seconds = (time.monotonic() - began) / len(held)
    means, each = text_overlap(said, held)
    low, high = interval(each)
    again = embedder.encode(said, normalize=True)
    cosine = float((again * vectors).sum(axis=1).mean())
    means["bleu"] = corpus_bleu(said, [held]).score
    return {**means, "low": low, "high": high, "cosine": cosine, "seconds": seconds} | (
        {"said": said[:SHOWN]} if what in ("greedy", "5 beams", *ROUNDS) else {}
    )


def load_record(folder: Path) -> dict[str, Any]:
    """Return how a decoder was made."""
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def main() -> None:
    """Run what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoders", nargs="+", default=["mini-sentemb", "all-MiniLM-L6-v2"])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--texts", type=int, default=TEXTS)
    parser.add_argument("--steps", type=int, default=SETTINGS["max_steps"])
    options = parser.parse_args()
    if KINDS[options.kinds[0]].corrects:
        parser.error("the first of --kinds is what the corrector corrects")
    torch.set_num_threads(1)
    done, rows, made, shown = RESULTS / "decoders.jsonl", [], [], []
    for encoder in options.encoders:
        for kind in options.kinds:
            folder = trained(encoder, kind, options.texts, options.steps, options.kinds[0])
            record = load_record(folder)
            made.append([
                encoder, kind, f"{record['parameters'] / 1e6:.1f}", f"{record['rows']:,}",
                f"{record['steps']:,}", f"{record['metrics']['loss']:.3f}",
            ])  # fmt: skip
            ways = list(ROUNDS) if KINDS[kind].corrects else ["greedy"]
            if kind == options.kinds[0]:
                ways += [*CONTROLS, *list(SEARCHES)[1:]]
            for what in ways:
                one = remembered(
                    done,
                    {"encoder": encoder, "kind": kind, "what": what, "steps": record["steps"]}
                    | {"texts": options.texts}
                    | ({"corrects": options.kinds[0]} if KINDS[kind].corrects else {}),
                    lambda e=encoder, k=kind, w=what, f=folder: measured(e, k, w, f),
                )
                rows.append([
                    encoder, "" if what in CONTROLS[:1] else kind, what, f"{one['f1']:.3f}",
                    f"{one['low']:.3f}–{one['high']:.3f}", f"{one['bleu']:.1f}",
                    f"{100 * one['exact']:.1f} %", f"{one['cosine']:.3f}",
                    f"{1000 * one['seconds']:.0f}",
                ])  # fmt: skip
                print(*rows[-1], flush=True)
                if what in ("5 beams", "3 rounds"):
                    pairs = list(zip(captions()[1], one["said"], strict=False))
                    for caption, said in pairs:
                        print(f"  {caption}  |  {said}")
                    shares = [[said, f"{token_f1(said, text):.2f}"] for text, said in pairs]
                    shown += [
                        f"\n{encoder}, {kind}, {what}:\n",
                        table(["read back", "token F1"], shares),
                    ]
    head = ["encoder", "kind", "way", "token F1", "95 %", "BLEU", "word for word", "cosine", "ms"]
    parts = [
        table(head, rows),
        f"{HELD_OUT} captions of at most 12 words; ms a caption on one thread; cosine of what came "
        f"back, encoded, with the vector. {machine()}.",
        table(["encoder", "kind", "million parameters", "captions", "steps", "loss"], made),
        f"Batches of {SETTINGS['batch_size']}, learning rate {SETTINGS['learning_rate']:g}, one "
        "thread, bf16.",
        "\n".join(shown),
    ]
    (RESULTS / "decoders.md").write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
