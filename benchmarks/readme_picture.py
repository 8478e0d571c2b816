"""The picture of the README: one run of `sentemb train --method simcse-unsup`, before and after.

    python benchmarks/readme_picture.py     about five minutes on two cores

Writes docs/pictures/first_run.png: the dev score over the steps, and maps (t-SNE) of the bundled
topics' sentences, which the run never sees, by `mini` and by its result. The run stays in
build/first_run and is not repeated there.
"""

import csv
from pathlib import Path

import numpy as np
from sklearn.manifold import TSNE

import sentemb
from sentemb.bundled import bundled
from sentemb.plotting.style import COLOURS, MARKERS, panels, save, styled
from sentemb.runs.logs import read_metrics

ROOT = Path(__file__).parents[1]
PICTURE, RUN = ROOT / "docs/pictures/first_run.png", ROOT / "build/first_run"


def curve(axis, folder: Path) -> None:
    points = [line for line in read_metrics(folder / "metrics.jsonl") if "eval_spearman" in line]
    steps, scores = zip(*((p["step"], p["eval_spearman"]) for p in points), strict=True)
    axis.plot(steps, scores, color=COLOURS[0], marker="o")
    for number in (0, int(np.argmax(scores))):
        axis.annotate(f"{scores[number]:.1f}", (steps[number], scores[number]), (8, -14),
                      textcoords="offset points")  # fmt: skip
    axis.margins(0.12)
    axis.set(title="Spearman × 100 on graded pairs", xlabel="training step")


def topic_map(axis, model, name: str, rows: list[dict[str, str]]) -> None:
    vectors = sentemb.load(model).encode([row["text"] for row in rows], normalize=True)
    points = TSNE(metric="cosine", random_state=0).fit_transform(vectors)
    labels = np.array([row["label"] for row in rows])
    for number, label in enumerate(sorted(set(labels))):
        axis.scatter(*points[labels == label].T, s=20, color=COLOURS[number], label=label,
                     marker=MARKERS[number], linewidths=0, alpha=0.8)  # fmt: skip
    axis.set(title=name, xticks=[], yticks=[])


if __name__ == "__main__":
    with bundled("topics.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    if not (RUN / "run.json").exists():
        sentemb.train("simcse-unsup", output=RUN, eval_steps=25)
    with styled():
        figure, axes = panels(3, width=3.6, height=3.3)
        curve(axes[0], RUN)
        topic_map(axes[1], "mini", "160 sentences, before", rows)
        topic_map(axes[2], RUN, "the same, after", rows)
        figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=8,
                      handletextpad=0, columnspacing=1)  # fmt: skip
        save(figure, PICTURE)
    print(PICTURE)
