"""``sentemb static``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb static pairs.tsv -o runs/static

sentemb static pairs.tsv --model runs/words --learning-rate 0.01 -o runs/static-of-words"""


def static(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Pairs: anchor and positive, or sentence1 and sentence2."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    model: Annotated[
        str,
        typer.Option(
            help="Static model that training starts from; or any other encoder, for its "
            "tokenizer, with random vectors.",
            autocompletion=shared.complete_models,
        ),
    ] = "mini",
    columns: Annotated[
        str | None, typer.Option(help="The two columns of FILE, a comma between.")
    ] = None,
    dim: Annotated[
        int | None, typer.Option(help="Dimensions of random vectors; by default 1024.")
    ] = None,
    matryoshka: Annotated[
        str | None,
        typer.Option(
            metavar="DIMS",
            help="Dimensions that vectors can be cut to, commas between. By default half, a "
            "quarter and so on down to 32.",
        ),
    ] = None,
    temperature: Annotated[float, typer.Option(help="Of InfoNCE.")] = 0.05,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier static model in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Train a static encoder on pairs of texts: a vector for each token.

    A text's vector is the mean of its tokens' vectors. The folder is a plain sentence-transformers
    model.
    """
    from ..early import check_columns, check_models
    from ..options_of_signatures import parse_dims

    names = columns.split(",") if columns else None
    check_columns(source, [("anchor", "positive"), ("sentence1", "sentence2")], names)
    check_models(model)
    console.quieten_before_import()
    from sentemb.words import PairSettings
    from sentemb.words import static as train

    record = train(
        source,
        output,
        model=model,
        columns=names,
        dim=dim,
        matryoshka=parse_dims(matryoshka) or None,
        temperature=temperature,
        settings=PairSettings(**options),
        overwrite=overwrite,
    )
    console.log(
        f"{output}: {record['pairs']:,} pairs, {record['dim']} dimensions, "
        f"loss {record['losses'][-1]:.4f}"
    )
    if as_json:
        console.print_json("static", {"output": str(output), **record})
