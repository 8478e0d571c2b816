"""`privacy`: how much of a text can be read back from its vector, cut, coarse or noisy."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sentemb.bars import phase
from sentemb.datasets.in_memory import Container
from sentemb.decoders.decode_options import DecodeOptions
from sentemb.decoders.decoder_folder import DECODER, MAPPING, TrainedDecoder, load_decoder
from sentemb.decoders.settings import DecoderSettings
from sentemb.decoders.writing import TextWriter
from sentemb.encoder import Encoder, load
from sentemb.encoders.device import present_device
from sentemb.errors import UsageError
from sentemb.evaluation.text_overlap import text_overlap
from sentemb.jobs.job_options import known_options
from sentemb.runs.run_result import RunResult, output_folder
from sentemb.table import Report, Table, decimals
from sentemb.tasks.decode import encoder_of, loaded_decoder, name_of_decoder
from sentemb.tasks.own_decoder import held_out, train_own_decoder
from sentemb.tasks.reported import Reported
from sentemb.tasks.to_decode import unit_vectors
from sentemb.tasks.vectors import read_table
from sentemb.types import Vectors
from sentemb.values import require_at_least

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.tasks.vectors import AnyEncoder

    AnyDecoder = str | os.PathLike[str] | RunResult | TrainedDecoder

FULL, OTHERS = "as it is", "of another text"
RESAMPLES = 1000


@dataclass(frozen=True)
class ReadBack:
    """What was read back from one form of the vectors.

    Args:
        form: Of the vectors.
        bits: That one is stored in.
        f1: Mean token F1 with the texts.
        low: Where the 95 % interval of F1 begins, by drawing texts again.
        high: Where it ends.
        exact: Share of texts that came back word for word.
        cosine: Mean cosine of what was written, encoded, with the vectors as they were.
    """

    form: str
    bits: int
    f1: float
    low: float
    high: float
    exact: float
    cosine: float


@dataclass(frozen=True, repr=False)
class Privacy(Reported):
    """What can be read back from vectors, form by form; the last is the control.

    Args:
        each: One a form.
        decoder: Its folder.
        source: Where the texts are from.
        rows: How many different ones there are.
    """

    each: Sequence[ReadBack]
    decoder: str
    source: str
    rows: int

    def report(self) -> Report:
        """Return a row for each form, and a record of everything."""
        table = Table(
            ["vectors", "bits", "token F1", "95 % from", "to", "word for word", "cosine"],
            [
                [
                    *(one.form, one.bits, decimals(3, one.f1), decimals(3, one.low)),
                    *(decimals(3, one.high), decimals(3, one.exact)),
                    decimals(3, one.cosine),
                ]
                for one in self.each
            ],
        )
        record = {
            "decoder": self.decoder,
            "source": self.source,
            "rows": self.rows,
            "forms": [vars(one) for one in self.each],
        }
        note = (
            f"{self.rows:,} texts of {self.source}, read back by {self.decoder}, which was trained "
            "on vectors as they are: one that is trained on the others reads more."
        )
        return Report("privacy", record, [table], [note])

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw token F1 of each form, with the control as a line; return the picture's path.

        Raises:
            UsageError: When matplotlib is not installed.
        """
        from sentemb.plotting.read_back import draw_read_back

        forms = [(one.form, one.f1, one.low, one.high) for one in self.each[:-1]]
        return draw_read_back(forms, self.each[-1].f1, Path(path))


def privacy(
    decoder: "AnyDecoder | SentenceTransformer",
    data: "str | os.PathLike[str] | Container",
    *,
    dims: Sequence[int] = (),
    int8: bool = False,
    binary: bool = False,
    noise: Sequence[float] = (),
    model: "AnyEncoder | None" = None,
    column: str = "text",
    beams: int = 1,
    seed: int = 0,
    keep_decoder: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Privacy:
    r"""Say how much of texts a decoder reads back from their vectors, as ``sentemb privacy`` does.

    The vectors are read as they are, and in forms that hold less. Each is brought to length 1 after
    it. The control reads the vector of another text: what two texts have in common anyway.

    Args:
        decoder: What `train_decoder` returned, or its folder. Train it on other texts of the kind.
            Or an encoder: a decoder is trained on the texts but each tenth, and these, at most
            500, are read back.
        data: Texts of any kind that `encode` reads.
        dims: Keep the first so many numbers, the others are 0.
        int8: Round to :math:`\operatorname{round}(127 x / \max |x|)`.
        binary: Keep the signs.
        noise: Add :math:`\mathcal N(0, \sigma^2)` to each number, for each σ.
        model: The encoder; by default what the decoder was trained for.
        column: The column of texts.
        beams: Of the search, see `DecodeOptions`.
        seed: Of noise, and of whose text the control reads.
        keep_decoder: Of an encoder: the folder of its decoder. An interrupted call continues there,
            and a later one trains none. By default the decoder is not kept.
        options: Of an encoder: fields of `DecoderSettings`, as ``max_steps``, for its decoder.

    Raises:
        UsageError: When an option is out of its range or has no effect, when there are too few
            texts, or ``keep_decoder`` holds something else.
        InputError: When decoder, encoder or texts cannot be read.
        InterruptedRunError: When SIGINT or SIGTERM ended the training of a decoder.
    """
    require_at_least(0, seed=seed)
    search = DecodeOptions(beams=beams)
    forms = partial(_forms, dims=dims, int8=int8, binary=binary, noise=noise, seed=seed)
    table = read_table(data, column)
    texts = list(dict.fromkeys(table.texts))  # the control is the vector of another text
    if is_decoder(decoder):
        if keep_decoder is not None or options:
            raise UsageError(
                "`keep_decoder` and settings of training have no effect with a trained decoder."
            )
        if len(texts) < 2:
            raise UsageError(
                "privacy needs at least 2 different texts: the control reads another one's vector."
            )
        trained, name = loaded_decoder(decoder), name_of_decoder(decoder)
        encoder = encoder_of(trained, name, model)
    else:
        if model is not None:
            raise UsageError("`model` has no effect with an encoder: leave it out.")
        named: Any = decoder.output if isinstance(decoder, RunResult) else decoder
        if isinstance(named, Encoder):
            raise UsageError(f"privacy trains a decoder of a model: give its name, '{named.name}'.")
        encoder = load(named)
        list(forms(encoder.dim))  # what is wrong is found before a decoder is trained
        trained, texts = _own_decoder(named, texts, keep_decoder, options)
        name = "its own decoder" if keep_decoder is None else str(keep_decoder)
    each = _read_back(trained, encoder, texts, list(forms(trained.config.dim)), search)
    return Privacy(each, name, table.source, len(texts))


def _own_decoder(
    encoder: Any,
    texts: Sequence[str],
    keep: str | os.PathLike[str] | None,
    options: Mapping[str, Any],
) -> tuple[TrainedDecoder, list[str]]:
    """Train a decoder on some of the texts; return it, and the others."""
    known = known_options(options, [one.name for one in fields(DecoderSettings)], "privacy")
    settings, read = DecoderSettings(**known), held_out(texts)
    folder, _temporary = output_folder(None if keep is None else Path(keep))
    apart = set(read)
    others = [text for text in texts if text not in apart]
    train_own_decoder(encoder, others, folder, settings)
    return load_decoder(folder), read


def is_decoder(given: object) -> "TypeGuard[AnyDecoder]":
    """Tell a decoder, or the folder of one, from an encoder."""
    folder = given.output if isinstance(given, RunResult) else given
    if isinstance(folder, str | os.PathLike):
        return any((Path(folder) / name).is_file() for name in (DECODER, MAPPING))
    return isinstance(given, TrainedDecoder)


def _read_back(
    decoder: TrainedDecoder,
    encoder: "Encoder",
    texts: Sequence[str],
    forms: Sequence[tuple[str, int, "Change"]],
    search: DecodeOptions,
) -> list[ReadBack]:
    """Read texts back from each form of their vectors."""
    decoder.to(present_device(None))
    vectors = encoder.encode(list(texts), normalize=True)
    writer = TextWriter(decoder, search, encoder)
    each = []
    with phase("reading vectors back"):
        for form, bits, change in forms:
            changed = unit_vectors(
                change(vectors), decoder.config.dim, form, decoder.config.encoder
            )
            written = [writer.text(found[0]) for found in writer.write(changed)]
            means, f1 = text_overlap(written, texts)
            again = encoder.encode(written, normalize=True, progress=False)
            cosine = float((again * vectors).sum(axis=1).mean())
            low, high = _interval(f1)
            each.append(ReadBack(form, bits, means["f1"], low, high, means["exact"], cosine))
    return each


Change = Callable[[Vectors], Vectors]


def _forms(
    width: int, dims: Sequence[int], int8: bool, binary: bool, noise: Sequence[float], seed: int
) -> Iterator[tuple[str, int, Change]]:
    """Yield the name of each form, its bits, and what makes it; the control at the end.

    Raises:
        UsageError: When a number is out of its range.
    """
    yield FULL, 32 * width, lambda x: x
    for kept in dims:
        require_at_least(1, dims=kept)
        if kept > width:
            raise UsageError(f"dims must be at most {width}, the width of the vectors, got {kept}.")
        yield f"{kept} dimensions", 32 * kept, partial(_cut, dims=kept)
    if int8:
        yield "int8", 8 * width + 32, _rounded
    if binary:
        yield "binary", width, lambda x: np.where(x > 0, 1, -1).astype(np.float32)
    for deviation in noise:
        if not 0 < deviation < float("inf"):
            raise UsageError(f"noise must be above 0, got {deviation}.")
        yield f"noise {deviation:g}", 32 * width, partial(_noisy, deviation=deviation, seed=seed)
    yield OTHERS, 32 * width, partial(_of_others, seed=seed)


def _of_others(vectors: Vectors, seed: int) -> Vectors:
    """Give each row the vector of another, drawn at random: neighbours in a file may be related."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    others = np.empty_like(vectors)
    others[order] = vectors[np.roll(order, 1)]
    return others


def _cut(vectors: Vectors, dims: int) -> Vectors:
    """Return vectors with all but the first numbers 0."""
    cut: Vectors = vectors * (np.arange(vectors.shape[1]) < dims).astype(np.float32)
    return cut


def _noisy(vectors: Vectors, deviation: float, seed: int) -> Vectors:
    """Return vectors with normal noise on each number."""
    noise = np.random.default_rng(seed).standard_normal(vectors.shape)
    return (vectors + deviation * noise).astype(np.float32)


def _rounded(vectors: Vectors) -> Vectors:
    """Return vectors as 8-bit codes stand for them: one scale a vector."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    rounded: Vectors = (np.round(127 * vectors / largest) * largest / 127).astype(np.float32)
    return rounded


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    random, count = np.random.default_rng(0), len(values)
    means = [values[random.integers(count, size=count)].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
