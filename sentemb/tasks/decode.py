"""`decode`: vectors back to text."""

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.bars import Progress
from sentemb.decoders.caption_decoder import CaptionDecoder, captions_in, load_captions
from sentemb.decoders.decode_options import DecodeOptions
from sentemb.decoders.decoder_folder import TrainedDecoder, load_decoder
from sentemb.decoders.decoding_job import DecodingJob, windows_of
from sentemb.decoders.writing import TextWriter
from sentemb.encoder import load
from sentemb.encoders.device import present_device
from sentemb.encoding.job_folder import job_folder, job_held, remove
from sentemb.encoding.shards import Shard
from sentemb.errors import InputError, UsageError
from sentemb.jobs.job_options import known_options
from sentemb.runs.run_result import RunResult
from sentemb.table import Report, Table, decimals
from sentemb.tasks.beside import Beside
from sentemb.tasks.reported import Reported, first_rows
from sentemb.tasks.row_files import require_row_format, write_rows
from sentemb.tasks.to_decode import Given, pictures_to_decode, unit_vectors, vectors_to_decode
from sentemb.versions import versions

if TYPE_CHECKING:
    from sentemb.encoder import Encoder
    from sentemb.modalities.cells import Modality
    from sentemb.tasks.vectors import AnyEncoder

logger = logging.getLogger("sentemb")
MODEL_OF_CAPTIONS = "`model` has no effect: captions belong to the folder around theirs."
AnyDecoder = str | os.PathLike[str] | RunResult | TrainedDecoder | CaptionDecoder


@dataclass(frozen=True, repr=False)
class Decoded(Reported):
    """Texts that vectors were decoded to.

    Args:
        rows: A row for each text that was written: its ``row``, counted from 1, the ``source``
            where a text or a file was encoded, ``text``, ``log_probability``, and ``cosine`` of the
            text's own vector with the one that was decoded, where it was asked for.
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
    decoder: AnyDecoder,
    data: Given | None = None,
    output: str | os.PathLike[str] | None = None,
    *,
    midpoint: tuple[str, str] | None = None,
    model: "AnyEncoder | None" = None,
    column: str = "text",
    modality: "Modality | None" = None,
    cosines: bool = False,
    device: str | None = None,
    options: DecodeOptions | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
    **further: Any,
) -> Decoded:
    r"""Write the texts that vectors are of, or captions of pictures, as ``sentemb decode`` does.

    With an output, an interrupted call continues when it is called again with the same arguments.

    Args:
        decoder: What `train_decoder` returned, or its folder; or a model that method `coca`
            trained, whose decoder reads pictures alone.
        data: Vectors of the decoder's encoder: a .npy or .safetensors file, an array
            ``[rows, dim]``, or a table with a column ``embedding``, as `encode` writes it; or texts
            of any kind that `encode` reads, which are encoded first; or a folder of pictures or
            sounds, or a table or a list of them with ``modality``, which the encoder's tower reads.
        output: File of the rows, ending in .jsonl, .csv, .tsv or .parquet.
        midpoint: In the place of data, two texts: what is decoded is
            :math:`(\hat e_1 + \hat e_2) / \lVert \hat e_1 + \hat e_2 \rVert`.
        model: The encoder; by default what the decoder was trained for. Only texts, correctors,
            guidance and cosines need it.
        column: The column of texts, or of pictures or sounds.
        modality: ``picture`` or ``sound``: what the rows hold in the place of texts, as names of
            files or as bytes. By default a folder's own.
        cosines: Encode what was written again, and say its cosine with its vector.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; by default the GPU if there is one.
        options: How; by default as `DecodeOptions` says.
        overwrite: Replace the output, and a job that was begun otherwise.
        progress: Show how far it is; by default on a terminal and in a notebook.
        further: Fields of `DecodeOptions`, as ``beams``.

    Raises:
        UsageError: When an option is out of its range or has no effect; when the output exists.
        InputError: When decoder or data cannot be read; when vectors have another width, or one
            has no direction (names the row); when the encoder is another than the decoder's, or has
            no tower for the data.
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
    trained, name = any_decoder(decoder), name_of_decoder(decoder)
    trained.to(place)
    _require_effect(trained, how)
    if isinstance(trained, CaptionDecoder):
        if model is not None:
            raise UsageError(MODEL_OF_CAPTIONS)
        given = pictures_to_decode(data, column, modality, trained.tower.config)
    else:
        given = vectors_to_decode(data, column, midpoint, modality)
    encoder = None
    if given.is_encoded or how.guidance or cosines or trained.first is not None:
        encoder = encoder_of(trained, name, model, device)
    writer = TextWriter(trained, how, encoder)

    def rows_to_read(beside: Path | None) -> Any:
        """Return what the decoder reads; what a text or a picture is encoded to, kept in a file."""
        found = given.rows(encoder, beside)
        if isinstance(trained, CaptionDecoder):
            return found
        return unit_vectors(found, trained.config.dim, given.source, trained.config.encoder)

    def of_window(some: Any, window: int) -> list[dict[str, Any]]:
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
            theirs = trained.vectors_of(some)[of]
            for row, cosine in zip(rows, (again * theirs).sum(axis=1), strict=True):
                row["cosine"] = round(float(cosine), 6)
        return rows

    what = "vectors" if given.modality is None else f"{given.modality}s"
    if target is None:
        read = rows_to_read(None)
        with Progress("decoding", len(read), what, shown=progress) as shown:
            rows = _rows(read, of_window, shown)
        return Decoded(_numbered(rows, given.names, how), name, given.source)
    kept = {**asdict(how), "cosines": cosines, "decoder": trained.fingerprint}
    kept |= {"device": str(place).partition(":")[0], "versions": versions()}
    folder = job_folder(target, Shard())
    with job_held(folder, target):
        if os.path.lexists(target) and not overwrite:
            raise UsageError(f"Output '{target}' exists: give another, or `overwrite=True`.")
        beside = Beside(target.with_name(f"{target.name}.vectors.npy"))
        read = rows_to_read(beside.file)
        job = DecodingJob(folder, kept, overwrite=overwrite)
        with Progress("decoding", len(read), what, shown=progress) as shown:
            rows = _numbered(list(job.over(read, of_window, shown)), given.names, how)
        write_rows(rows, target)
        beside.remove()
        remove(folder)
    return Decoded(rows, name, given.source)


def _require_effect(decoder: TrainedDecoder | CaptionDecoder, options: DecodeOptions) -> None:
    """Raise where an option does nothing with a decoder."""
    if decoder.first is None and options.rounds != DecodeOptions.rounds:
        raise UsageError(
            "`rounds` has no effect with a decoder that corrects no other: leave it out, or train "
            "a corrector."
        )
    if decoder.first is not None and options.samples:
        raise UsageError("`samples` has no effect with a corrector, which searches: leave it out.")


def encoder_of(
    decoder: TrainedDecoder | CaptionDecoder,
    name: str,
    model: "AnyEncoder | None" = None,
    device: str | None = None,
) -> "Encoder":
    """Load the encoder that a decoder was trained for.

    Args:
        decoder: As it was trained.
        name: What messages call the decoder.
        model: The encoder, where it is not known by the decoder's own name for it.
        device: As in `sentemb.load`; a model that is loaded already stays where it is.

    Raises:
        InputError: When it is another model, or cannot be found.
        UsageError: When another is named for captions, which have the one in the folder around.
    """
    if isinstance(decoder, CaptionDecoder):
        if model is not None:
            raise UsageError(MODEL_OF_CAPTIONS)
        return load(decoder.folder.parent, device)
    given = decoder.config.encoder if model is None else model
    found = load(given, device if isinstance(given, str | os.PathLike) else None)
    if found.fingerprint != decoder.config.fingerprint:
        raise InputError(
            f"Decoder '{name}' reads vectors of '{decoder.config.encoder}', and '{found.name}' is "
            "another model, or was changed since: name the `model` that it was trained for."
        )
    return found


def any_decoder(decoder: AnyDecoder) -> TrainedDecoder | CaptionDecoder:
    """Return a decoder as it is, or loaded from the folder that it names."""
    if isinstance(decoder, CaptionDecoder | TrainedDecoder):
        return decoder
    folder = captions_in(decoder.output if isinstance(decoder, RunResult) else decoder)
    return loaded_decoder(decoder) if folder is None else load_captions(folder)


def loaded_decoder(
    decoder: str | os.PathLike[str] | RunResult | TrainedDecoder,
) -> TrainedDecoder:
    """Return a decoder of vectors as it is, or loaded from the folder that it names."""
    if isinstance(decoder, TrainedDecoder):
        return decoder
    return load_decoder(decoder.output if isinstance(decoder, RunResult) else decoder)


def name_of_decoder(decoder: AnyDecoder) -> str:
    """Return what messages call a decoder."""
    if isinstance(decoder, CaptionDecoder):
        return str(decoder.folder)
    if isinstance(decoder, TrainedDecoder):
        return f"the {decoder.config.kind} decoder"
    return str(decoder.output if isinstance(decoder, RunResult) else decoder)


def _rows(unit: Any, of_window: Any, progress: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    done = 0
    for window, some in enumerate(windows_of(unit)):
        rows += of_window(some, window)
        done += len(some)
        progress(done)
    return rows


def _numbered(
    rows: Sequence[dict[str, Any]], names: Sequence[str] | None, options: DecodeOptions
) -> list[dict[str, Any]]:
    """Return rows with their number, and the text or file that was encoded, in front."""
    each = options.samples or 1
    found = []
    for place, row in enumerate(rows):
        number = place // each
        front: dict[str, Any] = {"row": number + 1}
        front |= {} if names is None else {"source": names[number]}
        found.append({**front, **row})
    return found
