"""``sentemb encode``."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from .. import console
from ..encode_summary import content, tell

if TYPE_CHECKING:
    from sentemb.datasets.faults import Faults
    from sentemb.encoding import Shard

EXAMPLES = """Examples:

sentemb encode file.txt

sentemb encode reviews.csv --column review --model runs/mine -o reviews.parquet

cat file.txt | sentemb encode - -o -

sentemb encode file.txt -o shared.npy --shard 1/2"""


def encode(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="txt, csv, tsv, json, jsonl, parquet, arrow, each also .gz and .zst; - is stdin.",
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
    errors: Annotated[
        str,
        typer.Option(
            help="For a row that is not UTF-8: replace what is none by U+FFFD, skip the row, or "
            "strict, an error. They are counted. Names of columns are never skipped; parquet must "
            "be UTF-8."
        ),
    ] = "replace",
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Encode every N-th window; sentemb merge joins them."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output, and a job begun otherwise.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object.")
    ] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Write an embedding for every row of a file, in order, rows of blank text included.

    A blank line of jsonl, or of a table of several columns, is no row; such lines are counted.

    Interrupted, it goes on when the same command is given again.
    """
    from sentemb.bundled import BUNDLED_ENCODERS
    from sentemb.datasets import read_texts
    from sentemb.datasets.faults import Faults
    from sentemb.encoding import EncodeOptions
    from sentemb.encoding.shards import Shard
    from sentemb.errors import UsageError, reading

    from ..early import check_models, without_effect

    part = Shard.parse(shard) if shard is not None else Shard()
    target = _target(source, output, part, overwrite=overwrite)
    if not isinstance(target, Path) and as_json:
        raise UsageError("--json and -o - both want stdout: give one of them.")
    without_effect("--overwrite", overwrite and not isinstance(target, Path), "an output file")
    if source == "-" and column != "text":
        raise UsageError("--column names a column of a file: stdin has lines of text alone.")
    if not isinstance(target, Path) and part.of > 1:
        raise UsageError("A shard is kept beside a file: name it with --output.")
    how = EncodeOptions(shard=part, **options)
    faults = Faults(errors)  # type: ignore[arg-type]
    if model in BUNDLED_ENCODERS:
        console.log(f"model: {model} (bundled)")
    total = None
    with reading():
        is_file = Path(source).is_file()
    check_models(model)
    if is_file:
        total = sum(1 for _ in read_texts(source, column, Faults(faults.errors)))
    texts = _stdin(faults) if source == "-" else read_texts(source, column, faults)
    if total is not None:
        texts = _as_counted(texts, total, source)

    console.quieten_before_import()
    from sentemb.encoding import encode_file
    from sentemb.inference.torch_only import load_encoder

    encoder = load_encoder(model)
    with _progress(total) as progress:
        summary = encode_file(encoder, texts, target, how, overwrite, progress, faults)
    named = str(target) if isinstance(target, Path) else "stdout"
    tell(summary, named, encoder.max_seq_length, part)
    if as_json:
        console.print_json("encode", {"model": model, "output": named, "summary": content(summary)})


def _target(
    source: str, output: str | None, shard: "Shard", *, overwrite: bool
) -> Path | IO[bytes]:
    from sentemb.datasets.lines import COMPRESSED
    from sentemb.encoding.folder import job_folder
    from sentemb.encoding.output import check_output, exists
    from sentemb.errors import UsageError

    if output == "-":
        return sys.stdout.buffer
    if output is None and source == "-":
        raise UsageError("Reading stdin, the output needs a name: give --output FILE, or -o -.")
    packed = Path(source).suffix.lower() in COMPRESSED
    plain = Path(source).with_suffix("") if packed else Path(source)
    path = Path(output) if output else plain.with_suffix(".npy")
    check_output(path)
    if path.exists() and path.resolve() == Path(source).resolve():
        raise UsageError(f"'{path}' is the input: give another --output.")
    if path.exists() and not (overwrite or job_folder(path, shard).exists()):
        raise exists(path)
    return path


def _as_counted(texts: Iterator[str], total: int, source: str) -> Iterator[str]:
    """Yield the texts of a file that was counted before, unless it has become shorter since."""
    from sentemb.errors import InputError

    rows = 0
    for rows, text in enumerate(texts, start=1):  # noqa: B007 -- the last number is their count
        yield text
    if rows < total:
        raise InputError(
            f"{source} became shorter while it was read: {total:,} rows were counted, and then "
            f"there were {rows:,}. Restore it, and give the same command again to go on."
        )
    if rows > total:
        console.warn(
            f"{source} became longer while it was read: {total:,} rows were counted, {rows:,} are "
            "encoded."
        )


def _stdin(faults: "Faults") -> Iterator[str]:
    from sentemb.datasets.files import read_stream
    from sentemb.datasets.texts import texts_of

    return texts_of(read_stream(sys.stdin.buffer, "stdin", faults), "text", "stdin", faults)


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
