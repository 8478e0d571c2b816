"""`decode`: vectors back to text."""

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.bars import Progress
from sentemb.datasets.in_memory import Container
from sentemb.decoders.decode_options import DecodeOptions
from sentemb.decoders.decoder_folder import TrainedDecoder, load_decoder
from sentemb.decoders.decoding_job import DecodingJob, windows_of
from sentemb.decoders.writing import TextWriter
from sentemb.encoder import load
from sentemb.encoders.device import present_device
from sentemb.encoding.job_folder import job_folder, job_held, remove
from sentemb.encoding.shards import Shard
from sentemb.errors import InputError, UsageError
from sentemb.inference.shaping import shaped
from sentemb.jobs.job_options import known_options
from sentemb.runs.run_result import RunResult
from sentemb.table import Report, Table, decimals
from sentemb.tasks.beside import Beside, encoded_beside
from sentemb.tasks.reported import Reported, first_rows
from sentemb.tasks.row_files import require_row_format, write_rows
from sentemb.tasks.vectors import VECTORS_ALONE, read_table, read_vectors
from sentemb.types import Vectors
from sentemb.versions import versions

if TYPE_CHECKING:
    from sentemb.encoder import Encoder
    from sentemb.tasks.vectors import AnyEncoder

    Given = str | os.PathLike[str] | Container | Vectors

logger = logging.getLogger("sentemb")


@dataclass(frozen=True, repr=False)
class Decoded(Reported):
    """Texts that vectors were decoded to.

    Args:
        rows: A row for each text that was written: its ``row``, counted from 1, the ``source``
            where a text was encoded, ``text``, ``log_probability``, and ``cosine`` of the text's
            own vector with the one that was decoded, where it was asked for.
        decoder: Its folder.
        source: What was decoded.
    """

    rows: list[dict[str, Any]]
    decoder: str
    source: str

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.rows)

    @property
    def texts(self) -> list[str]:
        """The texts, in order."""
        return [row["text"] for row in self.rows]

    def report(self) -> Report:
        """Return the first texts, and a record of everything."""
        names = list(self.rows[0])
        shown = {"log_probability": 2, "cosine": 3}
        table = Table(
            names,
            [
                [decimals(shown[k], row[k]) if k in shown else row[k] for k in names]
                for row in self.rows
            ],
        )
        record = {"decoder": self.decoder, "source": self.source, "rows": self.rows}
        cosines = [row["cosine"] for row in self.rows if "cosine" in row]
        note = f"{len(self.rows):,} texts written by {self.decoder} of {self.source}"
        if cosines:
            note += f"; mean cosine with the vectors, encoded again: {np.mean(cosines):.3f}"
        return Report("decode", record, [first_rows(table)], [note], table)


def decode(
    decoder: "str | os.PathLike[str] | RunResult | TrainedDecoder",
    data: "Given | None" = None,
    output: str | os.PathLike[str] | None = None,
    *,
    midpoint: tuple[str, str] | None = None,
    model: "AnyEncoder | None" = None,
    column: str = "text",
    cosines: bool = False,
    device: str | None = None,
    options: DecodeOptions | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
    **further: Any,
) -> Decoded:
    r"""Write the texts that vectors are of, as ``sentemb decode`` does.

    With an output, an interrupted call continues when it is called again with the same arguments.

    Args:
        decoder: What `train_decoder` returned, or its folder.
        data: Vectors of the decoder's encoder: a .npy or .safetensors file, or an array
            ``[rows, dim]``; or texts of any kind that `encode` reads, which are encoded first.
        output: File of the rows, ending in .jsonl, .csv, .tsv or .parquet.
        midpoint: In the place of data, two texts: what is decoded is
            :math:`(\hat e_1 + \hat e_2) / \lVert \hat e_1 + \hat e_2 \rVert`.
        model: The encoder; by default what the decoder was trained for. Only texts, correctors,
            guidance and cosines need it.
        column: The column of texts.
        cosines: Encode what was written again, and say its cosine with its vector.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; by default the GPU if there is one.
        options: How; by default as `DecodeOptions` says.
        overwrite: Replace the output, and a job that was begun otherwise.
        progress: Show how far it is; by default on a terminal and in a notebook.
        further: Fields of `DecodeOptions`, as ``beams``.

    Raises:
        UsageError: When an option is out of its range or has no effect; when the output exists.
        InputError: When decoder or data cannot be read; when vectors have another width, or one
            has no direction (names the row); when the encoder is another than the decoder's.
        InterruptedRunError: With an output, when SIGINT or SIGTERM came; what was done is kept.
    """
    known = known_options(further, [field.name for field in fields(DecodeOptions)], "decode")
    how = replace(options or DecodeOptions(), **known)
    if (data is None) == (midpoint is None):
        raise UsageError("decode takes `data` or a `midpoint`: give one of them.")
    target = None if output is None else Path(output)
    if target is not None:
        require_row_format(target)
    place = present_device(device)
    trained = loaded_decoder(decoder)
    trained.to(place)
    _require_effect(trained, how)
    name = name_of_decoder(decoder)
    vectors, texts, source = _given(data, column, midpoint)
    encoder = None
    if texts is not None or how.guidance or cosines or trained.first is not None:
        encoder = encoder_of(trained, name, model)
    writer = TextWriter(trained, how, encoder)

    def unit_of(beside: Path | None) -> Vectors:
        """Return the vectors to decode; of texts, kept in a file."""
        found = vectors
        if texts is not None and encoder is not None:
            found = (
                encoder.encode(texts, normalize=True)
                if beside is None
                else encoded_beside(texts, encoder, beside, {})
            )
        if midpoint is not None:
            found = found.sum(axis=0, keepdims=True)
        return unit_vectors(found, trained.config.dim, source, trained.config.encoder)

    def of_window(some: Vectors, window: int) -> list[dict[str, Any]]:
        every = writer.write(some, window)
        found = every if how.samples else [row[:1] for row in every]
        said = [writer.text(each) for row in found for each in row]
        rows = [
            {"text": text, "log_probability": round(each.log_probability, 6)}
            for text, each in zip(said, (each for row in found for each in row), strict=True)
        ]
        if cosines and encoder is not None:
            again = encoder.encode(said, normalize=True, progress=False)
            of = np.repeat(np.arange(len(some)), [len(row) for row in found])
            for row, cosine in zip(rows, (again * some[of]).sum(axis=1), strict=True):
                row["cosine"] = round(float(cosine), 6)
        return rows

    of_rows = texts if midpoint is None else None
    if target is None:
        unit = unit_of(None)
        with Progress("decoding", len(unit), "vectors", shown=progress) as shown:
            rows = _rows(unit, of_window, shown)
        return Decoded(_numbered(rows, of_rows, how), name, source)
    kept = {**asdict(how), "cosines": cosines, "decoder": trained.fingerprint}
    kept |= {"device": str(place).partition(":")[0], "versions": versions()}
    folder = job_folder(target, Shard())
    with job_held(folder, target):
        if os.path.lexists(target) and not overwrite:
            raise UsageError(f"Output '{target}' exists: give another, or `overwrite=True`.")
        beside = Beside(target.with_name(f"{target.name}.vectors.npy"))
        unit = unit_of(beside.file)
        job = DecodingJob(folder, kept, overwrite=overwrite)
        with Progress("decoding", len(unit), "vectors", shown=progress) as shown:
            rows = _numbered(list(job.over(unit, of_window, shown)), of_rows, how)
        write_rows(rows, target)
        beside.remove()
        remove(folder)
    return Decoded(rows, name, source)


def _require_effect(decoder: TrainedDecoder, options: DecodeOptions) -> None:
    """Raise where an option does nothing with a decoder."""
    if decoder.first is None and options.rounds != DecodeOptions.rounds:
        raise UsageError(
            f"`rounds` has no effect with a {decoder.config.kind} decoder: leave it out, or train "
            "a corrector."
        )
    if decoder.first is not None and options.samples:
        raise UsageError("`samples` has no effect with a corrector, which searches: leave it out.")


def encoder_of(decoder: TrainedDecoder, name: str, model: "AnyEncoder | None" = None) -> "Encoder":
    """Load the encoder that a decoder was trained for.

    Raises:
        InputError: When it is another model, or cannot be found.
    """
    found = load(decoder.config.encoder if model is None else model)
    if found.fingerprint != decoder.config.fingerprint:
        raise InputError(
            f"Decoder '{name}' reads vectors of '{decoder.config.encoder}', and '{found.name}' is "
            "another model, or was changed since: name the `model` that it was trained for."
        )
    return found


def unit_vectors(vectors: Vectors, dim: int, source: str, encoder: str) -> Vectors:
    """Return vectors at length 1.

    Raises:
        InputError: When they have another width, or one is not finite or of length 0; names the
            row.
    """
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        shape = " x ".join(map(str, vectors.shape))
        raise InputError(
            f"{source} is {shape}; the decoder reads vectors of {dim} numbers, as '{encoder}' "
            "makes them."
        )
    if not len(vectors):
        raise InputError(f"{source} holds no vector.")
    given = np.asarray(vectors, np.float32)
    wrong = ~np.isfinite(given).all(axis=1) | ~given.any(axis=1)
    if wrong.any():
        raise InputError(
            f"{source}, row {int(wrong.argmax()) + 1:,}: the vector has no direction (zeros, or "
            "numbers that are not finite): encode it again, or remove it."
        )
    return shaped(given, normalize=True)


def loaded_decoder(
    decoder: "str | os.PathLike[str] | RunResult | TrainedDecoder",
) -> TrainedDecoder:
    """Return a decoder as it is, or loaded from the folder that it names."""
    if isinstance(decoder, TrainedDecoder):
        return decoder
    return load_decoder(decoder.output if isinstance(decoder, RunResult) else decoder)


def name_of_decoder(decoder: "str | os.PathLike[str] | RunResult | TrainedDecoder") -> str:
    """Return what messages call a decoder."""
    if isinstance(decoder, TrainedDecoder):
        return f"the {decoder.config.kind} decoder"
    return str(decoder.output if isinstance(decoder, RunResult) else decoder)


def _given(
    data: "Given | None", column: str, midpoint: tuple[str, str] | None
) -> tuple[Any, list[str] | None, str]:
    """Return vectors or texts, and what messages call them."""
    if midpoint is not None:
        if len(midpoint) != 2 or not all(text.strip() for text in midpoint):
            raise UsageError("midpoint needs two texts that are not blank.")
        return None, list(midpoint), "the midpoint"
    if isinstance(data, np.ndarray):
        return np.atleast_2d(data), None, "the array"
    if isinstance(data, str | os.PathLike) and Path(data).suffix in VECTORS_ALONE:
        return read_vectors(Path(data)), None, f"'{data}'"
    table = read_table(data, column)  # type: ignore[arg-type]  # vectors are dealt with
    return None, table.texts, table.source


def _rows(unit: Vectors, of_window: Any, progress: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    done = 0
    for window, some in enumerate(windows_of(unit)):
        rows += of_window(some, window)
        done += len(some)
        progress(done)
    return rows


def _numbered(
    rows: Sequence[dict[str, Any]], texts: Sequence[str] | None, options: DecodeOptions
) -> list[dict[str, Any]]:
    """Return rows with their number, and the text that was encoded, in front."""
    each = options.samples or 1
    found = []
    for place, row in enumerate(rows):
        number = place // each
        front: dict[str, Any] = {"row": number + 1}
        front |= {} if texts is None else {"source": texts[number]}
        found.append({**front, **row})
    return found
