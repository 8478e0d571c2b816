"""``sentemb evaluate``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb evaluate mini-sentemb

sentemb evaluate runs/mine --sts STSB.dev.tsv STSB.test.tsv

sentemb evaluate -o results.json mini mini-sentemb

sentemb evaluate mini --pooling mean --json

sentemb evaluate mini mini-sentemb --format markdown"""
KINDS = ("sts", "transfer", "retrieval", "clustering", "pairs", "cross_modal")
STS = "Graded pairs: sentence1, sentence2, score and, for the means, subset; by default the \
bundled ones."
TRANSFER = "File for the transfer task: text (or sentence1, sentence2) and label."
RETRIEVAL = "Folder in BEIR's form, or a table of qtext, atext, label. Repeat it for several."
IDENTICAL = "Whether to drop the document of a query's id from its ranking, as BEIR does; auto: \
where it has the query's text."
CLUSTERING = "File for clustering: text, label."
Files = list[Path] | None


def evaluate(
    words: shared.Scored = None,
    suite: shared.Suites = None,
    data: shared.SuiteFolder = None,
    sts: Annotated[Files, typer.Option(metavar="FILE...", help=STS)] = None,
    transfer: Annotated[Files, typer.Option(metavar="FILE...", help=TRANSFER)] = None,
    retrieval: Annotated[Files, typer.Option(metavar="FOLDER", help=RETRIEVAL)] = None,
    identical_ids: Annotated[str, typer.Option(metavar="auto|drop|keep", help=IDENTICAL)] = "auto",
    clustering: Annotated[Files, typer.Option(metavar="FILE...", help=CLUSTERING)] = None,
    pairs: Annotated[
        Files,
        typer.Option(
            metavar="FILE...",
            help="File for pair classification: sentence1, sentence2, label 1 or 0.",
        ),
    ] = None,
    cross_modal: shared.CrossModal = None,
    pooling: shared.ModelPooling = None,
    batch_tokens: shared.BatchTokens = None,
    batch_size: shared.BatchSize = None,
    device: shared.Device = None,
    prompt_name: shared.PromptOfModels = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.json", help="File for the results."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    style: shared.ReportStyle = None,
    as_json: Annotated[bool, typer.Option("--json", help="As --format json.")] = False,
) -> None:
    """Score models by the protocols of the field: STS, transfer, retrieval, clustering, pairs.

    All numbers are x 100 but alignment, uniformity and thresholds; docs/evaluation.md defines each.
    spearman is over all pairs of a task at once ("all"); with subsets, mean and wmean are over
    them. Alignment is of pairs scored above 4 of 5 (0.8 of another scale), uniformity of all
    unique sentences.

    Of several models, the difference to the first is given with its 95 % interval and p, by a
    paired bootstrap over the rows of a task.
    """
    from sentemb.bars import phase
    from sentemb.encoders.device import require_device_name

    from ..early import check_pooling, without_effect

    console.require_one_format(as_json=as_json, style=style)
    require_device_name(device)
    without_effect("--overwrite", overwrite and output is None, "--output")
    check_pooling(pooling)
    given = zip(KINDS, (sts, transfer, retrieval, clustering, pairs, cross_modal), strict=True)
    models, files = _models_and_files(words or [], {kind: paths or [] for kind, paths in given})
    console.quieten_before_import()
    with phase("starting"):
        from sentemb.experiments import evaluate as score
    report = score(
        models or "mini-sentemb",
        suite=suite or [],
        data=data,
        **files,
        identical_ids=identical_ids,
        pooling=pooling,  # type: ignore[arg-type]  # checked above
        batch_tokens=batch_tokens,
        batch_size=batch_size,
        device=device,
        prompt_name=prompt_name,
        output=output,
        overwrite=overwrite,
    )
    console.show_report(report, as_json=as_json, style=style, scores=True)


def _models_and_files(
    words: list[str], given: dict[str, list[Path]]
) -> tuple[list[str], dict[str, Any]]:
    """Tell models from the further files of an option, which typer takes for arguments."""
    from sentemb.datasets.files import names_rows
    from sentemb.errors import UsageError

    files = [word for word in words if names_rows(word)]
    models = [word for word in words if word not in files]
    kinds = [kind for kind, paths in given.items() if paths]
    if files and (not models or len(kinds) != 1):
        options = ", ".join(f"--{kind.replace('_', '-')}" for kind in KINDS)
        remedy = f"name the kind of data with one of {options}."
        if not models:
            remedy = "the model comes first: evaluate MODEL --sts FILE…"
        raise UsageError(f"'{files[0]}' is a file; {remedy}")
    return models, {k: [*p, *(map(Path, files) if k in kinds else ())] for k, p in given.items()}
