"""``sentemb methods``."""

from typing import Annotated

import typer

from .. import console

EXAMPLES = """Examples:

sentemb methods

sentemb methods --json

sentemb train --method simcse-sup --help"""


def methods(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the methods of sentemb train: the data each wants, and its own defaults."""
    from sentemb.methods.overview import overview

    console.quieten_libraries()
    console.show_report(overview(), as_json=as_json)
