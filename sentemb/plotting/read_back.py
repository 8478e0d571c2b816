"""What can be read back from vectors, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from sentemb.plotting.style import COLOURS, panels, save, styled


def draw_read_back(
    forms: Sequence[tuple[str, float, float, float]], control: float, path: Path
) -> Path:
    """Draw the token F1 of each form of the vectors, and the control as a line.

    Args:
        forms: Name, F1, and the ends of its interval.
        control: F1 of texts that were read from another text's vector.
        path: Of the picture.
    """
    names, values, lows, highs = zip(*forms, strict=True)
    with styled():
        figure, (axis,) = panels(1, 6.4, 1.6 + 0.4 * len(forms))
        around = [
            [value - low for value, low in zip(values, lows, strict=True)],
            [high - value for value, high in zip(values, highs, strict=True)],
        ]
        axis.barh(names, values, xerr=around, color=COLOURS[0], error_kw={"lw": 1})
        axis.axvline(control, color=COLOURS[1], ls="--", label="another text's vector")
        axis.invert_yaxis()
        axis.set(xlim=(0, 1), xlabel="token F1 of the text that is read back")
        axis.legend(loc="lower right")
        save(figure, path)
    return path
