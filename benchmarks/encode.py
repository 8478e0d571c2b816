"""Encoding against sentence-transformers: the same vectors, the time of both, padding, the ceiling.

    python benchmarks/encode.py 1t      about 3 minutes: one thread, process time
    python benchmarks/encode.py 2t      about 3 minutes: two cores, wall clock, on a quiet machine

all-MiniLM-L6-v2, every 25th of 10,000 Wikipedia sentences; sentence-transformers at the better of
its batches of 16 and 32, ours at its default, in turn, in one process. With two cores only rounds
count in which other processes took less than 4 % of the machine; with fewer than five there is no
result. The ceiling is that of matrix products in float32 of the encoder's own shapes, timed in the
same rounds. Every repeat stands in results/encode-WAY.md.
"""

import argparse
import statistics
import time
from contextlib import contextmanager
from itertools import islice

import numpy as np
import torch
from common import RESULTS, Load, lines, machine, minilm, note, table

from sentemb.encoders import build_encoder
from sentemb.inference.batches import by_tokens
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder

REPEATS = 9
SHAPES = ((384, 384), (384, 384), (384, 384), (384, 384), (384, 1536), (1536, 384))
"""The matrices of a layer; there are six layers."""
FLOP_A_TOKEN = 6 * sum(2 * given * width for given, width in SHAPES)


def ceiling() -> float:
    """Return GFLOP/s of the layer's products on 1,024 tokens, by the clock that is used."""
    matrices = [(torch.randn(1024, given), torch.randn(given, width)) for given, width in SHAPES]
    flop = 2 * 1024 * sum(given * width for given, width in SHAPES)
    started = clock()
    for _ in range(20):
        for left, right in matrices:
            left @ right
    return 20 * flop / (clock() - started) / 1e9


@contextmanager
def threads_of_torch(threads: int):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def timed(encode) -> tuple[float, np.ndarray]:
    started = clock()
    vectors = encode()
    return clock() - started, vectors


def padding(embedder: Embedder, population: list[str]) -> list[list[str]]:
    """Count padded over real tokens: of sorting by characters, and of ours."""
    lengths = [len(ids) for ids in embedder.tokenise(population).ids]
    real = sum(lengths)
    by_characters = sorted(range(len(lengths)), key=lambda row: -len(population[row]))
    batches = [by_characters[start : start + 32] for start in range(0, len(lengths), 32)]
    theirs = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    sorted_ = by_tokens(lengths, embedder.batch_tokens)
    ours = sum(len(batch) * max(lengths[row] for row in batch) for batch in sorted_)
    return [
        ["sentence-transformers: sorted by characters, 32", f"{theirs / real:.3f}"],
        ["ours: sorted by tokens, before packing", f"{ours / real:.3f}"],
        ["ours: in the layers", "1.000"],
    ]


def main() -> None:
    global clock
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("way", choices=("1t", "2t"))
    parser.add_argument("--short", action="store_true", help="3 repeats of 200 sentences")
    options = parser.parse_args()
    threads, clock = (1, time.process_time) if options.way == "1t" else (2, time.perf_counter)
    torch.set_num_threads(threads)
    population = list(islice(lines("unlabelled/wiki_sents.txt.gz"), 10_000))
    texts = population[:: 50 if options.short else 25]
    peer = build_encoder(minilm(), device="cpu")
    with Embedder(load_encoder(minilm())) as embedder:
        tokens = sum(len(ids) for ids in embedder.tokenise(texts).ids)

        def theirs(batch: int):
            return lambda: peer.encode(texts, batch_size=batch, show_progress_bar=False)

        def timed_theirs(batch: int) -> tuple[float, np.ndarray]:
            with threads_of_torch(threads):  # inside an Embedder there is one
                return timed(theirs(batch))

        best = min((16, 32), key=lambda batch: min(timed_theirs(batch)[0] for _ in range(2)))
        timed(lambda: embedder.encode(texts))
        rows, ratios, fractions = [], [], []
        for repeat in range(3 if options.short else REPEATS):
            with Load() as load:
                order = [
                    ("theirs", lambda: timed_theirs(best)),
                    ("ours", lambda: timed(lambda: embedder.encode(texts))),
                ]
                found = {name: way() for name, way in order[:: 1 if repeat % 2 else -1]}
            with threads_of_torch(threads):
                limit = ceiling()
            difference = float(np.abs(found["ours"][1] - found["theirs"][1]).max())
            ratio = found["theirs"][0] / found["ours"][0]
            speeds = [tokens / found[name][0] for name in ("theirs", "ours")]
            fraction = speeds[1] * FLOP_A_TOKEN / 1e9 / limit
            counts = options.way == "1t" or load.others < 0.04
            if counts:
                ratios.append(ratio)
                fractions.append(fraction)
            rows.append(
                [str(repeat + 1), *(f"{speed:,.0f}" for speed in speeds), f"{ratio:.2f}",
                 f"{limit:.0f}", f"{fraction:.2f}", f"{difference:.1e}", f"{load.others:.0%}",
                 "yes" if counts else "no"]
            )  # fmt: skip
        header = ["repeat", "theirs tokens/s", "ours tokens/s", "ratio", "GFLOP/s ceiling",
                  "ours of it", "largest difference", "other load", "counts"]  # fmt: skip
        text = table(header, rows)
        needed = 3 if options.short else 5
        if len(ratios) < needed:
            text += f"\n\nNo result: {len(ratios)} quiet rounds of the {needed} needed."
        else:
            note("encode, one thread" if threads == 1 else "encode, two threads",
                 statistics.median(ratios), 1.25)  # fmt: skip
            text += (
                f"\n\nMedian ratio {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f}–{max(ratios):.2f}); of the ceiling "
                f"{statistics.median(fractions):.2f}."
            )
        padded = table(["padded over real tokens", ""], padding(embedder, population))
        text += (
            f"\n\n{padded}\n\n{len(texts)} sentences, {threads} thread(s), theirs in batches of "
            f"{best}; {'process' if threads == 1 else 'wall-clock'} time. {machine()}.\n"
        )
    print(text)
    if not options.short:
        (RESULTS / f"encode-{options.way}.md").write_text(text)


if __name__ == "__main__":
    main()
