"""Encode texts to a file as a job that can be gone on with, or to a stream."""

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING

from sentemb.encoding.job import LOCK, Job, assemble, job_folder, remove
from sentemb.encoding.manifest import Assembled, Manifest
from sentemb.encoding.options import EncodeOptions, fixed
from sentemb.encoding.parts import Parts
from sentemb.encoding.run import Run
from sentemb.encoding.summary import EncodeSummary
from sentemb.encoding.writers import JsonlWriter, check_format
from sentemb.errors import UsageError
from sentemb.inference.plain import PlainEncoder
from sentemb.storage import locked, sha256

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Progress = Callable[[int], object]


def encode_file(
    encoder: "PlainEncoder | SentenceTransformer",
    texts: Iterable[str],
    output: Path | IO[bytes],
    options: EncodeOptions | None = None,
    overwrite: bool = False,
    progress: Progress = lambda rows: None,
) -> EncodeSummary:
    """Encode texts in order to a file, or as jsonl to a stream.

    What is done is kept beside the file, in a folder of its name and ``.parts``, until the file is
    whole. Called again with the same texts, an interrupted job goes on, and its file is the same to
    the byte as if it had not been interrupted. Memory is that of two windows of 4,096 rows.

    Args:
        encoder: A sentence-transformers model, or one loaded without that library.
        texts: One a row.
        output: A path ending in .npy, .jsonl, .parquet or .safetensors, or a binary stream.
        options: How.
        overwrite: Replace the file, and a job that was begun with other options or texts.
        progress: Called with the number of rows done after each window.

    Raises:
        UsageError: When the format is not known, the file exists, or the job was begun otherwise.
        InputError: When there is no text, or one is empty where none may be.
        NumericError: When an embedding is not finite; names the row.
        OutOfMemoryError: When memory does not suffice for one text; names the row.
        LockedError: When another process writes the same file.
        InterruptedRunError: When SIGINT or SIGTERM came; the window it came in is done.
    """
    options = options or EncodeOptions()
    if not isinstance(output, Path):
        return _encode_stream(encoder, texts, output, options, progress)
    check_format(output)
    folder = job_folder(output, options.shard)
    folder.mkdir(exist_ok=True)
    with locked(folder / LOCK, output):
        try:
            job = Job(folder, output.suffix, fixed(encoder, options), overwrite=overwrite)
            run = Run(encoder, options, job)
            if assembled := _in_place(job, output):
                remove(folder)
                return run.summary(assembled)
            if output.exists() and not overwrite and options.shard.of == 1:
                raise UsageError(f"Output '{output}' exists: give another, or overwrite it.")
            _follow(run, texts, progress)
            if options.shard.of > 1:
                return run.summary(None)
            return run.summary(assemble(job.parts(), job.manifest, folder, output))
        finally:
            if folder.is_dir() and Manifest(folder).is_empty:
                remove(folder)


def _follow(run: Run, texts: Iterable[str], progress: Progress) -> None:
    rows = 0
    for window in run.over(texts):
        rows += len(window.texts)
        progress(rows)


def _in_place(job: Job, output: Path) -> Assembled | None:
    """Return the output where an interrupted run had nothing left to do but to remove its parts."""
    assembled = job.manifest.assembled
    if assembled and output.is_file() and sha256(output) == assembled.sha256:
        return assembled
    return None


def _encode_stream(
    encoder: "PlainEncoder | SentenceTransformer",
    texts: Iterable[str],
    stream: IO[bytes],
    options: EncodeOptions,
    progress: Progress,
) -> EncodeSummary:
    """Write rows as they come; parts are kept for texts that come again, and removed at the end."""
    parts, writer = Parts(), JsonlWriter(stream)
    rows = truncated = 0
    with TemporaryDirectory(prefix="sentemb-") as folder:
        job = Job(Path(folder), ".jsonl", {}, overwrite=False)
        run = Run(encoder, options, job)
        for window in run.over(texts):
            parts.add(job.part(window.number), len(window.new))
            found = parts.rows(window.number)
            writer.write(found.texts, found.vectors)
            truncated += found.truncated
            rows += len(window.texts)
            progress(rows)
    return run.summary(Assembled(None, truncated, parts.dim))
