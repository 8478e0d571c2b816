"""Training runs over their steps: what was lost, measured and set, a line for each run and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from sentemb.plotting.style import COLOURS, panels, save, styled

PANELS = {
    "loss": "training loss",
    "eval_spearman": "dev Spearman × 100",
    "eval_held_out_loss": "held-out loss",
    "eval_accuracy": "dev accuracy",
    "eval_f1_macro": "dev F1, macro",
    "eval_alignment": "alignment (low: pairs are near)",
    "eval_uniformity": "uniformity (low: evenly spread)",
    "effective_rank": "effective rank of recent embeddings",
    "learning_rate": "learning rate",
}
FEW = 12
"""Up to so many points of a line are marked, too."""
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Trained:
    """A run, with each of its seeds.

    Args:
        name: For the legend.
        histories: The lines of ``metrics.jsonl`` of each seed.
        best_steps: The step that each seed kept, where it is known.
    """

    name: str
    histories: Sequence[Sequence[Line]]
    best_steps: Sequence[int | None] = field(default_factory=list)


def draw_training(path: Path, runs: Sequence[Trained], title: str) -> list[str]:
    """Draw everything that was logged of runs over their steps.

    Of several seeds each is a thin line, and their mean a thick one. A circle is at the step that
    became the model.

    Args:
        path: Of the picture.
        runs: A colour each.
        title: Above all panels.

    Returns:
        The names of the numbers that were drawn.
    """
    lines = [line for run in runs for history in run.histories for line in history]
    last = max(1, *(line["step"] for line in lines))
    drawn = [name for name in PANELS if any(name in line for line in lines)]
    with styled():
        figure, axes = panels(len(drawn), width=4.2, height=3)
        for panel, name in zip(axes, drawn, strict=True):
            for number, run in enumerate(runs):
                _draw(panel, run, name, COLOURS[number % len(COLOURS)])
            panel.set(title=PANELS[name], xlabel="step", xlim=(-0.02 * last, 1.02 * last))
            panel.xaxis.get_major_locator().set_params(integer=True)
            panel.ticklabel_format(axis="y", scilimits=(-3, 5))
        figure.suptitle(f"{title}\n{_marks(runs, drawn)}".strip(), fontsize=11)
        if len(runs) > 1:
            handles, labels = axes[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(runs)))
        save(figure, path)
    return drawn


def _marks(runs: Sequence[Trained], drawn: Sequence[str]) -> str:
    """Say what circles and thin lines are, where there are any."""
    kept = any(any(run.best_steps) for run in runs) and any(n.startswith("eval_") for n in drawn)
    words = ["circle: the step that became the model"] if kept else []
    if any(len(run.histories) > 1 for run in runs):
        words.append("thin lines: seeds, thick: their mean")
    return "; ".join(words)


def _draw(panel: Any, run: Trained, name: str, colour: str) -> None:
    seeds = [{line["step"]: line[name] for line in one if name in line} for one in run.histories]
    thin = len(seeds) > 1
    for place, points in enumerate(seeds):
        label = None if thin else run.name
        width, alpha = (0.8, 0.5) if thin else (1.6, 1.0)
        mark = "." if len(points) <= FEW and not thin else None
        panel.plot(*_sides(points), color=colour, lw=width, alpha=alpha, label=label, marker=mark)
        best = run.best_steps[place] if place < len(run.best_steps) else None
        if best in points and name.startswith("eval_"):
            panel.plot([best], [points[best]], "o", color=colour, ms=5, mfc="white")
    if thin:
        steps = sorted(set.intersection(*(set(points) for points in seeds)))
        together = {step: mean(points[step] for points in seeds) for step in steps}
        label, mark = f"{run.name}, {len(seeds)} seeds", "." if len(steps) <= FEW else None
        panel.plot(*_sides(together), color=colour, lw=2, label=label, marker=mark)


def _sides(points: Mapping[int, float]) -> tuple[list[int], list[float]]:
    steps = sorted(points)
    return steps, [points[step] for step in steps]
