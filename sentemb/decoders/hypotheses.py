"""What a corrector reads in training: the texts that another decoder writes, and their vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.bars import Progress
from sentemb.decoders.decode_options import DecodeOptions
from sentemb.decoders.decoder_folder import TrainedDecoder
from sentemb.decoders.decoding_job import ROWS, DecodingJob
from sentemb.decoders.writing import TextWriter
from sentemb.errors import InterruptedRunError
from sentemb.inference.shaping import shaped
from sentemb.runs.frozen_vectors import FOLDER, compute_vectors, open_vectors
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

NAME = "hypotheses"


@dataclass(frozen=True, repr=False, eq=False)
class Hypotheses:
    """Texts that a decoder wrote, one for each vector.

    Args:
        ids: Their tokens, without the end.
        vectors: Of the texts, ``[texts, dim]``.
    """

    ids: Sequence[Sequence[int]]
    vectors: Vectors


def compute_hypotheses(
    first: TrainedDecoder,
    encoder: "SentenceTransformer",
    vectors: Vectors,
    made_of: Mapping[str, Any],
    folder: Path,
) -> Hypotheses:
    """Decode the vectors of a run by greedy search, and encode the texts, unless that is done.

    Both continue where they were interrupted. What they made is removed with the run's vectors.

    Args:
        first: The decoder whose texts are corrected.
        encoder: Of the vectors.
        vectors: Of the run's texts, ``[texts, dim]``.
        made_of: What the vectors depend on, as in `compute_vectors`.
        folder: Of the run, which has its vectors.

    Raises:
        InterruptedRunError: When SIGINT or SIGTERM came; what was done is kept.
    """
    place, writer = folder / FOLDER / NAME, TextWriter(first, DecodeOptions(batch_size=ROWS))
    place.mkdir(exist_ok=True)
    made_of = {**made_of, "first": first.fingerprint}

    def decode(some: Vectors, window: int) -> list[dict[str, Any]]:
        unit = shaped(np.array(some), normalize=True)
        return [{"ids": list(found[0].ids)} for found in writer.write(unit, window)]

    job = DecodingJob(place, made_of, overwrite=True)
    try:
        with Progress("the first decoder writes", len(vectors), "texts") as shown:
            ids = [row["ids"] for row in job.over(vectors, decode, shown)]
    except InterruptedRunError as error:
        raise InterruptedRunError(
            f"Interrupted after the first decoder wrote {shown.done:,} texts, which are in "
            f"'{place}': continue with `resume=True`.",
            error.exit_code - 128,
        ) from None
    texts = map(first.text_of, ids)
    compute_vectors(encoder, texts, made_of, folder, len(ids), name=NAME, by="encoder")
    return Hypotheses(ids, open_vectors(folder, NAME))
