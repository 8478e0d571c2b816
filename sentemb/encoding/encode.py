"""Encode texts to a file as a job that can be resumed, or to a stream."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING

from sentemb.datasets.faults import Faults
from sentemb.datasets.texts import TextRow
from sentemb.encoders.lengths import Reading
from sentemb.encoders.precision import require_precision
from sentemb.encoding.chunks import Chunks
from sentemb.encoding.counters import counted
from sentemb.encoding.encoding_run import EncodingRun
from sentemb.encoding.job import EncodingJob
from sentemb.encoding.job_folder import SEEN, job_folder, job_held, remove
from sentemb.encoding.manifest import Assembled
from sentemb.encoding.options import EncodeOptions, fixed
from sentemb.encoding.output_file import check_output, exists, in_place, spans_file
from sentemb.encoding.summary import EncodeSummary
from sentemb.encoding.writers import JsonlWriter
from sentemb.inference.shaping import require_dims
from sentemb.inference.token_encoder import TokenEncoder
from sentemb.inference.torch_only import width_of
from sentemb.modalities.tower_encoder import TowerEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Progress = Callable[[int], object]


def encode_file(
    encoder: "TokenEncoder | TowerEncoder | SentenceTransformer",
    texts: Iterable[str | TextRow],
    output: Path | IO[bytes],
    options: EncodeOptions | None = None,
    overwrite: bool = False,
    progress: Progress = lambda rows: None,
    faults: Faults | None = None,
) -> EncodeSummary:
    """Encode texts in order to a file, or as jsonl to a stream.

    What is done is kept beside the file, in a folder of its name and ``.parts``, until the file is
    whole. Called again with the same texts, an interrupted job resumes, and its file is the same
    to the byte as if it had not been interrupted. It needs memory for three windows of 4,096
    rows.

    Args:
        encoder: A sentence-transformers model, or one loaded without that library.
        texts: One a row; with ``keep_columns`` as `sentemb.datasets.texts.read_text_rows` has them.
        output: A path ending in .npy, .jsonl, .parquet, .csv or .safetensors, whose folder is made;
            or a binary stream.
        options: How.
        overwrite: Replace the file, and a job that was begun with other options or texts.
        progress: Called with the number of rows done after each window.
        faults: Where the reader of the texts counts what was wrong with them; the summary has it.

    Raises:
        UsageError: When the format is not known, the file exists, or the job was begun otherwise.
        InputError: When there is no text, or one is empty where none may be.
        NumericError: When an embedding is not finite; names the text.
        OutOfMemoryError: When memory does not suffice for one text; names it.
        LockedError: When another process writes the same file.
        StorageError: When a file cannot be written, or a part was damaged after it was written.
        InterruptedRunError: When SIGINT or SIGTERM came; what was embedded is kept.
    """
    options = options or EncodeOptions()
    require_precision(options.precision, encoder.device.type)
    require_dims(options.dims, width_of(encoder))
    options.prompt_of(encoder)  # before a file is made
    if not isinstance(output, Path):
        return _encode_stream(encoder, texts, output, options, progress, faults)
    check_output(output, keep_columns=options.keep_columns)
    folder = job_folder(output, options.shard)
    with job_held(folder, output):
        job = EncodingJob(folder, output.suffix, fixed(encoder, options), overwrite=overwrite)
        run = EncodingRun(encoder, options, job, faults)
        if not overwrite and (assembled := in_place(job.manifest, output)):
            counts = counted(texts, faults, folder / SEEN, keep_columns=options.keep_columns)
            remove(folder)
            if counts == job.manifest.counts:
                return run.summary(assembled)
        beside = spans_file(output)
        is_new = options.chunk is not None and output.suffix == ".npy" and job.manifest.is_empty
        for path in (output, *([beside] if is_new else [])):
            if os.path.lexists(path) and not overwrite and options.shard.of == 1:
                raise exists(path)
        _follow(run, texts, progress)
        if options.shard.of > 1:
            return run.summary(None)
        return run.summary(job.assemble(job.parts(), output))


def _follow(run: EncodingRun, texts: Iterable[str | TextRow], progress: Progress) -> None:
    rows = 0
    for window in run.over(texts):
        rows += len(window.texts)
        progress(rows)


def _encode_stream(
    encoder: "TokenEncoder | TowerEncoder | SentenceTransformer",
    texts: Iterable[str | TextRow],
    stream: IO[bytes],
    options: EncodeOptions,
    progress: Progress,
    faults: Faults | None,
) -> EncodeSummary:
    """Write rows as they come; parts are kept for texts that come again, and removed at the end."""
    parts, writer = Chunks(), JsonlWriter(stream, (0, 0), {})
    rows, reading = 0, Reading()
    with TemporaryDirectory(prefix="sentemb-") as folder:
        job = EncodingJob(Path(folder), ".jsonl", {}, overwrite=False)
        run = EncodingRun(encoder, options, job, faults, "a stream begins anew, a file would go on")
        for window in run.over(texts):
            parts.add(job.part(window.number), job.manifest.done[window.number])
            found = parts.rows(window.number)
            writer.write(found.columns, found.vectors)
            reading += found.reading
            rows += len(window.texts)
            progress(rows)
        chunks = parts.vectors() if parts.chunked else None
        assembled = Assembled.of(None, parts.known(reading), parts.dim, chunks)
    return run.summary(assembled)
