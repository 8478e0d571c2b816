"""Everything that a user reads: pages, docstrings, help, errors, log lines; each with its place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "data/README.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
SOURCES = sorted((ROOT / "sentemb").rglob("*.py")) + sorted((ROOT / "cli").rglob("*.py"))
LOGS = {"info", "warning", "error", "log", "warn", "show", "append"}


class Text(NamedTuple):
    """A text of one kind at one place.

    Args:
        kind: ``page``, ``docstring``, ``help``, ``error`` or ``log``.
        place: ``file:line``.
        text: Without code.
    """

    kind: str
    place: str
    text: str


def without_code(text: str) -> str:
    """Drop what is code or a formula in a text."""
    text = re.sub(r"^```.*?^```|^\.\. math::.*\n(?: .*\n)*|^ *>>> .*\n(?:.*\S.*\n)*", "", text,
                  flags=re.M | re.S if "```" in text else re.M)  # fmt: skip
    return re.sub(r"``.+?``|`[^`]+`|\]\([^)]*\)|\$[^$\n]+\$", "…", text)


def pages() -> Iterator[Text]:
    """Yield the lines of all pages."""
    for page in PAGES:
        code = False
        for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
            code ^= line.startswith("```")
            if not code:
                yield Text("page", f"{page.relative_to(ROOT)}:{number}", without_code(line))


def kind_of(call: ast.Call) -> str | None:
    """Say what the strings of a call are for, if a user reads them."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if name.endswith("Error") or name == "BadParameter":
        return "error"
    if name in ("Option", "Argument"):
        return "help"
    return "log" if name in LOGS else None


def in_source(path: Path) -> Iterator[Text]:
    """Yield the docstrings and messages of a module."""
    place = path.relative_to(ROOT)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            doc = ast.get_docstring(node)
            if doc:
                yield Text("docstring", f"{place}:{node.body[0].lineno}", without_code(doc))
        elif isinstance(node, ast.Call) and (kind := kind_of(node)):
            given = [*node.args, *(word.value for word in node.keywords if word.arg == "help")]
            strings = [one for one in given if isinstance(one, ast.Constant | ast.JoinedStr)]
            for text in map(string_of, strings):
                if " " in text:
                    yield Text(kind, f"{place}:{node.lineno}", without_code(text))


def string_of(node: ast.Constant | ast.JoinedStr) -> str:
    """Return a literal, with ``…`` for what is put in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(p.value if isinstance(p, ast.Constant) else "…" for p in node.values)


def texts() -> list[Text]:
    """Return everything."""
    return [*pages(), *(text for path in SOURCES for text in in_source(path))]
