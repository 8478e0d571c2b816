"""Does the first command help? Methods by default from `mini`, and SimCSE on 20,000 real sentences.

    python benchmarks/mini.py             about an hour on two cores
    python benchmarks/mini.py --seeds 0   one seed

The first table is `sentemb train --method NAME` with nothing else: bundled encoder, sentences and
graded pairs. The second is unsupervised SimCSE by default on 20,000 sentences of `mixed_tagged`,
with STS-B, from `mini`, from random weights of its shape, and from the first `mini`. Each finished
run is a line of results/mini.jsonl and is not run again; the tables go to results/mini.md.
"""

import argparse
import time
from typing import Any

import torch
from common import RESULTS, data, lines, machine, remembered, sample, spread, table
from sentence_transformers import SentenceTransformer

import sentemb

ROWS = 20_000
METHODS = ("simcse-unsup", "simcse-sup", "moco", "consert", "esimcse")
FIRST = "encoders/mini-mlm-L2-H128-v8k"
STARTS = ("mini", "random weights", "the first mini")


def by_default(method: str, seed: int) -> dict[str, Any]:
    """Train with nothing else given."""
    start = time.process_time()
    run = sentemb.train(method, seed=seed)
    return {
        "before": run.before["spearman"],
        "after": run.metrics["spearman"],
        "steps": run.steps,
        "seconds": time.process_time() - start,
    }


def encoder_of(start: str, seed: int) -> SentenceTransformer:
    """Return the encoder of a row of the second table."""
    if start == "the first mini":
        return sentemb.build_encoder(data(FIRST))
    encoder = sentemb.build_encoder("mini")
    if start == "random weights":
        torch.manual_seed(seed)
        model = encoder[0].model
        model.load_state_dict(type(model)(model.config).state_dict(), strict=False)
    return encoder


def on_mixed(start: str, seed: int) -> dict[str, Any]:
    """Train on real sentences; the last step is kept, so that the dev set chooses nothing."""
    texts = sample((line.split("\t")[1] for line in lines("unlabelled/mixed_tagged.tsv.gz")), ROWS)
    test, encoder = sentemb.read_sts(data("sts/STSB.test.tsv")), encoder_of(start, seed)
    before = test(encoder.encode)["spearman"]
    run = sentemb.train(
        "simcse-unsup",
        texts,
        dev=data("sts/STSB.dev.tsv"),
        model=encoder,
        pooling="mean",
        seed=seed,
        select="last",
    )
    return {
        "dev_before": run.before["spearman"],
        "dev": run.metrics["spearman"],
        "test_before": before,
        "test": test(run.model.encode)["spearman"],
    }


def main() -> None:
    """Run what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    done = RESULTS / "mini.jsonl"
    first, second = [], []
    for method in METHODS:
        each = [
            remembered(
                done,
                {"table": "by default", "method": method, "seed": seed},
                lambda m=method, s=seed: by_default(m, s),
            )
            for seed in options.seeds[:3]
        ]
        columns = [[one[name] for one in each] for name in ("before", "after")]
        gains = [one["after"] - one["before"] for one in each]
        seconds = max(one["seconds"] for one in each)
        cells = [*map(spread, columns), spread(gains), f"{min(gains):.2f}", f"{seconds:.0f}"]
        first.append([method, *cells])
        print(*first[-1], flush=True)
    for start in STARTS:
        each = [
            remembered(
                done,
                {"table": "mixed", "start": start, "seed": seed, "rows": ROWS},
                lambda f=start, s=seed: on_mixed(f, s),
            )
            for seed in options.seeds
        ]
        names = ("dev_before", "dev", "test_before", "test")
        columns = [[one[name] for one in each] for name in names]
        second.append([start, *map(spread, columns)])
        print(*second[-1], flush=True)
    header = ["method", "before", "after", "gain", "least gain", "CPU seconds at most"]
    parts = [
        table(header, first),
        f"Spearman × 100 on the bundled graded pairs, mean ± sd over seeds {options.seeds[:3]}.",
        table(["from", "dev before", "dev after", "test before", "test after"], second),
        f"STS-B Spearman × 100, last step, mean ± sd over seeds {options.seeds}. {machine()}.",
    ]
    (RESULTS / "mini.md").write_text("\n\n".join(parts) + "\n")
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
