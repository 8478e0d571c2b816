"""Pictures of experiments: curves over an option, methods side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentemb.plotting.style import COLOURS, MARKERS, panels, save, styled

AXES = {
    "spearman": "STS Spearman × 100",
    "uniformity": "uniformity (low: evenly spread)",
    "tolerance": "tolerance (mean cosine in a class)",
    "local_separation": "local separation (cosine)",
    "alignment": "alignment (low: pairs are near)",
    "seconds": "training time in seconds",
}
Numbers = Mapping[str, tuple[float, float]]
"""Mean and standard deviation of each measure."""


@dataclass(frozen=True)
class Curve:
    """The results of one loss, or method.

    Args:
        label: For the legend.
        points: Each value of the option with its numbers; one point with the value None is drawn
            as a level line, as it holds for any value.
    """

    label: str
    points: Sequence[tuple[Any, Numbers]]


def draw_curves(
    path: Path,
    option: str,
    curves: Sequence[Curve],
    start: Mapping[str, float],
    title: str,
    seeds: int,
) -> None:
    """Draw every measure over the values of an option.

    Args:
        path: Of the picture.
        option: What the horizontal axis is.
        curves: A line each, its standard deviation as a band.
        start: The measures before training, drawn as dotted lines.
        title: Above all panels: model, data and what else is the same of all.
        seeds: Runs of each point.
    """
    measured = [numbers for curve in curves for _, numbers in curve.points]
    measures = [name for name in AXES if any(name in numbers for numbers in measured)]
    values = [v for v in dict.fromkeys(v for c in curves for v, _ in c.points) if v is not None]
    place = _places(values)
    with styled():
        figure, (*drawn, last) = panels(len(measures) + 1, width=4, height=3.6)
        for axes, measure in zip(drawn, measures, strict=True):
            for number, curve in enumerate(curves):
                _draw_curve(axes, curve, measure, place, number)
            if measure in start:
                axes.axhline(start[measure], color="0.35", ls=":", lw=1.5, label="before training")
            axes.set(xlabel=option, ylabel=AXES[measure])
            _scale(axes, values, place)
        last.axis("off")
        last.legend(
            *drawn[0].get_legend_handles_labels(),
            loc="center",
            fontsize=11,
            title=f"{spread_of_seeds(seeds, 'band')}\n",
        )
        figure.suptitle(title, fontsize=11)
        save(figure, path)


def draw_dots(path: Path, numbers: Mapping[str, Numbers], title: str, seeds: int) -> None:
    """Draw every measure of several methods beside each other, deviations as whiskers.

    Args:
        path: Of the picture.
        numbers: By the methods' names.
        title: Above all panels: model, data and what else is the same of all.
        seeds: Runs of each method.
    """
    measures = [name for name in AXES if any(name in one for one in numbers.values())]
    with styled():
        height = 0.9 + 0.42 * len(numbers)
        figure, drawn = panels(len(measures), width=5.5, height=height, columns=2)
        for axes, measure in zip(drawn, measures, strict=True):
            for place, one in enumerate(numbers.values()):
                if measure in one:
                    mean, sd = one[measure]
                    axes.errorbar(mean, place, xerr=sd, fmt="o", color=COLOURS[0], capsize=4, ms=8)
            axes.set(xlabel=AXES[measure], yticks=range(len(numbers)))
            axes.set(ylim=(len(numbers) - 0.5, -0.5))
            axes.set_yticklabels(list(numbers))
            axes.margins(x=0.15)
            axes.locator_params(axis="x", nbins=5)
            axes.grid(visible=False, axis="y")
        figure.suptitle(f"{title}\n{spread_of_seeds(seeds, 'whisker')}", fontsize=11)
        save(figure, path)


def spread_of_seeds(seeds: int, drawn: str) -> str:
    """Say what is drawn of the spread over seeds.

    Example:
        >>> spread_of_seeds(3, "band"), spread_of_seeds(1, "band")
        ('band: ± standard deviation over 3 seeds', 'one seed: no spread is known')
    """
    if seeds == 1:
        return "one seed: no spread is known"
    return f"{drawn}: ± standard deviation over {seeds} seeds"


def _draw_curve(
    axes: Any, curve: Curve, measure: str, place: Mapping[Any, float], number: int
) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    points = [(v, numbers[measure]) for v, numbers in curve.points if measure in numbers]
    if not points:
        return
    if points[0][0] is None:
        ((mean, sd),) = (pair for _, pair in points)
        axes.axhline(mean, color=colour, ls="--", label=curve.label)
        axes.axhspan(mean - sd, mean + sd, color=colour, alpha=0.2, lw=0)
        return
    x = [place[value] for value, _ in points]
    means = [mean for _, (mean, _) in points]
    axes.plot(x, means, color=colour, marker=marker, ms=5, label=curve.label)
    low, high = ([mean + sign * sd for _, (mean, sd) in points] for sign in (-1, 1))
    axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)


def _places(values: Sequence[Any]) -> dict[Any, float]:
    """Return where each value stands: numbers where they are, choices side by side."""
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return {value: float(value) for value in values}
    return {value: float(number) for number, value in enumerate(values)}


def _scale(axes: Any, values: Sequence[Any], place: Mapping[Any, float]) -> None:
    """Mark the values, on a logarithmic axis where they span a factor of 10."""
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if numeric and min(values) > 0 and max(values) >= 10 * min(values):
        axes.set_xscale("log")
        axes.minorticks_off()
    words = {True: "yes", False: "no"}
    labels = [f"{v:g}" if numeric else words.get(v, str(v)) for v in values]
    axes.set_xticks([place[value] for value in values], labels, rotation=45 if numeric else 0)
