"""What of a step is collating: 64 rows from the data to the tensors of all views.

    python benchmarks/collate.py           under a minute
    python benchmarks/collate.py before    in a checkout of 3ed3e61, with this file copied into it

Wikipedia sentences in random order, cut to 32 tokens, the tokenizer of `mini`. CPU time, medians
over batches of the second epoch; reading rows is in. The first figure is of commit 3ed3e61, where
each batch was tokenised through transformers; it is a line of results/collate.jsonl, and so is what
is measured here. A training makes each batch in a thread while the step before runs: "main thread"
is what is left of it between two steps. Written to results/collate.md.
"""

import random
import statistics
import sys
import time
from functools import partial
from itertools import islice

from common import RESULTS, lines, machine, note, remembered, table
from datasets import Dataset

import sentemb
from sentemb.methods import recipe_named
from sentemb.training.collator import Collator, NumberedRows

BATCH, LENGTH, BATCHES = 64, 32, 30
BARS = {"simcse-unsup": 1.0, "consert": 1.0, "esimcse": 3.0, "crop": 3.0, "eda": 3.0}
"""Milliseconds."""


def measure(name: str, *, way: str) -> dict:
    texts = list(islice(lines("unlabelled/wiki_sents.txt.gz"), BATCH * BATCHES))
    rows = Dataset.from_dict({"text": texts})
    encoder = sentemb.build_encoder("mini", pooling="avg_top2", device="cpu")
    views = recipe_named(name).build(encoder).views
    collator = Collator(encoder, views, LENGTH, 42)
    numbered = NumberedRows(rows) if way == "before" else numbered_ahead(rows, collator)
    order = random.Random(0).sample(range(len(texts)), len(texts))
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    times: list[float] = []
    for numbered.epoch in (0, 1):
        of = main_thread if way == "ahead" else all_of_it
        times = of(collator, numbered, batches)
    return {"ms": round(statistics.median(times), 3)}


def all_of_it(collator: Collator, numbered: NumberedRows, batches: list[list[int]]) -> list[float]:
    times = []
    for batch in batches:
        begun = time.thread_time()
        collator(numbered.__getitems__(batch))
        times.append(1000 * (time.thread_time() - begun))
    return times


def main_thread(
    collator: Collator, numbered: NumberedRows, batches: list[list[int]]
) -> list[float]:
    from sentemb.training.made_ahead import MadeAhead

    times = []
    with MadeAhead(collator) as ahead:
        for batch in batches:
            begun = time.thread_time()
            coming = ahead(numbered.__getitems__(batch))
            spent = time.thread_time() - begun
            ahead.rest()  # the step before runs
            begun = time.thread_time()
            coming.to("cpu")
            times.append(1000 * (spent + time.thread_time() - begun))
    return times


def missing(name: str) -> dict:
    sys.exit(f"results/collate.jsonl has no figure of {name} at 3ed3e61: measure it there first")


RUNS = {
    ("before", True): partial(measure, way="before"),
    ("before", False): missing,
    ("at once", False): partial(measure, way="at once"),
    ("ahead", False): partial(measure, way="ahead"),
}
"""By what is measured, and whether this is the earlier checkout."""


def numbered_ahead(rows: Dataset, collator: Collator) -> NumberedRows:
    from sentemb.training.preflight import what_is_read

    _, tokens = what_is_read(rows, collator)
    edited = [view.column for view in collator.views if view.edit]
    return NumberedRows(rows, tokens=tokens, edited=edited)


def main() -> None:
    before = sys.argv[1:] == ["before"]
    found = []
    for name, bar in BARS.items():
        ms = {}
        for way in ("before", "at once", "ahead")[: 1 if before else 3]:
            key = {"method": name, "way": way}
            run = partial(RUNS[way, before], name)
            ms[way] = remembered(RESULTS / "collate.jsonl", key, run)["ms"]
        if not before:
            note(f"collate, {name}, ms of the main thread", ms["ahead"], bar, at_most=True)
            found.append([name, *(f"{ms[way]:.2f}" for way in ms), f"{bar:g}"])
    if not before:
        header = ["method", "before, ms", "now, ms", "of the main thread, ms", "bar, ms"]
        text = f"{table(header, found)}\n\n{machine()}.\n"
        print(text)
        (RESULTS / "collate.md").write_text(text)


if __name__ == "__main__":
    main()
