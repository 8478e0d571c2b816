"""``sentemb merge``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import console

EXAMPLES = """Examples:

sentemb merge shared.npy

sentemb merge all.npy here/all.npy.1-of-2.parts there/all.npy.2-of-2.parts"""


def merge(
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="The file that the shards were encoded for.")
    ],
    shards: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER...]", help="Their .parts folders; by default those beside the output."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output file.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object.")
    ] = False,
) -> None:
    """Join the shards of an encoding into the file that one run would write. The shards stay."""
    from sentemb.encoding import merge as join

    summary = join(output, shards, overwrite)
    for line in summary.lines(str(output)):
        console.log(line)
    if as_json:
        console.print_json("merge", {"output": str(output), "summary": summary.to_dict()})
