"""Write docs/api.md and the pages in docs/api from the docstrings: python docs/api.py."""

from importlib import import_module
from pathlib import Path

DOCS = Path(__file__).parent
HEAD = """# Python API

Made by `python docs/api.py`. The entries are the docstrings, so `help(sentemb.train)` shows the
same. In a clone, where they are not rendered, read them there.

Data of any kind means: a path, a hub id, a list of texts, tuples or dicts, a dict of columns, a
`datasets.Dataset` or a `pandas.DataFrame`.

| page | module | names |
|---|---|---|
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
    "sentemb.decoders": "Vectors back to text",
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


def pages() -> dict[str, str]:
    """Return all pages, by their paths in docs; a name is on the first page of a module with it."""
    contents, made, shown = HEAD, {}, set[int]()
    for module, title in PARTS.items():
        new = [
            name for name in names(module) if id(getattr(import_module(module), name)) not in shown
        ]
        shown |= {id(getattr(import_module(module), name)) for name in new}
        entries = [f"::: {module}.{name}" for name in new]
        path = f"api/{module.partition('.')[2].replace('.', '_') or 'sentemb'}.md"
        made[path] = "\n\n".join([f"# {title}", f"`{module}`", *entries]) + "\n"
        listed = ", ".join(f"`{name}`" for name in new)
        contents += f"| [{title}]({path}) | `{module}` | {listed} |\n"
    return {"api.md": contents} | made


if __name__ == "__main__":
    for path, text in pages().items():
        (DOCS / path).parent.mkdir(exist_ok=True)
        (DOCS / path).write_text(text, encoding="utf-8")
    print(f"written: {DOCS / 'api.md'} and the pages in {DOCS / 'api'}")
