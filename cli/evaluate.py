"""``sentemb evaluate``."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from . import console

EXAMPLES = """Examples:

sentemb evaluate mini-sentemb

sentemb evaluate runs/mine --sts STSB.dev.tsv STSB.test.tsv

sentemb evaluate mini --pooling mean --json"""

NUMBERS = (
    "spearman",
    "spearman_mean",
    "spearman_wmean",
    "pearson",
    "alignment",
    "uniformity",
)


def evaluate(
    model: Annotated[
        str, typer.Argument(help="Embedded encoder, folder or hub id.")
    ] = "mini-sentemb",
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Further files of --sts.")
    ] = None,
    sts: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE...",
            help="Graded pairs: sentence1, sentence2, score and, for the means, subset; by "
            "default the embedded ones.",
        ),
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(help="Another pooling than the model's own.")
    ] = None,
    batch_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens of a forward; by default 1024 on a CPU, 32768 on a GPU."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score a model on semantic textual similarity, and its alignment and uniformity.

    Spearman and Pearson are x 100. spearman is over all pairs of a file at once ("all"); with
    subsets, mean and wmean are over them. Alignment is of pairs scored above 4, uniformity of all
    unique sentences.
    """
    from sentemb.datasets import read_sts
    from sentemb.embedded import embedded
    from sentemb.encoders import build_encoder
    from sentemb.errors import UsageError
    from sentemb.evaluation.once import EncodeOnce
    from sentemb.inference.embedder import Embedder
    from sentemb.inference.plain import load_encoder

    console.quieten_before_import()
    if Path(model).is_file():
        raise UsageError(f"'{model}' is a file; the model comes first: evaluate MODEL --sts FILE…")
    files = [*(sts or []), *(more or [])]
    if not files:
        files = [embedded("graded.tsv")]
        console.log("graded pairs: embedded graded.tsv")
    tasks = [read_sts(file) for file in files]
    if len({task.name for task in tasks}) < len(tasks):
        tasks = [replace(task, name=str(file)) for task, file in zip(tasks, files, strict=True)]
    encoder = (
        build_encoder(model, pooling=pooling)  # type: ignore[arg-type]
        if pooling
        else load_encoder(model)
    )
    results = {}
    with Embedder(encoder, batch_tokens) as embedder:
        encode = EncodeOnce(embedder.encode)
        for task in tasks:
            if task.ungraded:
                console.log(f"{task.name}: {task.ungraded} rows without a score left out")
            results[task.name] = {"pairs": len(task.scores), **task(encode)}
    if as_json:
        console.print_json("evaluate", {"model": model, "results": results})
    else:
        _print_table(model, results)


def _print_table(model: str, results: dict[str, dict[str, float]]) -> None:
    shown = [name for name in NUMBERS if any(name in numbers for numbers in results.values())]
    rows = []
    for task, numbers in results.items():
        cells = [console.number(name, numbers.get(name)) for name in shown]
        rows.append([task, f"{numbers['pairs']:,}", *cells])
    console.show(console.table([model, "pairs", *(n.replace("_", " ") for n in shown)], rows))
