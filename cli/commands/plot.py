"""``sentemb plot``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import console

EXAMPLES = """Examples:

sentemb plot runs/mine

sentemb plot runs/simcse-unsup runs/seeds -o curves.png"""


def plot(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Folders of sentemb train or finetune, also of running ones.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The picture: .png, .pdf or .svg.")
    ] = Path("training.png"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier picture.")
    ] = False,
) -> None:
    """Draw runs over their steps: loss, dev scores, alignment and uniformity, learning rate.

    A folder of seed-0, seed-1, … is one run: a thin line a seed, a thick one for their mean. A
    circle is at the step that became the model. Needs matplotlib (extra plot).
    """
    from sentemb.experiments.plots import plot

    console.log(f"picture: {plot(runs, output, overwrite=overwrite)}")
