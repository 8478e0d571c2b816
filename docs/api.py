"""Write docs/api.md, an entry for every public name: python docs/api.py."""

from importlib import import_module
from pathlib import Path

PAGE = Path(__file__).with_suffix(".md")
HEAD = """# Python API

Made by `python docs/api.py`. The entries are the docstrings, so `help(sentemb.train)` shows the
same. In a clone, where they are not rendered, read them there.

Data of any kind means: a path, a hub id, a list of texts, tuples or dicts, a dict of columns, a
`datasets.Dataset` or a `pandas.DataFrame`.
"""
PARTS = {
    "sentemb": "What most programs need",
    "sentemb.losses": "Losses",
    "sentemb.losses.contrast": "What losses with negatives are made of",
    "sentemb.views": "Views",
    "sentemb.twins": "Twins",
    "sentemb.methods": "Methods",
    "sentemb.training": "Training",
    "sentemb.finetuning": "Fine-tuning",
    "sentemb.datasets": "Reading data",
    "sentemb.encoders": "Encoders",
    "sentemb.encoding": "Encoding files",
    "sentemb.evaluation": "Evaluation",
    "sentemb.experiments": "Experiments",
    "sentemb.geometry": "Geometry",
    "sentemb.adapters": "Losses across libraries",
    "sentemb.words": "Vectors of words",
    "sentemb.functional": "Functions of embeddings",
    "sentemb.errors": "Errors",
}


def names(module: str) -> list[str]:
    """Return the public names of a module."""
    found = import_module(module)
    listed = getattr(found, "__all__", None)
    if listed is None:
        listed = [
            name
            for name, value in vars(found).items()
            if name[0] != "_" and getattr(value, "__module__", "") == module
        ]
    return sorted(name for name in listed if not name.isupper() or module != "sentemb.methods")


def page() -> str:
    """Return the whole page."""
    parts, shown = [HEAD.rstrip()], set[int]()
    for module, title in PARTS.items():
        parts.append(f"## {title}\n\n`{module}`")
        for name in names(module):
            entry = getattr(import_module(module), name)
            if id(entry) not in shown:
                parts.append(f"::: {module}.{name}")
                shown.add(id(entry))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")
