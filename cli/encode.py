"""``sentemb encode``."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    batch_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens of a forward; by default 1024 on a CPU, 32768 on a GPU."),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="fp32; or fp16 or bf16, faster on a GPU, at about three digits.")
    ] = "fp32",
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
    from sentemb.errors import UsageError

    target = _target(source, output, overwrite=overwrite)
    if as_json and not isinstance(target, Path):
        raise UsageError("--json and -o - both want stdout: give one of them.")
    if model in EMBEDDED_ENCODERS:
        console.log(f"model: {model} (embedded)")
    total = sum(1 for _ in read_texts(source, column)) if Path(source).is_file() else None
    texts = _stdin() if source == "-" else read_texts(source, column)

    from sentemb.inference import encode_file
    from sentemb.inference.plain import load_encoder

    console.quieten_before_import()
    encoder = load_encoder(model)
    with _progress(total) as progress:
        summary = encode_file(encoder, texts, target, batch_tokens, precision, progress)
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
    if path.exists() and path.resolve() == Path(source).resolve():
        raise UsageError(f"'{path}' is the input: give another --output.")
    if path.exists() and not overwrite:
        raise UsageError(f"Output '{path}' exists: give another --output, or --overwrite.")
    if not path.parent.is_dir():
        raise UsageError(f"No folder '{path.parent}' to write '{path.name}' into.")
    return path


def _stdin() -> Iterator[str]:
    from sentemb.datasets.files import read_stream

    return (row["text"] for _, row in read_stream(sys.stdin.buffer, "stdin"))


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[int], object]]:
    """Show a bar on a terminal, else a line every ten seconds."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(total=total, unit=" rows", file=sys.stderr) as bar:
            yield lambda rows: bar.update(rows - bar.n)
        return
    started = last = time.monotonic()

    def show(rows: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 10:
            last = now
            of = f" of {total:,}" if total else ""
            console.log(f"{rows:,}{of} rows, {rows / (now - started):,.0f} rows/s")

    yield show
