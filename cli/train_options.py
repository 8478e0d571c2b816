"""The options of ``sentemb train``: types, help, and the panel each is shown in."""

from pathlib import Path
from typing import Annotated

import typer

from .recipes import METHODS

DATA, METHOD, RUN, SPEED = "What is trained", "How it contrasts", "How it runs", "Optimisation"

Method = Annotated[str, typer.Option("--method", "-m", help=f"One of: {', '.join(METHODS)}.")]
Data = Annotated[
    str | None,
    typer.Option(
        help="File (txt, csv, tsv, json, jsonl, parquet, arrow, also .gz) or hub data set; by "
        "default what is bundled for the method.",
        rich_help_panel=DATA,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        help="Columns of the file, where they are not called text; anchor, positive and "
        "negative; text and label; or sentence1, sentence2 and label or score: names with commas "
        "between, in that order.",
        rich_help_panel=DATA,
    ),
]
Model = Annotated[
    str,
    typer.Option(help="Embedded encoder, folder or hub id.", rich_help_panel=DATA),
]
Pooling = Annotated[
    str | None,
    typer.Option(
        help="cls, cls_before_pooler, mean, lasttoken, avg_top2, avg_first_last or "
        "avg_embedding_last; by default the model's own, or the method's for a raw encoder.",
        rich_help_panel=DATA,
    ),
]
Prompt = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=TEXT",
        help="What is put before the texts of a column, as anchor='query: '; once for each. It is "
        "saved with the model; by default the model's own default prompt.",
        rich_help_panel=DATA,
    ),
]
Dev = Annotated[
    str | None,
    typer.Option(
        help="Graded pairs (sentence1, sentence2, score) that choose the best checkpoint.",
        rich_help_panel=DATA,
    ),
]
View = Annotated[
    list[str] | None,
    typer.Option(
        help="In place of the method's views, as feature-cutoff:0.2, eda:alpha=0.2,"
        "keep-negations=yes or crop+shuffle; once for each, or once for all. sentemb views "
        "lists them.",
        rich_help_panel=METHOD,
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        help="In place of the method's loss, as flatnce:0.05, or a sum, as "
        "infonce+0.1*vicreg. sentemb views lists them.",
        rich_help_panel=METHOD,
    ),
]
Matryoshka = Annotated[
    str | None,
    typer.Option(
        help="The loss also of the first dimensions alone, as 64,32; the full length is always "
        "among them.",
        rich_help_panel=METHOD,
    ),
]
MaskIdentical = Annotated[
    bool,
    typer.Option(
        help="Identical texts of a batch are no negatives of each other.",
        rich_help_panel=METHOD,
    ),
]
MaskAbove = Annotated[
    float | None,
    typer.Option(
        help="Candidates of a greater cosine with the anchor are no negatives, as 0.9.",
        rich_help_panel=METHOD,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Model folder; by default runs/METHOD."),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        help="Rows a batch, of each process; by default the method's.", rich_help_panel=SPEED
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        "--lr",
        help="Peak of the linear decay, by default the method's.",
        rich_help_panel=SPEED,
    ),
]
Epochs = Annotated[
    float | None,
    typer.Option(help="Passes over the data, by default the method's.", rich_help_panel=SPEED),
]
MaxSteps = Annotated[
    int, typer.Option(help="Optimizer steps, instead of epochs.", rich_help_panel=SPEED)
]
MaxLength = Annotated[
    int | None,
    typer.Option(help="Tokens a text is truncated to in training.", rich_help_panel=SPEED),
]
MicroBatch = Annotated[
    int,
    typer.Option(
        help="Rows the encoder takes at once, as 32, for batches larger than memory; each is "
        "computed twice. 0: the whole batch.",
        rich_help_panel=SPEED,
    ),
]
Packed = Annotated[
    bool,
    typer.Option(
        "--packed/--no-packed",
        help="Leave padding out where the encoder's vectors stay the same, which is faster.",
        rich_help_panel=SPEED,
    ),
]
Accumulation = Annotated[
    int,
    typer.Option(help="Batches a step; they give no more negatives.", rich_help_panel=SPEED),
]
Warmup = Annotated[
    float | None,
    typer.Option(
        help="Rate of the steps to warm up over, by default the method's.",
        rich_help_panel=SPEED,
    ),
]
WeightDecay = Annotated[
    float | None,
    typer.Option(help="Of AdamW, by default the method's.", rich_help_panel=SPEED),
]
MaxGradNorm = Annotated[
    float | None,
    typer.Option(
        help="Clip gradients to this norm; 0: never. By default 1, and never for FlatNCE.",
        rich_help_panel=SPEED,
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        help="auto, fp32, bf16 or fp16; auto is fp16 on a GPU, fp32 on a CPU.",
        rich_help_panel=SPEED,
    ),
]
Select = Annotated[
    str,
    typer.Option(
        help="Which checkpoint becomes the model: spearman (on --dev), held-out-loss (needs "
        "no graded pairs), last; auto is spearman where there is a dev set, else last.",
        rich_help_panel=RUN,
    ),
]
EvalSteps = Annotated[
    int | None,
    typer.Option(help="Steps between evaluations, by default the method's.", rich_help_panel=RUN),
]
SaveSteps = Annotated[
    int,
    typer.Option(help="Steps between checkpoints where none is selected.", rich_help_panel=RUN),
]
OnCollapse = Annotated[
    str,
    typer.Option(help="When all embeddings come to one point: warn or stop.", rich_help_panel=RUN),
]
MaxBadSteps = Annotated[
    int,
    typer.Option(
        help="Stop after so many steps in a row whose loss or gradient is no number; each is "
        "skipped.",
        rich_help_panel=RUN,
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of everything.", rich_help_panel=RUN)]
Seeds = Annotated[
    str | None,
    typer.Option(
        help="Several runs, as 0-4 or 1,7,42: a folder each, and their spread.",
        rich_help_panel=RUN,
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", "--num-workers", help="Processes that tokenise ahead.", rich_help_panel=RUN
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on from the last checkpoint; with --seeds, with what is left of them.",
        rich_help_panel=RUN,
    ),
]
AllowChanged = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-changed",
        metavar="NAME",
        help="Resume although this is not as it was when the run was started, as learning_rate "
        "or data; once for each.",
        rich_help_panel=RUN,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Start afresh in the folder of an earlier run.", rich_help_panel=RUN
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON object.", rich_help_panel=RUN),
]
