"""Whether compiling the encoder's layers pays on a CPU: a run of SimCSE, compile time included.

    python benchmarks/compile.py           1,000 steps a way, about 10 minutes of one core
    python benchmarks/compile.py --steps 60

`mini`, 64 bundled sentences a step, at most 32 tokens, one thread. Ways: without padding (the
default), padded, compiled in fixed shapes. Each is a process of its own; CPU seconds, as others use
the machine too. A run of other length is extrapolated from the first and second half of a run.
The losses of 50 steps of 16 rows are compared beside: without dropout step by step, with it their
mean over five seeds. Written to results/compile.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import RESULTS, machine, spread, table

WAYS = {
    "without padding": {"packed": True},
    "padded": {"packed": False, "compile": False},
    "compiled": {"compile": True},
}
OF_A_RUN = 1000
"""Steps that the bar is about."""
BAR = 1.1
"""Times as fast as without padding, for compiling to become the default."""
COMPARED, ROWS, SEEDS = 50, 16, range(5)


def child(way: str, steps: int, rows: int, seed: int, *, dropout: bool) -> None:
    """Train, and print the CPU seconds at the end of each step, and the losses."""
    from transformers import TrainerCallback

    import sentemb
    from sentemb.bundled import bundled
    from sentemb.encoders.dropout import set_dropout
    from sentemb.training import trainer

    ends, losses = [time.process_time()], []

    class Clock(TrainerCallback):
        def on_step_end(self, *_, **__):
            ends.append(time.process_time())

    compute = trainer.ContrastiveTrainer.compute_loss
    prepare = trainer.ContrastiveTrainer.__init__

    def prepared(self, *args, **kwargs):
        prepare(self, *args, **kwargs)
        self.add_callback(Clock())
        ends[0] = time.process_time()

    def computed(self, *args, **kwargs):
        loss = compute(self, *args, **kwargs)
        losses.append(loss.detach())
        return loss

    trainer.ContrastiveTrainer.__init__, trainer.ContrastiveTrainer.compute_loss = (
        prepared,
        computed,
    )
    encoder = sentemb.build_encoder("mini", pooling="mean", device="cpu")
    views = (sentemb.View(), sentemb.View())
    if not dropout:
        set_dropout(encoder, 0.0)
        views = (sentemb.View(), sentemb.View(order=sentemb.views.TokenShuffle()))
    method = sentemb.Method(views, sentemb.Siamese(encoder), sentemb.InfoNCE(0.05))
    settings = sentemb.Settings(
        epochs=99, max_steps=steps, batch_size=rows, seed=seed, select="last", save_steps=10**6,
        **WAYS[way],
    )  # fmt: skip
    data = sentemb.read_training_data(bundled("sentences-20k.txt.gz"), [("text",)])
    with tempfile.TemporaryDirectory() as folder:
        sentemb.train(method, data, Path(folder, "run"), settings)
    print(json.dumps({"ends": ends, "losses": [float(one) for one in losses]}))


def measured(way: str, steps: int, rows: int = 64, seed: int = 0, *, dropout: bool = True) -> dict:
    words = [sys.executable, __file__, "--child", way]
    for name, value in {"steps": steps, "rows": rows, "seed": seed}.items():
        words += [f"--{name}", str(value)]
    words += [] if dropout else ["--without-dropout"]
    found = subprocess.run(words, check=True, capture_output=True, text=True)
    return json.loads(found.stdout.splitlines()[-1])


def losses(way: str, seed: int = 0, *, dropout: bool) -> np.ndarray:
    """Return the loss of each step; what tries the method out before is left out."""
    return np.array(measured(way, COMPARED, ROWS, seed, dropout=dropout)["losses"][-COMPARED:])


def main() -> None:
    """Measure every way, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=OF_A_RUN)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child")
    parser.add_argument("--without-dropout", action="store_true")
    given = parser.parse_args()
    if given.child:
        dropout = not given.without_dropout
        child(given.child, given.steps, given.rows, given.seed, dropout=dropout)
        return
    rows, totals = [], {}
    for way in WAYS:
        ends = measured(way, given.steps)["ends"]
        half = given.steps // 2
        step = (ends[-1] - ends[half]) / (given.steps - half)
        overhead = ends[half] - ends[0] - half * step
        totals[way] = overhead + OF_A_RUN * step
        ratio = totals["without padding"] / totals[way]
        rows.append(
            [way, f"{1000 * step:.0f}", f"{overhead:.0f}", f"{totals[way]:.0f}", f"{ratio:.2f}"]
        )
    plain, compiled = (losses(way, dropout=False) for way in ("padded", "compiled"))
    far = np.abs(plain - compiled).max()
    means = {
        way: [float(losses(way, seed, dropout=True).mean()) for seed in SEEDS]
        for way in ("padded", "compiled")
    }
    apart = [b - a for a, b in zip(*means.values(), strict=True)]
    header = ["way", "CPU ms a step", "s before that", f"s of {OF_A_RUN:,} steps", "times as fast"]
    text = (
        f'{table(header, rows)}\n\nOf {given.steps:,} steps measured. "s before that" is what the '
        "first half took above the second half's pace: compiling. Compiling becomes the default at "
        f"{BAR:g} times. Losses of the first {COMPARED} steps of {ROWS} rows, compiled and padded: "
        f"without dropout they differ by at most {far:.0e}; with it their mean is "
        f"{spread(means['compiled'], 3)} and {spread(means['padded'], 3)} over {len(SEEDS)} seeds, "
        f"{spread(apart, 3)} apart.\n\n{machine()}.\n"
    )
    print(text)
    (RESULTS / "compile.md").write_text(text)


if __name__ == "__main__":
    main()
