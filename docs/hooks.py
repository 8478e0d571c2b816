"""What mkdocs does not do: formulas as MathML, and the pictures of benchmarks/results.

Formulas are written as GitHub reads them: ``$x$`` and ``$`x`$`` in a line, ``$$x$$`` and a fence
``math`` as blocks; in docstrings as ``.. math::``. MathML is rendered by the browser, so that no
script and no network is needed.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor
from mkdocs.structure.files import File

RESULTS = Path(__file__).parents[1] / "benchmarks/results"
BLOCKS = (
    re.compile(r"^```math\n(.*?)\n```$", re.M | re.S),
    re.compile(r"^\$\$(.*?)\$\$$", re.M | re.S),
    re.compile(r"^\.\. math::(.*(?:\n +\S.*)*)$", re.M),
)
INLINE = (
    r"(?<![\w\\$])\$(?:`(.+?)`|([^\s`$](?:[^`$\n]*?[^\s`$])?))\$(?![\w$])",
    r":math:`([^`]+)`()",
)


def mathml(latex: str, display: str) -> str:
    """Return a formula as MathML; spacing of TeX that it does not know is left out."""
    latex = re.sub(r"\\([Bb]igg?[lrm]?)(?![a-zA-Z])", "", " ".join(latex.split()))
    return convert(latex, display=display)


class Blocks(Preprocessor):
    """Formulas on lines of their own."""

    def run(self, lines: list[str]) -> list[str]:
        """Put them where Markdown leaves them alone."""
        text = "\n".join(lines)
        for pattern in BLOCKS:
            text = pattern.sub(self.stored, text)
        return text.split("\n")

    def stored(self, found: re.Match[str]) -> str:
        """Return what stands for a formula until the page is put together."""
        block = f'<div class="formula">{mathml(found[1], "block")}</div>'
        return f"\n{self.md.htmlStash.store(block)}\n"


class Inline(InlineProcessor):
    """Formulas in a line of text."""

    def handleMatch(  # noqa: N802 - the name is Markdown's
        self, m: re.Match[str], data: str
    ) -> tuple[Any, int, int]:
        """Return what stands for the formula until the page is put together."""
        stored = self.md.htmlStash.store(mathml(m[1] or m[2], "inline"))
        return stored, m.start(0), m.end(0)


class MathExtension(Extension):
    """Formulas as MathML."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name is Markdown's
        """Add both kinds."""
        md.preprocessors.register(Blocks(md), "math_blocks", 28)  # before fences
        for number, pattern in enumerate(INLINE):
            md.inlinePatterns.register(Inline(pattern, md), f"math_inline_{number}", 195)


def on_config(config: Any) -> Any:
    """Have pages and docstrings read with formulas."""
    config.markdown_extensions.append(MathExtension())
    return config


def results(pages: Any) -> Iterator[Path]:
    """Yield the files of benchmarks/results that pages name."""
    for page in pages.documentation_pages():
        for name in re.findall(r"\(\S+/benchmarks/results/([\w.-]+)\)", page.content_string):
            yield RESULTS / name


def on_files(files: Any, config: Any) -> Any:
    """Add what pages show of benchmarks/results."""
    for path in sorted(set(results(files))):
        files.append(File.generated(config, f"lab/results/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Point links at the copies."""
    up = "" if page.file.src_uri.startswith("lab/") else "lab/"
    return re.sub(r"\]\((?:\.\./)+benchmarks/results/", f"]({up}results/", markdown)
