"""`train`, `finetune` and `predict`: what the commands do, with data of any kind.

Keywords are the flags of the command with underscores. A name becomes an object here, rows of any
kind become data; the rest is done by the functions that these call.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from sentemb.bars import phase
from sentemb.bundled import bundled
from sentemb.datasets import as_sts, as_training_data
from sentemb.datasets.inputs import read_marked_inputs
from sentemb.datasets.layouts import INPUTS, LABELLED, SCORED, kind_of
from sentemb.errors import InputError, UsageError
from sentemb.jobs.job_data import name_of, read
from sentemb.jobs.job_options import known_options
from sentemb.jobs.job_run import dry_run as dry_run_of
from sentemb.jobs.job_run import run as run_job
from sentemb.jobs.train_job import train_job

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.datasets import TrainingData
    from sentemb.datasets.in_memory import Container
    from sentemb.datasets.several import Order
    from sentemb.encoders import Lora, PoolingName
    from sentemb.encoders.templates import TemplateName
    from sentemb.evaluation import STS
    from sentemb.finetuning import FinetuneRun, FinetuneSettings
    from sentemb.finetuning.scored_predictions import Predictions
    from sentemb.method import Method
    from sentemb.notation import AnyLoss, AnyView
    from sentemb.runs.run_result import RunResult
    from sentemb.training import Run, Settings
    from sentemb.training.dry_run import DryRun

    Data = str | os.PathLike[str] | Container

logger = logging.getLogger("sentemb")


@overload
def train(
    method: "str | Method" = "simcse-unsup",
    data: "Data | TrainingData | None" = None,
    output: str | os.PathLike[str] | None = None,
    settings: "Settings | None" = None,
    dev: "Data | STS | None" = None,
    *,
    dry_run: Literal[True],
    **options: Any,
) -> "DryRun": ...
@overload
def train(
    method: "str | Method" = "simcse-unsup",
    data: "Data | TrainingData | None" = None,
    output: str | os.PathLike[str] | None = None,
    settings: "Settings | None" = None,
    dev: "Data | STS | None" = None,
    *,
    dry_run: Literal[False] = False,
    **options: Any,
) -> "Run": ...
def train(
    method: "str | Method" = "simcse-unsup",
    data: "Data | TrainingData | None" = None,
    output: str | os.PathLike[str] | None = None,
    settings: "Settings | None" = None,
    dev: "Data | STS | None" = None,
    *,
    model: "str | os.PathLike[str] | SentenceTransformer | None" = None,
    pooling: "PoolingName | None" = None,
    prompt: Mapping[str, str] | None = None,
    include_prompt: bool | None = None,
    bidirectional: bool = False,
    template: "TemplateName | None" = None,
    lora: "Lora | None" = None,
    columns: Sequence[str] | None = None,
    view: "AnyView | Sequence[AnyView]" = (),
    loss: "AnyLoss | None" = None,
    matryoshka: Sequence[int] = (),
    mask_above: float | None = None,
    mixing: "Order | None" = None,
    resume: bool = False,
    overwrite: bool = False,
    allow_changed: Sequence[str] = (),
    dry_run: bool = False,
    **options: Any,
) -> "Run | DryRun":
    """Train an encoder, as ``sentemb train`` does, and save it as a sentence-transformers model.

    Where matplotlib is installed, the folder also gets ``training.png``, the picture that `plot`
    draws of the run.

    Args:
        method: A recipe's name, or a `Method`.
        data: A path or a hub id; a list of texts, of tuples or of dicts; a dict of columns; a
            `datasets.Dataset`; a `pandas.DataFrame`. By default what is bundled for the recipe.
            Several data sets are a dict from names to any of these that is named or a table, or to
            `DataSource`; or a list of `pathlib.Path`.
        output: Folder of the model; by default a temporary one, which lives as long as the result.
        settings: How to train; by default the recipe's.
        dev: Graded pairs that choose the checkpoint, of any kind that ``data`` may have.
        model: What a recipe trains: a bundled encoder (by default ``mini``), a folder, a hub id,
            or a `SentenceTransformer`, which is changed.
        pooling: By default the model's own, or the recipe's for a raw encoder.
        prompt: What is put before the texts of a column, by column.
        include_prompt: Whether tokens of prompts are pooled; by default as the model has it.
        bidirectional: Whether every token of a decoder sees all others; saved with the model.
        template: A sentence around each text, ``echo`` or ``prompteol``, of which the last token is
            pooled; saved with the model.
        lora: Train small matrices beside the model's layers in their place, as
            ``sentemb.encoders.Lora(r=16)``. The saved model has them merged; for peft they are in
            its folder ``adapter``.
        columns: Names of the columns of the data, where they are others.
        view: In the place of the recipe's views: one for all of them, or one for each. A `View`, a
            function from the encoder to it, or words as ``--view`` takes them: ``crop+shuffle``.
        loss: In the place of the recipe's loss: a `Loss`, or words as ``--loss`` takes them:
            ``infonce:0.05+0.1*vicreg``.
        matryoshka: Lengths of vectors that the loss is nested at.
        mask_above: Candidates of a greater cosine with the anchor are not negatives.
        mixing: Of several data sets, each batch has rows of one: ``proportional`` to their rows,
            ``round-robin``, or by ``weights`` (the default where one has a weight).
        resume: Continue from the last checkpoint in ``output``.
        overwrite: Replace an earlier run in ``output``.
        allow_changed: What a resumed run may have otherwise than it was started with.
        dry_run: Write nothing; return what the training would read, take and cost, by a few steps
            of a copy.
        options: Fields of `Settings`, as ``batch_size``; and the recipe's own, as ``temperature``.

    Raises:
        UsageError: When there is no such method or option; names the nearest.
        InputError: When the data cannot be read; names the row.

    Further errors are those of `sentemb.training.train`.
    """
    with phase("loading the libraries"):
        import_module("sentemb.training.run")
    of_recipe: dict[str, Any] = {"model": model, "pooling": pooling, "prompt": prompt}
    of_recipe |= {"view": view or None, "loss": loss, "matryoshka": matryoshka or None}
    of_recipe |= {"mask_above": mask_above, "mixing": mixing, "include_prompt": include_prompt}
    of_recipe |= {"lora": lora, "template": template, "bidirectional": bidirectional or None}
    of_recipe = {name: value for name, value in of_recipe.items() if value is not None}
    of_run: dict[str, Any] = {"resume": resume, "overwrite": overwrite}
    of_run |= {"allow_changed": allow_changed}
    if isinstance(method, str):
        job = train_job(method, data, dev, settings, columns=columns, **of_recipe, **options)
        if dry_run:
            return dry_run_of(job, *read(job))
        run = run_job(job, *read(job), output, **of_run)
    else:
        if of_recipe:
            raise UsageError(
                f"{next(iter(of_recipe))} is for methods given by name: a Method object already "
                "has its own."
            )
        found = _of_method(method, data, settings, dev, columns, options)
        if dry_run:
            from sentemb.training.dry_run import dry_run as probe

            return probe(*found)
        from sentemb.runs.run_result import Provenance
        from sentemb.training import train as trained

        named = Provenance(data=name_of(data, None), dev=name_of(dev, None))
        path, (_, rows, how, graded) = None if output is None else Path(output), found
        run = trained(method, rows, path, how, dev=graded, provenance=named, **of_run)
    _draw(run)
    logger.info(run.summary(), extra={"table": True, "score": next(iter(run.metrics), None)})
    return run


def _of_method(
    method: "Method",
    data: "Data | TrainingData | None",
    settings: "Settings | None",
    dev: "Data | STS | None",
    columns: Sequence[str] | None,
    options: Mapping[str, Any],
) -> "tuple[Method, TrainingData, Settings, STS | None]":
    """Return a method with its data and settings, read and resolved."""
    from sentemb.training import Settings

    if data is None:
        raise UsageError("data is needed to train a Method: only recipes have bundled data.")
    known = known_options(options, [field.name for field in fields(Settings)], "a Method")
    return (
        method,
        as_training_data(data, None, columns),
        replace(settings or Settings(), **known),
        None if dev is None else as_sts(dev),
    )


def finetune(
    data: "Data | TrainingData | None" = None,
    dev: "Data | TrainingData | None" = None,
    output: str | os.PathLike[str] | None = None,
    settings: "FinetuneSettings | None" = None,
    *,
    model: "str | os.PathLike[str] | SentenceTransformer" = "mini",
    columns: Sequence[str] | None = None,
    regression: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    allow_changed: Sequence[str] = (),
    **options: Any,
) -> "FinetuneRun":
    """Fine-tune a classifier, or a regression, as ``sentemb finetune`` does.

    Args:
        data: Texts or pairs with a label, of any kind that `train` takes; by default the bundled
            ones.
        dev: The same; it chooses the checkpoint. By default a tenth of the data, with its share of
            every label.
        output: Folder of the model; by default a temporary one, which lives as long as the result.
        settings: How; by default those of `FinetuneSettings`.
        model: A bundled encoder, a folder, a hub id or a `SentenceTransformer`, which stays.
        columns: Names of the columns, where they are others.
        regression: Whether the labels are scores.
        resume: Continue from the last checkpoint in ``output``.
        overwrite: Replace an earlier run in ``output``.
        allow_changed: What a resumed run may have otherwise than it was started with.
        options: Fields of `FinetuneSettings`, as ``r_drop``.

    Raises:
        UsageError: When there is no such option; names the nearest.
        InputError: When the data cannot be read; names the row.

    Further errors are those of `sentemb.finetuning.finetune`.
    """
    with phase("loading the libraries"):
        from sentemb.encoders.build import model_name
        from sentemb.finetuning import FinetuneSettings
        from sentemb.finetuning import finetune as run
        from sentemb.finetuning.run import metric_of
        from sentemb.finetuning.split import split_off
    from sentemb.runs.run_result import Provenance, name_of_model

    known = [field.name for field in fields(FinetuneSettings)]
    given = known_options(options, known, "finetune")
    settings = replace(settings or FinetuneSettings(), **given)
    if data is None and dev is not None:
        raise UsageError("`dev` is given without `data`: give both.")
    layouts, dev_name = SCORED if regression else LABELLED, name_of(dev, "bundled:topics.tsv")
    rows = as_training_data(bundled("topics.tsv") if data is None else data, layouts, columns)
    if data is None:
        rows, held = _every_fourth(rows, held=False), _every_fourth(rows, held=True)
    elif dev is None:
        rows, held = split_off(rows)
        dev_name = f"a tenth of {rows.source}"
        logger.info(
            "dev: %s of the %s rows, drawn from every label alike",
            f"{len(held.rows):,}",
            f"{len(rows.rows) + len(held.rows):,}",
        )
    else:
        held = as_training_data(dev, layouts, columns, classes=rows.classes, name="dev")
    kinds = [kind_of(each.rows.column_names) for each in (rows, held)]
    if kinds[0] != kinds[1]:
        names = name_of(data, None) or "data", name_of(dev, None) or "dev"
        raise InputError(
            f"{names[0]} has {kinds[0]}, {names[1]} has {kinds[1]}: give two of one kind."
        )
    _tell(data, rows)
    found = run(
        model,
        rows,
        held,
        None if output is None else Path(output),
        settings,
        resume=resume,
        overwrite=overwrite,
        allow_changed=allow_changed,
        provenance=Provenance(
            model=name_of_model(model_name(model)),
            data=name_of(data, "bundled:topics.tsv"),
            dev=dev_name,
        ),
    )
    _draw(found)
    score = metric_of(settings, len(rows.classes))
    logger.info(found.summary(), extra={"table": True, "score": score})
    return found


def _draw(run: "RunResult") -> None:
    """Leave a picture of the training in a folder that stays."""
    from sentemb.runs.checkpoint_commit import OF_A_RUN
    from sentemb.runs.processes import processes
    from sentemb.runs.training_picture import leave_picture

    if run.temporary is None and processes().is_main_process:
        with phase("drawing"):
            leave_picture(run.output, OF_A_RUN)


def _tell(given: object, data: "TrainingData") -> None:
    if given is None:
        logger.info("data: bundled topics.tsv, every fourth row for dev")
    elif data.classes:
        logger.info("%d labels: %s", len(data.classes), ", ".join(data.classes[:8]))


def _every_fourth(data: "TrainingData", *, held: bool) -> "TrainingData":
    """Return every fourth row, or the others."""
    chosen = [row for row in range(len(data.rows)) if (row % 4 == 3) == held]
    return replace(data, rows=data.rows.select(chosen))


def predict(
    model: "str | os.PathLike[str] | FinetuneRun",
    data: "Data",
    *,
    columns: Sequence[str] | None = None,
    label_column: str | None = None,
    batch_size: int = 64,
    max_length: int = 128,
    device: str | None = None,
) -> "Predictions":
    """Return the label and its probability, or the score, of every row, as ``sentemb predict``.

    Where the data has labels or scores too, what is returned says how far the answers are right.

    Args:
        model: What `finetune` returned or left, or any classifier of transformers.
        data: Texts or pairs, of any kind that `train` takes.
        columns: The column of a text, or the two of a pair, where they have other names.
        label_column: The column of labels, or of scores, where it has another name.
        batch_size: Rows of a forward.
        max_length: Tokens that a row is cut to.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; by default the GPU if there is one.

    Raises:
        InputError: When the model is not a classifier, or the data cannot be read.
        UsageError: When the model gives a row several labels.
    """
    from sentemb.finetuning.predict import predictions
    from sentemb.runs.run_result import RunResult

    named = model.output if isinstance(model, RunResult) else model
    inputs = read_marked_inputs(data, INPUTS, columns, label_column)
    return predictions(named, inputs, batch_size, max_length, device)
