"""``sentemb calibrate``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb calibrate pairs.tsv --at-most 0.05 -o threshold.json

sentemb calibrate pairs.tsv --at-most 0.05 --method conformal

sentemb calibrate file.txt --at-most 0.05 -o threshold.json"""


def calibrate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Pairs (sentence1, sentence2, and label 1 or 0 or a score); or texts, of which "
            "random pairs are drawn.",
        ),
    ],
    model: shared.AnyModel = "mini-sentemb",
    rate: Annotated[
        str,
        typer.Option(
            help="fpr: the share of different pairs that reach the threshold; fdr: the share of "
            "different pairs among those that reach it.",
            autocompletion=shared.complete_one_of(("fpr", "fdr")),
        ),
    ] = "fpr",
    at_most: Annotated[float, typer.Option(help="The rate that is allowed, in (0, 1).")] = 0.01,
    confidence: Annotated[
        float, typer.Option(help="Probability that the rate is kept, over samples of pairs.")
    ] = 0.95,
    method: Annotated[
        str,
        typer.Option(
            help="clopper-pearson; or conformal, which keeps an fpr on average over samples.",
            autocompletion=shared.complete_one_of(("clopper-pearson", "conformal")),
        ),
    ] = "clopper-pearson",
    same_from: Annotated[
        float, typer.Option(help="Pairs with at least this score are the same.")
    ] = 4.0,
    different_to: Annotated[
        float, typer.Option(help="Pairs with at most this score are different.")
    ] = 2.0,
    duplicate_share: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share of random pairs that are the same.")
    ] = 1e-4,
    column: shared.Column = "text",
    seed: Annotated[int, typer.Option(min=0, help="Of the random pairs.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="JSON file for dedup --threshold and search --min."),
    ] = None,
    device: shared.Device = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find the lowest cosine that wrongly joins few texts, with a bound on how many.

    From labelled pairs the bound is on pairs as hard as those. From texts alone it is on random
    pairs, which says nothing about near misses.
    """
    from sentemb.datasets.source import read_source
    from sentemb.encoders.device import require_device_name

    from ..early import check_models

    require_device_name(device)
    read_source(source)
    check_models(model)
    from sentemb.tasks.calibrate import calibrate as find

    console.quieten_before_import()
    found = find(
        *(source, model),
        rate=rate,  # type: ignore[arg-type]  # the library looks at it
        at_most=at_most,
        confidence=confidence,
        method=method,  # type: ignore[arg-type]
        same_from=same_from,
        different_to=different_to,
        duplicate_share=duplicate_share,
        column=column,
        seed=seed,
        device=device,
        output=output,
        overwrite=overwrite,
    )
    typer.echo(found.to_json() if as_json else repr(found))
    if output is not None:
        console.log(f"output: {output}")
