"""Options that are declared by hand: those that several commands have, and long ones.

What a shell completes in them is read from the source, so that no library is imported.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from sentemb import signatures
from sentemb.bundled import BUNDLED_ENCODERS
from sentemb.signatures import METHODS
from sentemb.table import Format

DATA, METHOD, RUN, SPEED = "What is trained", "How it contrasts", "How it runs", "Optimisation"
TERM = re.compile(r"(?:.*\+)?\s*(?:[0-9.]+\*)?")
"""What stands before the last name of a sum, as ``infonce+0.1*``."""
Complete = Callable[[str], list[str]]


def complete_one_of(names: Iterable[str]) -> Complete:
    """Return a completion for an option that takes one of these names."""
    known = list(names)

    def complete(incomplete: str) -> list[str]:
        return [name for name in known if name.startswith(incomplete)]

    return complete


def complete_methods(incomplete: str) -> list[str]:
    """Complete the name of a method."""
    return complete_one_of(signatures.METHODS)(incomplete)


def complete_methods_and_models(incomplete: str) -> list[str]:
    """Complete what ``sentemb compare`` takes."""
    return complete_one_of([*signatures.METHODS, *BUNDLED_ENCODERS])(incomplete)


def complete_models(incomplete: str) -> list[str]:
    """Complete the name of a bundled encoder; for a folder the shell completes files."""
    return complete_one_of(BUNDLED_ENCODERS)(incomplete)


def complete_poolings(incomplete: str) -> list[str]:
    """Complete the name of a pooling."""
    return complete_one_of(signatures.choices("sentemb.encoders.poolings", "PoolingName"))(
        incomplete
    )


def complete_suites(incomplete: str) -> list[str]:
    """Complete the name of a suite."""
    return complete_one_of(signatures.keys("sentemb.suites.catalogue", "SUITES"))(incomplete)


def complete_losses(incomplete: str) -> list[str]:
    """Complete the last name in a sum of losses."""
    from sentemb.notation import LOSSES

    return _last_of_sum(LOSSES, incomplete)


def complete_views(incomplete: str) -> list[str]:
    """Complete the last name in a view, or in views joined by +."""
    from sentemb.notation import CLEAN, STAGES

    return _last_of_sum([CLEAN, *(name for stage in STAGES.values() for name in stage)], incomplete)


def _last_of_sum(names: Iterable[str], incomplete: str) -> list[str]:
    before = TERM.match(incomplete)
    start = before[0] if before else ""
    return [start + name for name in names if name.startswith(incomplete.removeprefix(start))]


Method = Annotated[
    str,
    typer.Option(
        "--method",
        "-m",
        help=f"One of: {', '.join(METHODS)}.",
        autocompletion=complete_methods,
    ),
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]FILE",
        help="File (txt, csv, tsv, json, jsonl, parquet, arrow, also .gz and .zst) or hub data "
        "set. By default, the data bundled for the method. Repeat it for several data sets: each "
        "batch has rows of one of them. By default, a data set has the name of its file.",
        rich_help_panel=DATA,
    ),
]
SourceLoss = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=LOSS",
        help="Loss of one of several data sets, for example graded=cosent; the others have the "
        "method's. Repeat it for several.",
        rich_help_panel=DATA,
    ),
]
SourceWeight = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=NUMBER",
        help="Share of the batches of one of several data sets; of the others 1. Repeat it for "
        "several.",
        rich_help_panel=DATA,
    ),
]
Mixing = Annotated[
    str | None,
    typer.Option(
        help="Batches of several data sets: proportional (to their rows), round-robin or weights. "
        "By default weights where there is one, else proportional.",
        rich_help_panel=DATA,
        autocompletion=complete_one_of(("proportional", "round-robin", "weights")),
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        help="Columns of the file, if their names are not the expected ones (text; anchor, "
        "positive and negative; text and label; or sentence1, sentence2 and label or score): "
        "names separated by commas, in that order.",
        rich_help_panel=DATA,
    ),
]
Model = Annotated[
    str,
    typer.Option(
        help="Bundled encoder, folder or hub id.",
        rich_help_panel=DATA,
        autocompletion=complete_models,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="cpu, cuda, cuda:1 or mps; by default the GPU if there is one.",
        autocompletion=complete_one_of(("cpu", "cuda", "mps")),
    ),
]
Pooling = Annotated[
    str | None,
    typer.Option(
        help="cls, cls_before_pooler, mean, lasttoken, weightedmean, avg_top2, avg_first_last, "
        "avg_embedding_last or mask; by default the model's own, or the method's for a raw one.",
        rich_help_panel=DATA,
        autocompletion=complete_poolings,
    ),
]
Prompt = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=TEXT",
        help="Text to put before the texts of a column, for example anchor='query: '. Repeat it "
        "for several columns. It is saved with the model. By default, the model's own default "
        "prompt.",
        rich_help_panel=DATA,
    ),
]
IncludePrompt = Annotated[
    bool | None,
    typer.Option(
        "--include-prompt/--no-include-prompt",
        help="Whether tokens of prompts are pooled; by default as the model has it.",
        rich_help_panel=DATA,
    ),
]
Lora = Annotated[
    str | None,
    typer.Option(
        metavar="r=N,...",
        help="Train small matrices of rank r beside the model's layers in their place (LoRA; extra "
        "lora), as r=16,alpha=32,dropout=0.05; alpha is 2r and dropout 0.05 by default. The saved "
        "model has them merged; for peft they are in its folder adapter.",
        rich_help_panel=DATA,
    ),
]
Bidirectional = Annotated[
    bool,
    typer.Option(
        "--bidirectional",
        help="Let every token of a decoder see all others, as in LLM2Vec. It is saved with the "
        "model.",
        rich_help_panel=DATA,
    ),
]
SentenceAround = Annotated[
    str | None,
    typer.Option(
        help="Put a sentence around each text and pool its last token: echo (the text twice) or "
        'prompteol (This sentence : "..." means in one word:"). It is saved with the model.',
        rich_help_panel=DATA,
        autocompletion=complete_one_of(("echo", "prompteol")),
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
        help="Replaces the method's views, for example feature-cutoff:0.2, "
        "eda:alpha=0.2,keep-negations=yes or crop+shuffle. Give it once for all views, or "
        "once per view. sentemb views lists them.",
        rich_help_panel=METHOD,
        autocompletion=complete_views,
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        help="Replaces the method's loss, for example flatnce:0.05, or a sum: infonce+0.1*vicreg. "
        "sentemb views lists them.",
        rich_help_panel=METHOD,
        autocompletion=complete_losses,
    ),
]
Matryoshka = Annotated[
    str | None,
    typer.Option(
        help="Apply the loss to the first dimensions alone as well, for example 64,32. The full "
        "length is always included.",
        rich_help_panel=METHOD,
    ),
]
MaskAbove = Annotated[
    float | None,
    typer.Option(
        help="Never use candidates whose cosine with the anchor is higher than this as negatives, "
        "for example 0.9.",
        rich_help_panel=METHOD,
    ),
]
Score = Annotated[
    str | None,
    typer.Option(
        help="What the loss compares embeddings by: cosine (the default), dot or bilinear, at the "
        "length they have, or l1 or l2, minus a distance at length 1. What bilinear learns is "
        "saved as the model's last linear layer.",
        autocompletion=complete_one_of(
            signatures.choices("sentemb.losses.compared_by", "ScoreName")
        ),
        rich_help_panel=METHOD,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Model folder; by default runs/METHOD."),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        help="Train once per seed, for example 0-4 or 1,7,42: a folder each, and their spread.",
        rich_help_panel=RUN,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue from the last checkpoint; with --seeds, train the seeds that are left.",
        rich_help_panel=RUN,
    ),
]
AllowChanged = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-changed",
        metavar="NAME",
        help="Resume although this changed since the run was started, for example learning_rate or "
        "data. Repeat it for several.",
        rich_help_panel=RUN,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Start afresh in the folder of an earlier run.", rich_help_panel=RUN
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Read options from TOML (batch-size = 64), or repeat the run of a run.json. Flags "
        "win.",
        rich_help_panel=RUN,
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option(
        "--print-config",
        help="Print every option and where its value comes from, as TOML for --config. Nothing is "
        "trained.",
        rich_help_panel=RUN,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Write nothing. Show the rows and steps of the run, and its memory and time, measured "
        "by a few steps.",
        rich_help_panel=RUN,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON object.", rich_help_panel=RUN),
]
Style = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="Print one table in this format, one row per model, with full precision in csv; json "
        "prints everything.",
        rich_help_panel=RUN,
    ),
]

ModelArgument = Annotated[
    str,
    typer.Argument(help="Bundled encoder, folder or hub id.", autocompletion=complete_models),
]
AnyModel = Annotated[
    str,
    typer.Option(help="Bundled encoder, folder or hub id.", autocompletion=complete_models),
]
Texts = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="Texts: txt, csv, tsv, json, jsonl, parquet, arrow, each also .gz and .zst, or what "
        "sentemb encode wrote with its texts; - is stdin.",
    ),
]
Column = Annotated[str, typer.Option(help="Column that holds the texts.")]
BatchTokens = Annotated[
    int | None,
    typer.Option(
        min=1, help="Tokens per forward pass; by default 512 on a CPU, by free memory on a GPU."
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Texts per forward pass, instead of tokens; with --batch-tokens, both limits hold.",
    ),
]
ModelPooling = Annotated[
    str | None,
    typer.Option(
        help="Use another pooling than the model's own.", autocompletion=complete_poolings
    ),
]
Suites = Annotated[
    list[str] | None,
    typer.Option(
        help="sts, sts-zh, transfer, retrieval, clustering, pairs, negation. Repeat for several.",
        autocompletion=complete_suites,
    ),
]
SuiteFolder = Annotated[
    Path | None,
    typer.Option(
        *("--data-folder", "--data"),
        envvar="SENTEMB_DATA",
        help="Folder with the files of the suites; SentEval's folder works.",
    ),
]
CrossModal = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE...",
        help="Table with two or three columns of texts, pictures and sounds, or a folder with a "
        "metadata.csv: how well each two find each other.",
    ),
]
Vectors = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="File ending in .npy, .jsonl, .parquet, .csv or .safetensors; its folder is created. "
        "- writes jsonl to stdout. By default, the input's name with .npy.",
    ),
]
InvalidRows = Annotated[
    str,
    typer.Option(
        help="What to do with a row that is not valid UTF-8: replace its invalid bytes by U+FFFD, "
        "skip it, or stop (strict). Such rows are counted. Names of columns are never "
        "skipped; parquet must be UTF-8."
    ),
]
LeastScore = Annotated[
    str | None,
    typer.Option(
        *("--min-score", "--min"),
        metavar="COSINE|FILE",
        help="The least cosine of a hit, or a file of sentemb calibrate.",
    ),
]
OverwriteJob = Annotated[
    bool, typer.Option("--overwrite", help="Replace the output, and a job begun otherwise.")
]
LikePicture = Annotated[
    list[Path] | None,
    typer.Option("--image", metavar="FILE", help="Find what is like a picture."),
]
LikeSound = Annotated[
    list[Path] | None, typer.Option("--audio", metavar="FILE", help="Find what is like a sound.")
]
Modality = Annotated[
    str | None,
    typer.Option(
        help="What the rows hold in the place of texts: picture or sound, as names of files or as "
        "bytes, for a model that was trained on them. A folder of one kind says so by its files.",
        autocompletion=complete_one_of(("picture", "sound")),
    ),
]
OneShard = Annotated[
    str | None,
    typer.Option(metavar="I/N", help="Encode every N-th window; sentemb merge joins them."),
]
Fast = Annotated[
    str | None,
    typer.Option(
        help="Encode with a static or int8 export of the model. It is made once and kept in the "
        "cache; what it costs and gains is logged.",
        autocompletion=complete_one_of(("static", "int8")),
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Encode one file with a process per device: cuda:0,cuda:1, or 0,1 for the same, or "
        "all for every GPU.",
    ),
]
Predictions = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="File ending in .jsonl, .csv, .tsv or .parquet; - is jsonl to stdout.",
    ),
]
OutputTexts = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="File ending in .txt, .jsonl, .csv, .tsv or .parquet; - is jsonl to stdout. By "
        "default a table for people.",
    ),
]
OutputRows = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="File ending in .jsonl, .csv, .tsv or .parquet; - is jsonl to stdout. By default a "
        "table for people.",
    ),
]
GivenVectors = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Vectors of the rows: a .npy or .safetensors file that sentemb encode wrote.",
    ),
]
Confusion = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Draw the confusion matrix: .png, .pdf or .svg (extra plot).",
    ),
]
Scored = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL]... [FILE]...",
        help="Bundled encoders, folders or hub ids; several are shown side by side, and a folder "
        "of seed-0, seed-1, … is one model. Further files for --sts or the like follow.",
        show_default="mini-sentemb",
        autocompletion=complete_models,
    ),
]
ReportStyle = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="Print models as rows and tasks as columns in this format, with the average and its "
        "95 % bootstrap interval over the rows; json prints everything. By default, tables of "
        "all numbers.",
    ),
]
ABSTAINING = "When to abstain"
LabelTexts = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Zero-shot: a label a line; or columns label and text, where a label may have several "
        "texts.",
    ),
]
Template = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT",
        help="A sentence with {} in the place of a label's text; repeatable.",
        show_default='"This text is about {}."; of pictures "a photo of {}.", of sounds "This is '
        'a sound of {}."',
    ),
]
TrueLabels = Annotated[
    str | None, typer.Option(help="Column of the true labels, where it is not called label.")
]
AbstainBy = Annotated[
    str,
    typer.Option(
        help="margin: the lead of the best label over the second; or probability.",
        rich_help_panel=ABSTAINING,
        autocompletion=complete_one_of(("margin", "probability")),
    ),
]
AbstainBelow = Annotated[
    float | None,
    typer.Option(help="Abstain where that is lower.", rich_help_panel=ABSTAINING),
]
AtMost = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        help="Abstain as much as needed to bound the error rate of new rows by this; needs true "
        "labels.",
        rich_help_panel=ABSTAINING,
    ),
]
Confidence = Annotated[
    float, typer.Option(help="Probability that the bound holds.", rich_help_panel=ABSTAINING)
]
DocumentScore = Annotated[
    str,
    typer.Option(
        metavar="max|mean",
        help="Score a document by its best text (max), or by the mean of its texts' vectors, "
        "in which a chunk counts as often as it has tokens (mean).",
        autocompletion=complete_one_of(("max", "mean")),
    ),
]
PromptOfQueries = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Prompt of the model before queries; by default its prompt called query, or its "
        "default prompt.",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITION",
        help="On columns of the rows, as \"lang == 'en' and year >= 2020\".",
    ),
]
PromptOfDocuments = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Prompt of the model before the texts; by default its prompt for documents "
        "(document, passage or corpus), or its default prompt.",
    ),
]
ChunksOfIndex = Annotated[
    str | None,
    typer.Option(
        metavar="tokens=N,overlap=N",
        help="Cut texts into chunks of so many tokens, each of which has a vector; with ,late "
        "behind it, each text is read whole first. With --add as the index has it.",
    ),
]
ShownViews = Annotated[
    list[str] | None,
    typer.Option(
        help="Show only these views, for example crop:0.5. By default, all.",
        autocompletion=complete_views,
    ),
]
PromptOfModels = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Prompt of the models to put before texts; in retrieval, queries and documents get "
        "the prompts that a model has for them. By default a model's default prompt.",
    ),
]
TaughtTexts = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Texts to train --static on: their vectors are to be the encoder's. Takes "
        "minutes, and loses much less.",
    ),
]
