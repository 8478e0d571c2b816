"""A map of sentences in two dimensions, a handful of them named; needs matplotlib."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentemb.geometry.analysis import Analysis
from sentemb.geometry.corpus import Corpus
from sentemb.geometry.style import COLOURS, MARKERS, names_of, panels, save, wrapped

Numbers = NDArray[np.float64]
NAMED = 8
MOST_CLASSES = 8
WIDTH = 92
"""Letters of a named sentence."""


def draw_map(path: Path, found: Mapping[str, Analysis], corpus: Corpus) -> None:
    """Draw the first two principal components of each model's unit vectors.

    Labelled sentences in the colours of their classes where there are any, else the sentences.
    The named ones are those of the first model's map that lie far from each other; the same in
    every map.
    """
    from sklearn.decomposition import PCA

    texts: Sequence[str] = corpus.texts or corpus.sentences
    shown = _classes(corpus)
    figure, axes = panels(len(found), width=5.6 if len(found) > 1 else 7.6, height=5.2)
    named: NDArray[np.int64] | None = None
    for axis, (name, each) in zip(axes, found.items(), strict=True):
        pca = PCA(2, svd_solver="full")
        points = pca.fit_transform(each.labelled if corpus.texts else each.sentences)
        for label, (rows, colour, marker) in shown.items():
            axis.scatter(
                *points[rows].T, s=22 if corpus.texts else 9, color=colour, marker=marker,
                alpha=0.75 if corpus.texts else 0.35, linewidths=0, label=label,
            )  # fmt: skip
        named = _far_apart(points) if named is None else named
        for number, row in enumerate(named, start=1):
            _name(axis, points[row], str(number))
        shares = 100 * pca.explained_variance_ratio_
        axis.set_xlabel(f"component 1 ({shares[0]:.1f} % of the variance)")
        axis.set_ylabel(f"component 2 ({shares[1]:.1f} % of the variance)")
        axis.set_title(names_of(list(found))[name][0])
        axis.margins(0.08)
    assert named is not None  # noqa: S101
    if corpus.texts:
        handles, words = axes[0].get_legend_handles_labels()
        figure.legend(handles, words, loc="outside right upper", title="class")
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


def _far_apart(points: Numbers) -> NDArray[np.int64]:
    """Choose some points, each the farthest from those chosen before."""
    points = points / points.std(axis=0).clip(min=1e-12)
    chosen = [int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmax())]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < min(NAMED, len(points)):
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
        chosen.append(int(nearest.argmax()))
    return np.array(chosen)


def _name(axis: Any, point: Numbers, number: str) -> None:
    axis.plot(*point, "o", markersize=7, markerfacecolor="none", markeredgecolor="black")
    axis.annotate(
        number, point, (6, 6), textcoords="offset points", fontsize=10, fontweight="bold",
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none",
              "alpha": 0.8},
    )  # fmt: skip
