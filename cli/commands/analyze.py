"""``sentemb analyze``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb analyze mini-sentemb

sentemb analyze mini mini-sentemb file.txt -o runs/analysis

sentemb analyze runs/mine --sts STSB.dev.tsv --labels topics.tsv --json

sentemb analyze mini mini-sentemb --energy"""


def analyze(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL... [FILE]",
            help="Bundled encoders, folders or hub ids, by default mini-sentemb. A file of "
            "sentences comes last; by default, the bundled ones.",
            autocompletion=shared.complete_models,
        ),
    ] = None,
    sts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Graded pairs: sentence1, sentence2, score; by default the bundled ones.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Labelled sentences (text and label) for the tolerance. By default, the bundled "
            "topics if no FILE is given either.",
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Column of FILE that holds the sentences.")] = "text",
    temperature: Annotated[
        float,
        typer.Option(min=1e-3, help="Temperature of penalties and energies, as in training."),
    ] = 0.05,
    energy: Annotated[
        bool,
        typer.Option(
            "--energy",
            help="Measure the energies of the pairs graded above 4, too: how far they lie below "
            "those of all other pairs.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for analysis.json and pictures (extra plot)."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier analysis in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure how a model's vectors lie in their space; several models side by side.

    Alignment and uniformity, tolerance, isotropy, relative penalties, and what rare words and
    length do to a vector. docs/analysis.md says what each number is.
    """
    from sentemb import experiments

    from ..early import check_columns, check_extra, without_effect

    names, file = _models_and_file(models or [])
    without_effect("--column", file is None and column != "text", "a FILE of sentences")
    if output is not None:
        check_extra("matplotlib", "plot", "A picture, for -o,")
    if labels is not None:
        check_columns(labels, [("text", "label")])
    console.quieten_before_import()
    report = experiments.analyze(
        names,
        file,
        sts=sts,
        labels=labels,
        column=column,
        temperature=temperature,
        energy=energy,
        output=output,
        overwrite=overwrite,
    )
    console.show_report(report, as_json=as_json)


def _models_and_file(words: list[str]) -> tuple[list[str], str | None]:
    """Tell models from the file: a model is never a file."""
    from sentemb.datasets.files import names_rows
    from sentemb.errors import UsageError

    file = words.pop() if words and names_rows(words[-1]) else None
    for word in words:
        if Path(word).is_file():
            raise UsageError(f"'{word}' is a file; models come first, then one file of sentences.")
    if not words:
        console.log("model: mini-sentemb")
    return list(dict.fromkeys(words)) or ["mini-sentemb"], file
