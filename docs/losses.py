"""Write docs/losses.md from the docstrings of the losses: python docs/losses.py."""

import inspect
import re
from pathlib import Path

from sentemb_cli.spec import LOSSES

from sentemb import losses

PAGE = Path(__file__).with_suffix(".md")
HEAD = """# Losses

Made from the docstrings by `python docs/losses.py`; a test compares them. Every loss is a function
of `sentemb.Pairs`: anchors $x_i$, positives $y_i$ (row i matches anchor i), and, where there are
any, negatives, which match no anchor. "Pairs" are what every method gives; what else a loss needs
comes from a method with it (`supcon`: classes; `cosent`: scores; `simcse-sup`: hard negatives), and
a loss refuses what it cannot use. Options are in the docstring of each, and in `sentemb views`.

Duplicates within a batch, and two texts that form a pair anywhere in it, are never negatives of
each other, hard negatives and a queue included; `--no-mask-identical` turns that off. $\\xi$ is
what all losses with a softmax share: for each row,
$\\xi_i = \\sum_j e^{s_{ij} - s_{i+}}$ over its negatives.
"""


def section(doc: str, name: str) -> str:
    """Return a paragraph of a docstring that starts with a word and a colon."""
    found = re.search(rf"^{name}: (.*(?:\n(?: .*)?\S.*)*)", doc, re.M)
    return " ".join(found[1].split()) if found else "–"


def formula(doc: str) -> str:
    """Return the formula of a docstring in one line."""
    found = re.search(r"^\.\. math::(.*(?:\n .*)*)", doc, re.M)
    return f"$`{' '.join(found[1].split())}`$" if found else "–"


def page() -> str:
    """Return the whole page."""
    by_class = {class_name: name for name, class_name in LOSSES.items()}
    names = [*LOSSES.values(), "Sum", "EachSentence", "Matryoshka", "MaskSimilar", "Guided"]
    rows = []
    for name in names:
        doc = inspect.getdoc(getattr(losses, name)) or ""
        cells = [
            f"`{name}`" + (f" (`{by_class[name]}`)" if name in by_class else ""),
            doc.partition("\n")[0].removesuffix("."),
            formula(doc),
            section(doc, "Needs").removesuffix("."),
            section(doc, "Use it").removesuffix("."),
            section(doc, "Source").removesuffix("."),
        ]
        if any("|" in cell for cell in cells):
            raise ValueError(f"A '|' in the docstring of {name} would break the table.")
        rows.append("| " + " | ".join(cells) + " |")
    header = "| loss (`--loss`) | what it does | formula | needs | use it | source |"
    return "\n".join([HEAD, header, "|---|---|---|---|---|---|", *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page())
