"""``sentemb score``."""

from typing import Annotated

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb score pairs.tsv

sentemb score questions.csv --columns question,answer --candidates answers.txt -o scored.csv"""


def score(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Pairs: sentence1 and sentence2, or anchor and positive."
        ),
    ],
    model: shared.AnyModel = "mini-sentemb",
    columns: Annotated[
        str | None, typer.Option(help="The two columns of FILE, a comma between.")
    ] = None,
    candidates: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Texts that the second text of a pair is compared with; by default all second "
            "texts.",
        ),
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="Of energies and probabilities, as in training.")
    ] = 0.05,
    random_pairs: Annotated[
        int, typer.Option(help="Pairs of a first text and another's second to draw.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    device: shared.Device = None,
    output: shared.OutputRows = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output file.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what the cosine of each pair means beside other pairs.

    That is its energy, its probability among candidates, and its percentile among random pairs.
    """
    from sentemb.encoders.device import require_device_name

    from ..early import check_columns, check_models, check_rows_output, check_texts

    check_rows_output(output, overwrite=overwrite, as_json=as_json)
    require_device_name(device)
    names = columns.split(",") if columns else None
    check_columns(source, [("sentence1", "sentence2"), ("anchor", "positive")], names)
    if candidates is not None:
        check_texts(candidates)
    check_models(model)
    console.quieten_before_import()
    from sentemb.tasks.score import score as find

    report = find(
        source,
        model,
        columns=names,
        candidates=candidates,
        temperature=temperature,
        random_pairs=random_pairs,
        seed=seed,
        device=device,
    )
    console.show_or_write(report, report["rows"], output, as_json=as_json)
