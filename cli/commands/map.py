"""``sentemb map``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb map file.txt

sentemb map labelled.tsv --model mini --model mini-sentemb -o topics.html --plot topics.png

sentemb map reviews.csv --column review --color-by stars --projection umap

sentemb map photos --model runs/clip"""


def map(  # noqa: A001 -- the name of the command
    source: shared.Texts,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Bundled encoder, folder or hub id; repeatable, for maps side by side.",
            show_default="mini-sentemb",
            autocompletion=shared.complete_models,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The page, ending in .html; by default the input's name with .html.",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw a picture, too (extra plot)."),
    ] = None,
    column: shared.Column = "text",
    color_by: Annotated[
        str | None,
        typer.Option(help="Column to colour by; by default label where there is one, or clusters."),
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option(
            help="Clusters found in the vectors of the first model; by default about the root of "
            "half the texts."
        ),
    ] = None,
    projection: Annotated[
        str,
        typer.Option(
            help="pca; or umap (extra map), which keeps neighbours together.",
            autocompletion=shared.complete_one_of(("pca", "umap")),
        ),
    ] = "pca",
    modality: shared.Modality = None,
    seed: Annotated[int, typer.Option(help="Of clusters and UMAP.")] = 0,
    device: shared.Device = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the page and the picture.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Place texts or pictures on a map, on one page to search, hover and select in.

    The page is a single file, which opens without a network. It shows pictures as such.
    """
    from sentemb.encoders.device import require_device_name
    from sentemb.errors import UsageError
    from sentemb.tasks.projection import check_projection

    from ..early import check_models, check_picture, check_texts

    if output is None and source == "-":
        raise UsageError("Reading stdin, the page needs a name: give --output.")
    target = output or _page_of(Path(source))
    if target.suffix != ".html":
        raise UsageError(f"Cannot write '{target}': give a file ending in .html; --plot draws.")
    if target.exists() and not overwrite:
        raise UsageError(f"Output '{target}' exists: give another, or --overwrite.")
    if picture is not None:
        check_picture(picture, overwrite=overwrite)
    check_projection(projection, seed)
    require_device_name(device)
    if modality is None and not Path(source).is_dir():
        check_texts(source, column)
    models = model or ["mini-sentemb"]
    check_models(*models)
    console.quieten_before_import()
    from sentemb.tasks.text_map import map as place

    found = place(
        console.rows_of(source),
        models,
        column=column,
        color_by=color_by,
        clusters=clusters,
        projection=projection,  # type: ignore[arg-type]  # looked at above
        seed=seed,
        device=device,
        modality=modality,  # type: ignore[arg-type]  # looked at there
    )
    written = [str(found.save(path)) for path in (target, picture) if path is not None]
    console.log(f"{found.title}: {', '.join(written)}")
    if as_json:
        console.print_json("map", {"files": written, **found.to_dict()})


def _page_of(source: Path) -> Path:
    """Return the name of the page of a folder, or of a file with its endings."""
    if source.is_dir():
        return source.parent / f"{source.resolve().name}.html"
    return source.with_suffix("").with_suffix(".html")
