"""``sentemb mine``."""

from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb mine pairs.csv -o triplets.csv

sentemb mine questions.tsv --columns question,answer --corpus passages.txt -o triplets.jsonl

sentemb mine pairs.csv --relative-margin 0.05 --n 5 --sampling random -o triplets.csv

sentemb mine pairs.csv --n 5 --together -o pairs_with_negatives.csv"""


def mine(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="Pairs: anchor, positive; or a hub data set.")
    ],
    corpus: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Texts to find negatives in, beside the positives, which are there by default.",
        ),
    ] = None,
    model: shared.AnyModel = "mini-sentemb",
    columns: Annotated[
        str | None, typer.Option(help="The two columns of FILE, a comma between.")
    ] = None,
    column: Annotated[str, typer.Option(help="Column of texts of --corpus.")] = "text",
    cross_encoder: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="A regression on pairs (finetune --regression) to score what the model found.",
        ),
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="All negatives of a pair in its row.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of --sampling random.")] = 0,
    device: shared.Device = None,
    output: shared.OutputRows = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output file.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Find hard negatives for sentemb train: texts near an anchor that are not its positives.

    Prints how many were found, and how many neighbours each rule dropped.
    """
    from sentemb.encoders.device import require_device_name
    from sentemb.tasks.mining_rules import MiningRules

    from ..early import check_columns, check_models, check_rows_output, check_texts, without_effect

    rules = MiningRules(**options)
    without_effect("--column", corpus is None and column != "text", "--corpus")
    without_effect("--seed", seed != 0 and rules.sampling == "top", "--sampling random")
    check_rows_output(output, overwrite=overwrite, as_json=as_json)
    require_device_name(device)
    names = columns.split(",") if columns else None
    check_columns(source, [("anchor", "positive")], names)
    if corpus is not None:
        check_texts(corpus, column)
    check_models(model, *([cross_encoder] if cross_encoder else []))
    console.quieten_before_import()
    from sentemb.tasks.mine import mine as find

    report = find(
        source,
        corpus,
        model,
        rules,
        columns=names,
        column=column,
        cross_encoder=cross_encoder,
        together=together,
        seed=seed,
        device=device,
    )
    if output is not None:
        console.log(repr(report), table=True)
    console.show_or_write(report, report["rows"], output, as_json=as_json)
