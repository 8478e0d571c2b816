"""``sentemb evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import console

EXAMPLES = """Examples:

sentemb evaluate mini-sentemb

sentemb evaluate runs/mine --sts STSB.dev.tsv STSB.test.tsv

sentemb evaluate -o results.json mini mini-sentemb

sentemb evaluate mini --pooling mean --json"""

Files = list[Path] | None


def evaluate(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]... [FILE]...",
            help="Embedded encoders, folders or hub ids, several for side by side; a folder of "
            "seed-0, seed-1, … is one model. Then further files of --sts or the like.",
            show_default="mini-sentemb",
        ),
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option(help="sts, sts-zh, transfer, retrieval, clustering or pairs; repeatable."),
    ] = None,
    data_folder: Annotated[
        Path | None,
        typer.Option(
            envvar="SENTEMB_DATA", help="Where the files of suites are; SentEval's folder does."
        ),
    ] = None,
    sts: Annotated[
        Files,
        typer.Option(
            metavar="FILE...",
            help="Graded pairs: sentence1, sentence2, score and, for the means, subset; by "
            "default the bundled ones.",
        ),
    ] = None,
    transfer: Annotated[
        Files,
        typer.Option(metavar="FILE...", help="text or sentence1, sentence2; and label."),
    ] = None,
    retrieval: Annotated[
        Files,
        typer.Option(
            metavar="FOLDER", help="In BEIR's form; or a table of qtext, atext, label. Repeatable."
        ),
    ] = None,
    identical_ids: Annotated[
        str,
        typer.Option(
            metavar="auto|drop|keep",
            help="Whether to drop the document of a query's id from its ranking, as BEIR does; "
            "auto: where it has the query's text.",
        ),
    ] = "auto",
    clustering: Annotated[Files, typer.Option(metavar="FILE...", help="text, label.")] = None,
    pairs: Annotated[
        Files, typer.Option(metavar="FILE...", help="sentence1, sentence2, label 1 or 0.")
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(help="Another pooling than the model's own.")
    ] = None,
    batch_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens of a forward; by default 512 on a CPU, 32768 on a GPU."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.json", help="For the results.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score models by the protocols of the field: STS, transfer, retrieval, clustering, pairs.

    All numbers are x 100 but alignment, uniformity and thresholds; docs/evaluation.md defines each.
    spearman is over all pairs of a task at once ("all"); with subsets, mean and wmean are over
    them. Alignment is of pairs scored above 4 of 5 (0.8 of another scale), uniformity of all
    unique sentences.

    Of several models, the difference to the first is given with its 95 % interval and p, by a
    paired bootstrap over the rows of a task.
    """
    from ..early import check_models, check_pooling, without_effect
    from ..evaluate_models import models_of
    from ..evaluate_results import check_output, results_of, write_results
    from ..evaluate_tables import show_tables
    from ..evaluate_tasks import files_of, tasks_of

    without_effect("--overwrite", overwrite and output is None, "--output")
    check_output(output, overwrite=overwrite)
    check_pooling(pooling)
    given = {
        "sts": sts or [],
        "transfer": transfer or [],
        "retrieval": retrieval or [],
        "clustering": clustering or [],
        "pairs": pairs or [],
    }
    names, own = files_of(words or [], given)
    models = models_of(names or ["mini-sentemb"])
    tasks = tasks_of(suite or [], data_folder, own, identical_ids)
    check_models(*(place for model in models for place in model.places))
    console.quieten_before_import()
    from ..evaluate_runs import score

    scored = [score(model, tasks, pooling, batch_tokens) for model in models]
    results = results_of(scored, tasks)
    if output is not None:
        write_results(output, results)
    if as_json:
        console.print_json("evaluate", results)
    else:
        show_tables(scored, tasks, results)
