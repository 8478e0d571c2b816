"""``sentemb train``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import console
from .losses import LOSSES
from .recipes import DEFAULT_METHOD, METHODS, find_recipe

EXAMPLES = """Examples:

sentemb train --method simcse-unsup --max-steps 5

sentemb train --method simcse-sup --pooling mean --batch-size 64 --max-steps 5 -o runs/mine

sentemb train --view shuffle --view feature-cutoff:0.2 --loss flatnce --max-steps 5 -o runs/cross

sentemb train --method simcse-sup --help"""

DATA, METHOD, RUN, SPEED = "What is trained", "How it contrasts", "How it runs", "Optimisation"


def train(
    method: Annotated[
        str, typer.Option("--method", "-m", help=f"One of: {', '.join(METHODS)}.")
    ] = DEFAULT_METHOD,
    data: Annotated[
        str | None,
        typer.Option(
            help="File (txt, csv, tsv, jsonl, parquet, each also .gz) or hub data set; by default "
            "what is embedded for the method.",
            rich_help_panel=DATA,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns of the file, where they are not called text; anchor, positive and "
            "negative; or sentence1, sentence2, label: names with commas between, in that order.",
            rich_help_panel=DATA,
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="Embedded encoder, folder or hub id.", rich_help_panel=DATA),
    ] = "mini",
    pooling: Annotated[
        str | None,
        typer.Option(
            help="cls, cls_before_pooler, mean, avg_top2, avg_first_last or avg_embedding_last; "
            "by default the model's own, or the method's for a raw encoder.",
            rich_help_panel=DATA,
        ),
    ] = None,
    dev: Annotated[
        str | None,
        typer.Option(
            help="Graded pairs (sentence1, sentence2, score) that choose the best checkpoint.",
            rich_help_panel=DATA,
        ),
    ] = None,
    view: Annotated[
        list[str] | None,
        typer.Option(
            help="In place of the method's views, as feature-cutoff:0.2, eda:alpha=0.2,"
            "keep-negations=yes or crop+shuffle; once for each, or once for all. sentemb views "
            "lists them.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            help=f"In place of the method's loss, as flatnce:0.05 or infonce+0.1*dimension-wise: "
            f"{', '.join(LOSSES)}.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    matryoshka: Annotated[
        str | None,
        typer.Option(
            help="The loss also of the first dimensions alone, as 128,64,32.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    mask_identical: Annotated[
        bool,
        typer.Option(
            help="Identical texts of a batch are no negatives of each other.",
            rich_help_panel=METHOD,
        ),
    ] = True,
    mask_above: Annotated[
        float | None,
        typer.Option(
            help="Candidates of a greater cosine with the anchor are no negatives, as 0.9.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Model folder; by default runs/METHOD."),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Rows a batch, by default the method's.", rich_help_panel=SPEED),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            "--lr",
            help="Peak of the linear decay, by default the method's.",
            rich_help_panel=SPEED,
        ),
    ] = None,
    epochs: Annotated[
        float | None,
        typer.Option(help="Passes over the data, by default the method's.", rich_help_panel=SPEED),
    ] = None,
    max_steps: Annotated[
        int, typer.Option(help="Optimizer steps, instead of epochs.", rich_help_panel=SPEED)
    ] = 0,
    max_length: Annotated[
        int | None,
        typer.Option(help="Tokens a text is truncated to in training.", rich_help_panel=SPEED),
    ] = None,
    accumulation: Annotated[
        int,
        typer.Option(help="Batches a step; they give no more negatives.", rich_help_panel=SPEED),
    ] = 1,
    warmup: Annotated[
        float | None,
        typer.Option(
            help="Rate of the steps to warm up over, by default the method's.",
            rich_help_panel=SPEED,
        ),
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(help="Of AdamW, by default the method's.", rich_help_panel=SPEED),
    ] = None,
    max_grad_norm: Annotated[
        float | None,
        typer.Option(
            help="Clip gradients to this norm; 0: never. By default 1, and never for FlatNCE.",
            rich_help_panel=SPEED,
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            help="auto, fp32, bf16 or fp16; auto is fp16 on a GPU, fp32 on a CPU.",
            rich_help_panel=SPEED,
        ),
    ] = "auto",
    select: Annotated[
        str,
        typer.Option(
            help="Which checkpoint becomes the model: spearman (on --dev), held-out-loss (needs "
            "no graded pairs), last; auto is spearman where there is a dev set, else last.",
            rich_help_panel=RUN,
        ),
    ] = "auto",
    eval_steps: Annotated[
        int | None,
        typer.Option(
            help="Steps between evaluations, by default the method's.", rich_help_panel=RUN
        ),
    ] = None,
    save_steps: Annotated[
        int,
        typer.Option(help="Steps between checkpoints where none is selected.", rich_help_panel=RUN),
    ] = 100,
    seed: Annotated[int, typer.Option(help="Seed of everything.", rich_help_panel=RUN)] = 42,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Several runs, as 0-4 or 1,7,42: a folder each, and their spread.",
            rich_help_panel=RUN,
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", "--num-workers", help="Processes that tokenise ahead.", rich_help_panel=RUN
        ),
    ] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint.", rich_help_panel=RUN)
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Start afresh in the folder of an earlier run.", rich_help_panel=RUN
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the result as one JSON object.", rich_help_panel=RUN),
    ] = False,
    method_options: dict[str, Any] | None = None,
) -> None:
    """Train an encoder; with nothing else given, on what comes with the package.

    sentemb train --method NAME --help also shows the options of that method.

    The model folder loads in plain sentence-transformers.
    """
    options = {k: v for k, v in locals().items() if k not in ("as_json", "resume", "overwrite")}
    from sentemb.errors import UsageError

    from .settings import parse_dims, parse_seeds, settings_from
    from .training_runs import Job, run_seeds

    recipe = find_recipe(method)
    console.quieten_libraries()
    job = Job(
        method=method,
        recipe=recipe,
        method_options=method_options or {},
        model=model,
        pooling=pooling,
        views=view or [],
        loss=loss,
        matryoshka=parse_dims(matryoshka),
        mask_above=mask_above,
        data=data,
        columns=columns.split(",") if columns else None,
        dev=dev,
        output=output or Path("runs") / method,
        settings=settings_from(recipe, options),
        resume=resume,
        overwrite=overwrite,
    )
    if seeds is not None and resume:
        raise UsageError("--resume goes on with one run: name it with --output and --seed.")
    result = run_seeds(job, parse_seeds(seeds) if seeds is not None else None)
    if as_json:
        console.print_json("train", result)
