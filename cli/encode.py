"""``sentemb encode``."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Annotated

import typer

from . import console

EXAMPLES = """Examples:

sentemb encode file.txt

sentemb encode reviews.csv --column review --model runs/mine -o reviews.parquet

cat file.txt | sentemb encode - -o -"""


def encode(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="txt, csv, tsv, jsonl, parquet, each also .gz; - is stdin."
        ),
    ],
    model: Annotated[
        str, typer.Option(help="Embedded encoder, folder or hub id.")
    ] = "mini-sentemb",
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="File ending in .npy, .jsonl, .parquet or .safetensors; - is jsonl to stdout. By "
            "default the input's name with .npy.",
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Column that holds the texts.")] = "text",
    batch_size: Annotated[int, typer.Option(min=1, help="Sentences a forward.")] = 32,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output file.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object.")
    ] = False,
) -> None:
    """Write an embedding for every row of a file, in order, blank rows included."""
    from sentemb.datasets import read_texts
    from sentemb.embedded import EMBEDDED_ENCODERS
    from sentemb.errors import InputError, UsageError

    target = _target(source, output, overwrite=overwrite)
    if as_json and not isinstance(target, Path):
        raise UsageError("--json and -o - both want stdout: give one of them.")
    if source != "-" and not Path(source).exists():
        raise InputError(f"No file '{source}'.")
    if model in EMBEDDED_ENCODERS:
        console.log(f"model: {model} (embedded)")
    texts = _stdin() if source == "-" else read_texts(source, column)

    from sentemb.encoders import build_encoder
    from sentemb.inference import encode_file

    console.quieten_libraries()
    encoder = build_encoder(model)
    summary = encode_file(encoder, texts, target, batch_size, _progress())
    console.log(
        f"{summary.rows:,} rows x {summary.dim} in {summary.seconds:.1f} s; "
        f"{summary.empty_rows:,} empty, {summary.truncated_rows:,} truncated at "
        f"{encoder.max_seq_length} tokens: {target if isinstance(target, Path) else 'stdout'}"
    )
    if as_json:
        from dataclasses import asdict

        console.print_json(
            "encode", {"model": model, "output": str(target), "summary": asdict(summary)}
        )


def _target(source: str, output: str | None, *, overwrite: bool) -> Path | IO[bytes]:
    from sentemb.errors import UsageError
    from sentemb.inference.writers import check_format

    if output == "-":
        return sys.stdout.buffer
    if output is None and source == "-":
        raise UsageError("Reading stdin, the output needs a name: give --output FILE, or -o -.")
    path = Path(output) if output else Path(source.removesuffix(".gz")).with_suffix(".npy")
    check_format(path)
    if path.exists() and not overwrite:
        raise UsageError(f"Output '{path}' exists: give another --output, or --overwrite.")
    if not path.parent.is_dir():
        raise UsageError(f"No folder '{path.parent}' to write '{path.name}' into.")
    return path


def _stdin() -> Iterator[str]:
    from sentemb.datasets.files import read_stream

    return (row["text"] for _, row in read_stream(sys.stdin.buffer, "stdin"))


def _progress() -> Callable[[int], None]:
    """Show rows and rows a second: in place on a terminal, else a line every ten seconds."""
    started = last = time.monotonic()

    def show(rows: int) -> None:
        nonlocal last
        now = time.monotonic()
        line = f"{rows:,} rows, {rows / max(now - started, 1e-9):,.0f} rows/s"
        if sys.stderr.isatty():
            typer.echo(f"\r{line}", err=True, nl=False)
        elif now - last >= 10:
            last = now
            console.log(line)

    return show
