"""A map of sentences in two dimensions, a handful of them named; needs matplotlib."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentemb.geometry.analysis import Analysis
from sentemb.geometry.corpus import Corpus
from sentemb.plotting.style import COLOURS, MARKERS, names_of, panels, save, wrapped

Numbers = NDArray[np.float64]
NAMED = 8
MOST_CLASSES = 8
WIDTH = 92
"""Letters of a named sentence."""


def draw_map(path: Path, found: Mapping[str, Analysis], corpus: Corpus) -> None:
    """Draw the first two principal components of each model's unit vectors.

    Labelled sentences in the colours of their classes where there are any, else the sentences.
    The named ones are the same in every map, and in each far from each other.
    """
    from sklearn.decomposition import PCA

    texts: Sequence[str] = corpus.texts or corpus.sentences
    maps = [PCA(2, svd_solver="full") for _ in found]
    points = [
        pca.fit_transform(each.labelled if corpus.texts else each.sentences)
        for pca, each in zip(maps, found.values(), strict=True)
    ]
    named = _far_apart(points)
    names = names_of(list(found))
    figure, axes = panels(len(found), width=5.6 if len(found) > 1 else 7.6, height=5.8, alike=True)
    for axis, name, x, pca in zip(axes, found, points, maps, strict=True):
        for label, (rows, colour, marker) in _classes(corpus).items():
            axis.scatter(
                *x[rows].T, s=22 if corpus.texts else 9, color=colour, marker=marker,
                alpha=0.75 if corpus.texts else 0.35, linewidths=0, label=label,
            )  # fmt: skip
        for number, row in enumerate(named, start=1):
            _name(axis, x[row], str(number))
        shares = 100 * pca.explained_variance_ratio_
        axis.set_xlabel(f"component 1 ({shares[0]:.1f} % of the variance)")
        axis.set_ylabel(f"component 2 ({shares[1]:.1f} % of the variance)")
        axis.set_title(names[name][0])
        axis.margins(0.08)
        axis.set_aspect("equal", adjustable="box")
    if corpus.texts:
        handles, words = axes[0].get_legend_handles_labels()
        figure.legend(handles, words, loc="outside right upper", title="class", borderaxespad=1)
    figure.suptitle(f"{len(texts):,} sentences, by their first two principal components")
    lines = [f"{n}  {wrapped(texts[row], WIDTH)}" for n, row in enumerate(named, start=1)]
    figure.supxlabel("\n".join(lines), x=0.02, ha="left", fontsize=9)
    save(figure, path)


def _classes(corpus: Corpus) -> dict[str, tuple[NDArray[np.int64], str, str]]:
    """Return the rows, colour and marker of each class; the smaller ones are one where many."""
    if not corpus.texts:
        rows = np.arange(len(corpus.sentences))
        return {"": (rows, COLOURS[0], MARKERS[0])}
    labels = np.array(corpus.labels)
    names, sizes = np.unique(labels, return_counts=True)
    if len(names) > MOST_CLASSES:
        kept = names[np.argsort(-sizes, kind="stable")[: MOST_CLASSES - 1]]
        labels = np.where(np.isin(labels, kept), labels, f"{len(names) - len(kept)} others")
        names = np.array([*kept, f"{len(names) - len(kept)} others"])
    return {
        wrapped(str(name), 24): (np.flatnonzero(labels == name), COLOURS[i], MARKERS[i])
        for i, name in enumerate(names)
    }


def _far_apart(maps: Sequence[Numbers]) -> list[int]:
    """Choose some rows, each the farthest from those chosen before, in the map where it is nearest.

    Example:
        >>> _far_apart([np.array([[0.0, 0.0], [9.0, 1.0], [1.0, 0.0]])])
        [1, 0, 2]
    """
    maps = [points / points.std(axis=0).clip(min=1e-12) for points in maps]
    nearest = np.full(len(maps[0]), np.inf)
    chosen = [int(np.linalg.norm(maps[0] - maps[0].mean(axis=0), axis=1).argmax())]
    while len(chosen) < min(NAMED, len(nearest)):
        for points in maps:
            away = np.linalg.norm(points - points[chosen[-1]], axis=1)
            nearest = np.minimum(nearest, away)
        chosen.append(int(nearest.argmax()))
    return chosen


def _name(axis: Any, point: Numbers, number: str) -> None:
    axis.plot(*point, "o", markersize=7, markerfacecolor="none", markeredgecolor="black")
    axis.annotate(
        number, point, (6, 6), textcoords="offset points", fontsize=10, fontweight="bold",
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none",
              "alpha": 0.8},
    )  # fmt: skip
