"""Points of texts as a picture, a panel for each model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentemb.plotting.style import panels, save, short, styled, wrapped


def draw_points(
    path: Path,
    points: Mapping[str, NDArray[np.float64]],
    groups: NDArray[np.int64],
    names: Sequence[str],
    colours: Sequence[str],
    title: str,
    pictures: Sequence[NDArray[np.uint8]] = (),
) -> Path:
    """Draw the points of each model in the colours of their groups, or pictures in their place.

    Args:
        path: Of the picture.
        points: By model.
        groups: Number of each point's group.
        names: Of the groups.
        colours: Of the groups.
        title: Above all panels.
        pictures: Of each point, ``[side, side, 3]``; none where points are drawn.
    """
    size = float(np.clip(4000 / len(groups), 3, 30))
    with styled():
        figure, axes = panels(len(points), 6.4, 5.8, columns=2)
        for axis, (model, places) in zip(axes, points.items(), strict=True):
            for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
                here = places[groups == number]
                axis.scatter(
                    *here.T, s=size, color=colour, alpha=0.7, lw=0, label=wrapped(name, 32)
                )
            _lay(axis, places, pictures, [colours[group] for group in groups])
            axis.set(title=short(model), xticks=[], yticks=[])
            axis.margins(0.1 if pictures else 0.05)
            axis.set_aspect("equal", adjustable="datalim")
        handles, words = axes[0].get_legend_handles_labels()
        figure.legend(handles, words, loc="outside right upper", markerscale=2, fontsize=9)
        figure.suptitle(title)
        save(figure, path)
    return path


def _lay(
    axis: Any,
    places: NDArray[np.float64],
    pictures: Sequence[NDArray[np.uint8]],
    colours: Sequence[str],
) -> None:
    """Lay pictures over their points, framed in the colours of their groups."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    side = float(np.clip(200 / len(places) ** 0.5, 8, 48))
    for place, pixels, colour in zip(places, pictures, colours, strict=False):
        image = OffsetImage(pixels, zoom=side / len(pixels), interpolation="antialiased")
        frame = {"edgecolor": colour, "linewidth": 1}
        laid = AnnotationBbox(image, tuple(place), pad=0.05, bboxprops=frame)
        laid.set_in_layout(False)
        axis.add_artist(laid)
