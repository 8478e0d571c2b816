"""The code blocks of a page, run in their order as a reader would, in the working directory.

``sh`` and ``python`` blocks run; ``console``, ``py``, ``text`` and others are for looking at. The
blocks of a page share a folder and the names of Python.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from sentemb_cli.main import build
from typer.testing import CliRunner

ELSEWHERE = ("torchrun ",)
"""Commands that have tests of their own."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and code of each block that runs."""
    return re.findall(r"^```(sh|python)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def commands(code: str) -> Iterator[str]:
    """Return each command of a shell block: here-documents are part of theirs."""
    lines = iter(code.replace("\\\n", " ").splitlines())
    for line in lines:
        end = re.search(r"<<'(\w+)'$", line)
        command = [line]
        while end and command[-1] != end[1]:
            command.append(next(lines))
        if line.strip() and not line.startswith("#"):
            yield "\n".join(command)


def run_command(command: str) -> None:
    """Run ``sentemb`` in this process, what is piped into it and anything else by bash."""
    found = re.fullmatch(r"(?:(.*?) \| )?sentemb (.*?)(?: > (\S+))?", command)
    if found is None:
        subprocess.run(["bash", "-ec", command], check=True)
        return
    before, words, target = found.groups()
    typed = shlex.split(words)
    stdin = subprocess.check_output(["bash", "-ec", before]) if before else None
    result = CliRunner().invoke(build(typed), typed, input=stdin)
    assert result.exit_code == 0, f"{command}\n{result.output}"
    if target:
        Path(target).write_bytes(result.stdout_bytes)


def run_page(page: Path, shortened: Mapping[str, str]) -> dict[str, object]:
    """Run all blocks of a page; return the names that its Python defines.

    Args:
        page: A file of Markdown.
        shortened: What is written, and what stands in its place so that it is over soon.
    """
    names: dict[str, object] = {"__name__": page.stem}
    for language, code in blocks(page):
        for written, fewer in shortened.items():
            code = code.replace(written, fewer)
        if language == "python":
            exec(compile(code, page.name, "exec", dont_inherit=True), names)  # noqa: S102
            continue
        for command in commands(code):
            if not command.startswith(ELSEWHERE):
                run_command(command)
    return names
