"""Encode texts to a file, window by window, with every row accounted for."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from sentemb.errors import InputError, NumericError
from sentemb.inference.ahead import ahead
from sentemb.inference.embedder import Embedder
from sentemb.inference.plain import PlainEncoder
from sentemb.inference.writers import JsonlWriter, Writer, writing

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")
WINDOW = 4096


@dataclass(frozen=True)
class EncodeSummary:
    """What an encoding came to; every row of the input is a row of the output.

    Args:
        rows: Rows written.
        empty_rows: Rows without text among them.
        truncated_rows: Rows cut to the encoder's maximum length.
        dim: Width of the embeddings.
        seconds: Wall-clock time.
    """

    rows: int
    empty_rows: int
    truncated_rows: int
    dim: int
    seconds: float


def encode_file(
    encoder: "PlainEncoder | SentenceTransformer",
    texts: Iterable[str],
    output: Path | IO[bytes],
    batch_tokens: int | None = None,
    precision: str = "fp32",
    progress: Callable[[int], object] = lambda rows: None,
) -> EncodeSummary:
    """Encode texts in order to a file, or as jsonl to a stream.

    Memory is that of two windows of 4,096 rows, however many there are: one is tokenised while the
    other is embedded.

    Args:
        encoder: A sentence-transformers model.
        texts: One a row.
        output: A path ending in .npy, .jsonl, .parquet or .safetensors, or a binary stream.
        batch_tokens: Tokens of a forward; by default 1,024 on a CPU and 32,768 on a GPU.
        precision: ``fp32``; or ``fp16`` or ``bf16``, for a GPU.
        progress: Called with the number of rows done after each window.

    Raises:
        UsageError: When the format or the precision is not known.
        InputError: When there is no text.
        NumericError: When an embedding is not finite; names the row. Nothing is written.
    """
    with Embedder(encoder, batch_tokens, precision) as embedder:
        if isinstance(output, Path):
            with writing(output) as writer:
                return _encode(embedder, texts, writer, progress)
        return _encode(embedder, texts, JsonlWriter(output), progress)


def _encode(
    embedder: Embedder,
    texts: Iterable[str],
    writer: Writer,
    progress: Callable[[int], object],
) -> EncodeSummary:
    rows = empty = truncated = dim = 0
    started = time.monotonic()
    tokenised = ((window, embedder.tokenise(window)) for window in _windows(texts))
    for window, tokens in ahead(tokenised):
        vectors = embedder.embed(tokens)
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            raise NumericError(f"Row {rows + int(finite.argmin()) + 1} has no finite embedding.")
        writer.write(window, vectors)
        rows += len(window)
        empty += sum(not text.strip() for text in window)
        truncated += tokens.truncated_rows
        dim = vectors.shape[1]
        progress(rows)
    if not rows:
        raise InputError("There is no row to encode.")
    return EncodeSummary(rows, empty, truncated, dim, round(time.monotonic() - started, 2))


def _windows(texts: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(texts)
    while window := list(islice(iterator, WINDOW)):
        yield window
