"""Write the sections of docs/losses.md from the docstrings of the losses: python docs/losses.py."""

import inspect
import re
from pathlib import Path

from sentemb import losses
from sentemb.notation import LOSSES
from sentemb.signatures import helps

PAGE = Path(__file__).with_suffix(".md")
MARK = "<!-- The rest is made from the docstrings by `python docs/losses.py`. -->\n"
OF_LOSSES = ("Sum", "EachSentence", "Matryoshka", "MaskSimilar", "Guided")
PARAGRAPHS = ("Needs", "Use it", "Source")


def paragraph(doc: str, name: str) -> str:
    """Return a paragraph of a docstring that starts with a word and a colon."""
    found = re.search(rf"^{name}: (.*(?:\n(?: .*)?\S.*)*)", doc, re.M)
    return " ".join(found[1].split()) if found else ""


def formula(doc: str) -> str:
    """Return the formula of a docstring as a block."""
    found = re.search(r"^\.\. math::(.*(?:\n .*)*)", doc, re.M)
    return f"```math\n{' '.join(found[1].split())}\n```" if found else ""


def options(name: str) -> list[str]:
    """Return a line for each option of a loss, with its default."""
    meanings = helps("sentemb.losses", name)
    found = inspect.signature(getattr(losses, name)).parameters
    lines = []
    for option, text in meanings.items():
        if option in found:
            default = found[option].default
            shown = "" if default is inspect.Parameter.empty else f" ({default})"
            lines.append(f"- `{option}`{shown}: {text}")
    return lines


def section(name: str) -> str:
    """Return the section of a loss."""
    doc = inspect.getdoc(getattr(losses, name)) or ""
    by_class = {class_name: spelled for spelled, class_name in LOSSES.items()}
    paragraphs = [(one, paragraph(doc, one)) for one in PARAGRAPHS]
    parts = [
        f"## {name}",
        doc.partition("\n")[0],
        f"`--loss {by_class[name]}`" if name in by_class else "",
        formula(doc),
        "\n".join(options(name)),
        "\n\n".join(f"**{one}**: {text}" for one, text in paragraphs if text),
    ]
    return "\n\n".join(part for part in parts if part)


def page() -> str:
    """Return the whole page."""
    head = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    names = [*LOSSES.values(), *OF_LOSSES]
    return "\n\n".join([head + MARK.rstrip(), *map(section, names)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")
