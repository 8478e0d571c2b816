"""Risk by coverage as a picture: what it costs to answer more rows."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentemb.plotting.style import COLOURS, panels, save, styled


def draw_risk(risk: NDArray[np.float64], coverage: float, path: Path) -> Path:
    """Draw the share of wrong answers over the share of rows that are answered.

    Args:
        risk: By how many rows are answered, those of highest confidence first.
        coverage: Share of the rows that are answered, which is marked.
        path: Of the picture.
    """
    answered = np.arange(1, len(risk) + 1) / len(risk)
    marked = max(1, round(coverage * len(risk)))
    with styled():
        figure, (axis,) = panels(1, 6.4, 4.4)
        axis.plot(100 * answered, 100 * risk, color=COLOURS[0], lw=2)
        axis.plot(100 * marked / len(risk), 100 * risk[marked - 1], "o", color=COLOURS[1])
        axis.set(xlim=(0, 101), ylim=(0, None))
        axis.set_xlabel("coverage: rows that are answered (%)")
        axis.set_ylabel("risk: wrong answers among them (%)")
        axis.set_title(f"{len(risk):,} labelled rows, area under the curve {risk.mean():.4f}")
        save(figure, path)
    return path
