"""Write docs/commands.md from the help of the commands: python docs/commands.py."""

from pathlib import Path
from typing import Any

from sentemb_cli.main import COMMANDS, build
from sentemb_cli.options_of_signatures import options_of_method
from typer.main import get_command

from sentemb.signatures import METHODS

PAGE = Path(__file__).with_suffix(".md")
HEAD = """# Commands

Made from `--help` by `python docs/commands.py`. Options of the program itself come before the
command, as in `sentemb --quiet train`. Every option is a keyword of the Python function of the same
name, with underscores: see the [API](api.md). [Files, columns and formats](formats.md) says what
each command reads and writes.
"""


def in_cell(text: str) -> str:
    """Return a text as a table can hold it."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def default_of(option: Any) -> str:
    """Return a sentence about the value of an option that is left out, if it has one."""
    value = option.default
    if value is None or value is False or value == "" or callable(value):
        return ""
    return f" Default: {'yes' if value is True else f'`{value}`'}."


def option_row(option: Any) -> str:
    """Return the line of an option or argument in its table."""
    names = [option.name.upper()] if option.param_type_name == "argument" else option.opts
    shown = ", ".join(f"`{name}`" for name in sorted(names, key=len, reverse=True))
    if option.secondary_opts:
        shown += ", " + ", ".join(f"`{name}`" for name in option.secondary_opts)
    return f"| {shown} | {in_cell(option.help or '')}{default_of(option)} |"


def table(options: list[Any]) -> str:
    """Return the table of some options."""
    rows = [option_row(one) for one in options if not getattr(one, "hidden", False)]
    return "\n".join(["| option | meaning |", "|---|---|", *rows])


def command(name: str, epilog: str) -> str:
    """Return the section of a command."""
    found = get_command(build([name])).commands[name]
    usage = [one.name.upper() for one in found.params if one.param_type_name == "argument"]
    examples = [line for line in epilog.splitlines() if line.startswith(("sentemb", "cat"))]
    return "\n\n".join(
        [
            f"## {name}",
            "\n\n".join(" ".join(p.split()) for p in (found.help or "").split("\n\n")),
            "```text\n" + " ".join(["sentemb", name, *usage, "[OPTIONS]"]) + "\n```",
            table(found.params),
            "```console\n" + "\n".join(examples) + "\n```",
        ]
    )


def options_of_methods() -> str:
    """Return the table of the options that single methods have."""
    rows: dict[tuple[str, str], list[str]] = {}
    for method in METHODS:
        for option in options_of_method(method):
            info = option.annotation.__metadata__[0]
            flag = (info.param_decls or (f"--{option.name.replace('_', '-')}",))[0]
            key = (flag, in_cell(info.help or ""))
            rows.setdefault(key, []).append(f"`{method}` ({option.default})")
    lines = [f"| `{flag}` | {text} | {', '.join(of)} |" for (flag, text), of in rows.items()]
    return "\n".join(["| option | meaning | methods (default) |", "|---|---|---|", *lines])


def page() -> str:
    """Return the whole page."""
    sections = [HEAD.rstrip(), "## sentemb", table(get_command(build(["info"])).params)]
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2]
        sections.append(command(name, module.EXAMPLES))
        if name == "train":
            sections += ["### Options of single methods", options_of_methods()]
    return "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")
