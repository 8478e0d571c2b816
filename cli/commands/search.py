"""``sentemb search``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb search "a pet that sleeps" texts.index

sentemb search "late delivery" reviews.index --where "stars <= 2 and lang == 'en'" -k 5

sentemb search --queries questions.txt texts.index --hybrid -o hits.jsonl"""


def search(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[QUERY]... INDEX",
            help="Queries, and last an index; or a file of texts, which is encoded each time.",
        ),
    ],
    queries: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File of queries, one a row.")
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("-k", "--k", help="Hits of a query; by default 10, or all of fewer texts."),
    ] = None,
    where: shared.Where = None,
    min_score: Annotated[
        str | None,
        typer.Option(
            *("--min-score", "--min"),
            metavar="COSINE|FILE",
            help="The least cosine of a hit, or a file of sentemb calibrate.",
        ),
    ] = None,
    hybrid: Annotated[
        bool,
        typer.Option("--hybrid", help="Rank by words (BM25) too, by rank fusion (extra search)."),
    ] = False,
    document: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Texts of one value are one document; by default the row of a chunk.",
        ),
    ] = None,
    document_score: shared.DocumentScore = "max",
    column: Annotated[str, typer.Option(help="Column of a file's texts.")] = "text",
    model: Annotated[
        str | None,
        typer.Option(
            help="What encodes queries; by default the index's own, for a file mini-sentemb.",
            autocompletion=shared.complete_models,
        ),
    ] = None,
    prompt_name: shared.PromptOfQueries = None,
    device: shared.Device = None,
    output: shared.OutputRows = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output file.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the texts nearest to a query, with their cosine and the number of their rows."""
    from sentemb.encoders.device import require_device_name

    from ..early import check_models, check_rows_output, check_texts

    asked, data = _queries_and_data(words, queries)
    if queries is not None:
        check_texts(str(queries))
    if not Path(data).is_dir():
        check_texts(data, column)
    check_rows_output(output, overwrite=overwrite, as_json=as_json)
    require_device_name(device)
    if model is not None:
        check_models(model)
    console.quieten_before_import()
    from sentemb.tasks.search import search as find

    report = find(
        asked,
        data,
        k,
        where=where,
        min_score=min_score,
        hybrid=hybrid,
        document=document,
        document_score=document_score,  # type: ignore[arg-type]  # looked at there
        column=column,
        model=model,
        prompt_name=prompt_name,
        device=device,
    )
    console.show_or_write(report, report["hits"], output, as_json=as_json)


def _queries_and_data(words: list[str], queries: Path | None) -> tuple[Any, str]:
    """Tell the queries from what is searched, which comes last."""
    from sentemb.errors import UsageError

    *asked, data = words
    if queries is not None and asked:
        raise UsageError("Queries are given, and --queries too: give one of them.")
    if queries is None and not asked:
        raise UsageError(
            f"There is no query: give one before '{data}', or a file of them with --queries."
        )
    return asked if queries is None else queries, data
