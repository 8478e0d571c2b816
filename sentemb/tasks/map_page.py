"""A map of texts or pictures as one HTML page that needs no network and no other file."""

import html
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentemb.tasks.projection import Points

TEMPLATE = Path(__file__).with_name("map_page.html")
EXTENT = 10_000
"""Points are whole numbers up to this."""
LONGEST = 500
"""Letters of a text that the page holds."""
COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#999933",
    "#882255", "#44AA99", "#AA4499", "#332288", "#B15928", "#1B9E77", "#E7298A", "#66A61E",
    "#A6761D", "#4477AA", "#EE6677",
)  # fmt: skip
OTHERS = "#9A9A9A"


def page(
    title: str,
    texts: Sequence[str],
    points: Mapping[str, Points],
    colorings: Mapping[str, Sequence[str]],
    thumbnails: Sequence[bytes] = (),
    rows: str = "texts",
) -> str:
    """Return the page.

    Nothing of the data becomes markup or code: it is JSON in which ``<`` is escaped, and the
    script writes it as text. The page's own policy forbids any request.

    Args:
        title: Above the map.
        texts: Searched and shown.
        points: By model, in the order of the texts.
        colorings: For each way to colour, the group of each text.
        thumbnails: Of each row, a WebP; none of texts.
        rows: What the rows are called.
    """
    data: dict[str, Any] = {
        "texts": [text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in texts],
        "models": [_model(name, each) for name, each in points.items()],
        "colorings": [coloring(name, groups) for name, groups in colorings.items()],
    }
    if thumbnails:
        data["pictures"] = [b64encode(each).decode() for each in thumbnails]
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    before, after = (
        part.replace("@ROWS@", rows).replace("@TITLE@", html.escape(title))
        for part in TEMPLATE.read_text(encoding="utf-8").split("@DATA@")
    )
    return f"{before}{written}{after}"


def coloring(name: str, groups: Sequence[str]) -> dict[str, Any]:
    """Return colours for the most frequent groups; all others share one.

    Example:
        >>> found = coloring("label", ["b", "a", "b"])
        >>> found["names"], found["of"]
        (['b', 'a'], [0, 1, 0])
    """
    names, counts = np.unique(np.asarray(groups, dtype=object).astype(str), return_counts=True)
    frequent = [str(names[place]) for place in np.argsort(-counts, kind="stable")]
    shown = frequent if len(frequent) <= len(COLORS) else frequent[: len(COLORS) - 1]
    place = {group: number for number, group in enumerate(shown)}
    colors = list(COLORS[: len(shown)])
    if len(shown) < len(frequent):
        shown, colors = [*shown, f"{len(frequent) - len(shown)} others"], [*colors, OTHERS]
    of = [place.get(str(group), len(shown) - 1) for group in groups]
    return {"name": name, "names": shown, "colors": colors, "of": of}


def _model(name: str, points: Points) -> dict[str, Any]:
    """Return points as whole numbers, one unit of both axes as long as the other."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = EXTENT / max(float((high - low).max()), 1e-12)
    places = ((points - (low + high) / 2) * scale + EXTENT / 2).round().astype(int)
    return {"name": name, "x": places[:, 0].tolist(), "y": places[:, 1].tolist()}
