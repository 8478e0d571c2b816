"""A confusion matrix as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentemb.plotting.style import panels, save, short, styled

MOST_NUMBERS = 20
"""Of more classes, the cells have no numbers."""


def draw_confusion(names: Sequence[str], counts: NDArray[np.int64], path: Path) -> Path:
    """Draw rows by true and predicted class; a cell's shade is its share of the true class.

    Args:
        names: Of the classes.
        counts: ``[true, predicted]``.
        path: Of the picture.
    """
    size = min(max(3.6, 0.55 * len(names) + 2), 24)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with styled():
        figure, (axis,) = panels(1, size + 0.8, size)
        axis.grid(visible=False)
        shade = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        places = range(len(names))
        axis.set_xticks(places, [short(name, 16) for name in names], rotation=45, ha="right")
        axis.set_yticks(places, [short(name, 16) for name in names])
        axis.set_xlabel("predicted")
        axis.set_ylabel("true")
        axis.spines[:].set_visible(False)
        if len(names) <= MOST_NUMBERS:
            for (row, column), count in np.ndenumerate(counts):
                colour = "white" if shares[row, column] > 0.5 else "black"
                axis.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
        bar = figure.colorbar(shade, ax=axis, fraction=0.046)
        bar.set_label("share of the true class")
        bar.outline.set_visible(False)
        save(figure, path)
    return path
