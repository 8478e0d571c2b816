"""How strong SNCSE's margins have to be for a small encoder and a short run.

    python benchmarks/sncse.py     about 20 minutes of one core

`simcse-unsup` and `sncse`, whose margins weigh more or less beside InfoNCE, from `mini` with mean
pooling: 150 steps of 64 sentences, learning rate 3e-4. Scored by the bundled negation suite, in how
many of its triplets the paraphrase is nearer than the negation, and by STS-B. Seed 0 tries every
weight; the one with the greatest share at no less than SimCSE's Spearman on STS-B dev, but for 0.5,
gets the other seeds. Finished runs are lines of results/sncse.jsonl; the table is results/sncse.md.
"""

import tempfile
from functools import partial
from pathlib import Path

from common import RESULTS, data, machine, remembered, spread, table
from leaderboard import corpus

STEPS, BATCH, RATE, ROWS = 150, 64, 3e-4, 9_600
WEIGHTS = (0.001, 0.003, 0.004, 0.005, 0.01, 0.1, 0.3)
SEEDS = (0, 1, 2)
LOST = 0.5
"""Of Spearman × 100, what a weight may cost."""


def measured(weight: float, seed: int) -> dict[str, float]:
    """Train with a weight of the margins; 0 is SimCSE."""
    import torch

    import sentemb
    from sentemb.evaluation.cache import EncodeCache
    from sentemb.methods import method_named
    from sentemb.suites.tasks import read_tasks

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    encoder = sentemb.build_encoder("mini", pooling="mean", device="cpu")
    name, options = ("sncse", {"margin_weight": weight}) if weight else ("simcse-unsup", {})
    method = method_named(name, encoder, **options)
    settings = sentemb.Settings(
        batch_size=BATCH,
        learning_rate=RATE,
        max_steps=STEPS,
        epochs=1,
        max_length=32,
        save_steps=STEPS,
        seed=seed,
        select="last",
    )
    with tempfile.TemporaryDirectory() as folder:
        sentemb.train(method, corpus(ROWS), Path(folder) / "model", settings)
    encoder.eval()
    encode = EncodeCache(partial(encoder.encode, batch_size=64, show_progress_bar=False))
    negation = read_tasks(["negation"], None, {}).chosen[0].task
    found = {"negation": negation(encode)[negation.main]}
    for part in ("dev", "test"):
        found[f"STS-B {part}"] = sentemb.read_sts(data(f"sts/STSB.{part}.tsv"))(encode)["spearman"]
    return found


def run(weight: float, seed: int) -> dict[str, float]:
    key = {"weight": weight, "seed": seed}
    return remembered(RESULTS / "sncse.jsonl", key, lambda: measured(weight, seed))


def main() -> None:
    first = {weight: run(weight, 0) for weight in (0, *WEIGHTS)}
    least = first[0]["STS-B dev"] - LOST
    allowed = [weight for weight in WEIGHTS if first[weight]["STS-B dev"] >= least]
    chosen = max(allowed or WEIGHTS[:1], key=lambda weight: first[weight]["negation"])
    rows = []
    for weight in (0, *WEIGHTS):
        seeds = SEEDS if weight in (0, chosen) else SEEDS[:1]
        runs = [run(weight, seed) for seed in seeds]
        name = f"sncse, {weight:g}" if weight else "simcse-unsup"
        scores = (spread([one[task] for one in runs], 1) for task in first[0] if " " in task)
        shares = spread([one["negation"] for one in runs], 1)
        rows.append([name, str(len(seeds)), shares, *scores])
    header = ["method, weight of the margins", "seeds", "negation", "STS-B dev", "STS-B test"]
    text = (
        f"{table(header, rows)}\n\nMean ± standard deviation over seeds, × 100; {STEPS} steps "
        f"of {BATCH}. {machine()}.\n"
    )
    (RESULTS / "sncse.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
