"""``sentemb postprocess``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb postprocess mini --whiten -o runs/whitened

sentemb postprocess mini-sentemb --whiten --dims 64 --data file.txt -o runs/whitened-64

sentemb postprocess mini-sentemb --remove-top 2 --data file.txt --sts STSB.dev.tsv -o runs/top-2"""


def postprocess(
    model: shared.ModelArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    whiten: Annotated[
        bool,
        typer.Option("--whiten", help="Centre, turn and scale so that the covariance is identity."),
    ] = False,
    remove_top: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="K", help="Take away the mean and the K components of most variance."
        ),
    ] = None,
    dims: Annotated[
        int | None,
        typer.Option(
            metavar="K", help="Components --whiten keeps; by default all in which vectors vary."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Texts it is fitted to; by default the bundled ones."),
    ] = None,
    column: Annotated[str, typer.Option(help="Column of --data that holds them.")] = "text",
    sts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Graded pairs to compare both on: sentence1, sentence2, score; by default the "
            "bundled ones.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier postprocess in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Whiten a model's vectors, or take their top components away, and say what that does to STS.

    The map is stored behind the model's modules: the folder is a plain sentence-transformers model.
    No label is used. Give texts like those the model will see.
    """
    from ..early import check_graded, check_models, without_effect

    without_effect("--column", data is None and column != "text", "--data")
    check_models(model)
    check_graded(sts)
    console.quieten_before_import()
    from sentemb import deployment

    record = deployment.postprocess(
        model,
        output,
        whiten=whiten,
        remove_top=remove_top,
        dims=dims,
        data=data,
        column=column,
        sts=sts,
        overwrite=overwrite,
    )
    _log(record, output)
    if as_json:
        console.print_json("postprocess", {"output": str(output), **record})


def _log(record: dict[str, Any], output: Path) -> None:
    if record["kind"] == "whiten" and record["dim"] < record["dim_before"]:
        console.log(f"{record['dim']} of {record['dim_before']} components kept")
    names = [name for name in ("spearman", "alignment", "uniformity") if name in record["before"]]
    rows = [
        [name, *(console.number(n, side[n]) for n in names), str(dim)]
        for name, side, dim in (
            (record["model"], record["before"], record["dim_before"]),
            (str(output), record["after"], record["dim"]),
        )
    ]
    console.log(console.table([record["task"], *names, "dim"], rows), table=True)
    if record["after"]["spearman"] < record["before"]["spearman"]:
        console.log(
            f"Spearman fell on {record['task']}: give --data that is like the texts the model will "
            "see, or fewer --dims."
        )
