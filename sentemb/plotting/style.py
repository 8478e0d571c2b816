"""How pictures look: colours, sizes, words."""

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

logger = logging.getLogger("sentemb")
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933",
)  # fmt: skip
"""Okabe and Ito, 2008: told apart by the colour-blind, too; yellow is too pale for a line."""
MARKERS = "osD^vP*X"
FONTS = (
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Micro Hei", "PingFang SC",
    "Microsoft YaHei", "Arial Unicode MS",
)  # fmt: skip
"""Those that are there are used, for letters the first has not."""
LONGEST_NAME = 28
UNSEEN = re.compile(r"\s+|[\x00-\x1f\x7f-\x9f]")


@contextmanager
def styled() -> Iterator[None]:
    """Draw in one style, whatever the user's settings of matplotlib are; these stay."""
    known = set(font_manager.get_font_names())
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.family": [font for font in FONTS if font in known],
                "font.size": 10,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.grid": True,
                "axes.axisbelow": True,
                "grid.color": "0.9",
                "legend.frameon": False,
                "text.parse_math": False,  # a sentence's dollars are not formulas
            }
        )
        yield


def panels(
    count: int, width: float = 4.6, height: float = 3.8, columns: int = 3, *, alike: bool = False
) -> tuple[Figure, list[Any]]:
    """Return a figure of panels in rows of at most so many columns, and the panels.

    Panels that are ``alike`` share their axes.
    """
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    shared = figure.subplots(rows, columns, squeeze=False, sharex=alike, sharey=alike)
    axes = shared.ravel().tolist()
    for unused in axes[count:]:
        unused.remove()
    for axis in axes[:count]:
        axis.tick_params(labelbottom=True, labelleft=True)  # those that share have none within
    return figure, axes[:count]


def save(figure: Figure, path: Path) -> None:
    """Write a png; letters that no font has are reported once, and drawn as boxes."""
    FigureCanvasAgg(figure)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(path, dpi=120)
    missing = [warning for warning in caught if str(warning.message).startswith("Glyph ")]
    for warning in caught:
        if warning not in missing:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if missing:
        logger.warning(
            "%s: no font here has all of its letters; install one that has, as Noto Sans CJK.",
            path.name,
        )


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a model's name by its end, where it is long.

    Example:
        >>> short("a/very/long/path/to/the/folder/of/mine")
        '…/path/to/the/folder/of/mine'
    """
    name = UNSEEN.sub(" ", name)
    return name if len(name) <= longest else f"…{name[1 - longest :]}"


def wrapped(text: str, width: int) -> str:
    """Return a sentence on one line, cut where it is longer."""
    text = UNSEEN.sub(" ", text).strip()
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def names_of(found: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Return for each model its short name, colour and marker, the same in every picture."""
    return {
        name: (short(name), COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(found)
    }
