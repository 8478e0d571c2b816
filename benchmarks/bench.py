"""The short form of the benchmarks of speed: one table and one picture.

    make bench      under 10 minutes

Each is run as a command of its own with `--short`; what it prints is shown, and its ratios stand
beside their bars in results/bench.md and bench.png.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import RESULTS, machine, table

COMMANDS = ("encode.py 1t --short", "train_step.py --short", "startup.py --short",
            "scale.py candidates --short", "scale.py train --short")  # fmt: skip


def main() -> None:
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder, "summary.jsonl")
        environment = os.environ | {"SENTEMB_BENCH": str(summary), "HF_HUB_OFFLINE": "1"}
        for command in COMMANDS:
            name, *words = command.split()
            print(f"\n{command}\n", flush=True)
            subprocess.run([sys.executable, str(here / name), *words], env=environment, check=True)
        noted = [json.loads(line) for line in summary.read_text().splitlines()]
    rows = []
    for row in noted:
        below = row["measured"] <= row["bar"]
        bar = f"{'at most' if row['at_most'] else 'at least'} {row['bar']:g}"
        rows.append(
            [row["what"], f"{row['measured']:.2f}", bar, "yes" if below == row["at_most"] else "no"]
        )
    text = f"{table(['against its peer', 'ratio', 'bar', 'met'], rows)}\n\n{machine()}.\n"
    print(text)
    (RESULTS / "bench.md").write_text(text)
    plot(noted)


def plot(noted: list[dict]) -> None:
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 0.5 * len(noted) + 1.2), layout="constrained")
    places = range(len(noted))
    axis.barh(places, [row["measured"] for row in noted], color="#4a7ab5", label="measured")
    axis.plot([row["bar"] for row in noted], places, "k|", markersize=16, label="bar")
    axis.set_yticks(places, [row["what"] for row in noted])
    axis.invert_yaxis()
    axis.set_xlabel("ratio to the peer")
    axis.legend()
    figure.savefig(RESULTS / "bench.png", dpi=120)


if __name__ == "__main__":
    main()
