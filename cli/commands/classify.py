"""``sentemb classify``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb classify file.txt --labels labels.txt

sentemb classify reviews.csv --column review --labels labels.csv --template "{}" -o labelled.csv

sentemb classify labelled.tsv --labels labels.txt --at-most 0.9 -o answers.jsonl --plot risk.png

sentemb classify file.txt --examples labelled.tsv --save runs/few -o answers.csv

sentemb classify file.txt --examples labelled.tsv --model runs/few --epochs 0"""


def classify(
    source: shared.Texts,
    labels: shared.LabelTexts = None,
    examples: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Few-shot: labelled texts, in columns text and label."),
    ] = None,
    model: shared.AnyModel = "mini-sentemb",
    template: shared.Template = None,
    column: shared.Column = "text",
    label_column: shared.TrueLabels = None,
    abstain_by: shared.AbstainBy = "margin",
    abstain_below: shared.AbstainBelow = None,
    at_most: shared.AtMost = None,
    confidence: shared.Confidence = 0.95,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Of the softmax that turns cosines into probabilities; by default 0.05, and of "
            "pictures and sounds what their tower was trained at. Only with --labels."
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for the encoder that is trained on --examples.")
    ] = None,
    output: shared.Predictions = "-",
    picture: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw risk by coverage (extra plot)."),
    ] = None,
    modality: shared.Modality = None,
    device: shared.Device = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output file and the picture.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object.")
    ] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Label texts by the labels' own texts, or by a few examples; abstain where uncertain.

    Writes every row's label, its score (the confidence), and whether it abstained. If the file has
    true labels, the command shows accuracy, and risk by coverage.
    """
    from sentemb.encoders.device import require_device_name
    from sentemb.finetuning.prediction_files import write_predictions
    from sentemb.tasks.few_shot import FewShotSettings
    from sentemb.tasks.zero_shot import check_question

    from ..early import check_columns, check_models, check_picture, check_rows_output, check_texts

    check_rows_output(output, overwrite=overwrite, as_json=as_json)
    if picture is not None:
        check_picture(picture, overwrite=overwrite)
    require_device_name(device)
    changed = {k: v for k, v in options.items() if v != getattr(FewShotSettings, k)}
    check_question(labels, examples, template or None, [*changed, *(["save"] if save else [])])
    FewShotSettings(**changed)
    if examples is not None:
        check_columns(examples, [("text", "label")])
    if modality is None and not Path(source).is_dir():
        check_texts(source, column)
    check_models(model)
    console.quieten_before_import()
    from sentemb.tasks.classify import classify as find

    found = find(
        *(console.rows_of(source), labels),
        examples=examples,
        model=model,
        template=template or None,
        column=column,
        label_column=label_column,
        abstain_by=abstain_by,  # type: ignore[arg-type]  # the library looks at it
        abstain_below=abstain_below,
        at_most=at_most,
        confidence=confidence,
        temperature=temperature,
        save=save,
        device=device,
        modality=modality,  # type: ignore[arg-type]  # looked at there
        **changed,
    )
    if picture is not None:
        console.log(f"picture: {found.plot(picture)}")
    write_predictions(found.rows, None if output == "-" else Path(output))
    console.log(repr(found), table=True)
    if as_json:
        console.print_json("classify", {"model": model, "output": output, **found.to_dict()})
