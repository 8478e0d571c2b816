"""``sentemb cluster``."""

from typing import Annotated

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb cluster file.txt

sentemb cluster file.txt --clusters 4 -o clusters.csv

sentemb cluster reviews.csv --column review --method communities --threshold 0.6 --min-size 2

sentemb cluster file.txt --clusters 20 --json"""


def cluster(
    source: shared.Texts,
    model: shared.AnyModel = "mini-sentemb",
    clusters: Annotated[
        int | None,
        typer.Option(help="How many, of kmeans; by default the root of half the rows, at most 50."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="kmeans on the sphere; communities, the rows around a row by a threshold; or "
            "hdbscan, dense regions.",
            autocompletion=shared.complete_one_of(("kmeans", "communities", "hdbscan")),
        ),
    ] = "kmeans",
    threshold: Annotated[
        str,
        typer.Option(
            metavar="COSINE|FILE",
            help="Of communities: least cosine with the row in the middle, or a file of sentemb "
            "calibrate.",
        ),
    ] = "0.75",
    min_size: Annotated[int, typer.Option(help="Rows of the smallest cluster; not of kmeans.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the starts of kmeans.")] = 0,
    seeds: Annotated[
        int, typer.Option(help="Runs that the stability is measured by; 0 measures none.")
    ] = 5,
    column: shared.Column = "text",
    vectors: shared.GivenVectors = None,
    output: shared.OutputRows = None,
    device: shared.Device = None,
    batch_tokens: shared.BatchTokens = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Group texts by what they say, name the groups, and say how sure each row's place is.

    The confidence of a row is its cosine with its own centre, less that with the next centre. The
    stability is the mean adjusted Rand index of runs on other rows: 1 the same clusters, 0 chance.
    """
    from sentemb.encoders.device import require_device_name
    from sentemb.tasks.threshold import parsed

    from ..early import check_models, check_rows_output, check_texts, without_effect

    check_rows_output(output, overwrite=overwrite, as_json=as_json)
    require_device_name(device)
    alone = threshold != "0.75" and method != "communities"
    without_effect("--threshold", alone, "--method communities")
    check_texts(source, column)
    parsed(threshold)
    check_models(model)
    from sentemb.tasks.cluster import cluster as find

    console.quieten_before_import()
    found = find(
        *(console.rows_of(source), model),
        clusters=clusters,
        method=method,  # type: ignore[arg-type]  # the library looks at it
        threshold=threshold,
        min_size=min_size,
        seed=seed,
        seeds=seeds,
        column=column,
        vectors=vectors,
        device=device,
        batch_tokens=batch_tokens,
    )
    console.show_or_write(found.report(), found.rows(), output, as_json=as_json)
