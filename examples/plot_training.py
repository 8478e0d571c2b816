"""Draw alignment against uniformity over a training run.

python examples/plot_training.py runs/simcse-unsup alignment_uniformity.png
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from sentemb.runs.logs import read_metrics

run, picture = sys.argv[1:]
points = [m for m in read_metrics(Path(run) / "metrics.jsonl") if "eval_alignment" in m]
uniformity = [point["eval_uniformity"] for point in points]
alignment = [point["eval_alignment"] for point in points]

figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
axes.plot(uniformity, alignment, color="0.7", zorder=1)
dots = axes.scatter(uniformity, alignment, c=[point["eval_spearman"] for point in points], zorder=2)
figure.colorbar(dots, label="Spearman × 100 on the dev set")
for i, offset in ((0, "start"), (-1, f"step {points[-1]['step']}")):
    axes.annotate(offset, (uniformity[i], alignment[i]), (6, 6), textcoords="offset points")
axes.set_xlabel("uniformity (smaller is better)")
axes.set_ylabel("alignment (smaller is better)")
axes.margins(0.12)
figure.savefig(picture, dpi=120)
print(picture)
