"""``sentemb info``."""

from typing import Annotated

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb info

sentemb info mini-sentemb

sentemb info runs/mine --json"""


def info(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Bundled encoder, folder or hub id.", autocompletion=shared.complete_models
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what is installed, or what a model is."""
    from ..early import check_models

    if model is not None:
        check_models(model)
    console.quieten_libraries()
    from sentemb.about import info

    console.show_report(info(model), as_json=as_json)
