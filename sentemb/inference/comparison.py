"""An encoder beside what was made of it: scores and speed of both, on the same texts."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

import torch

from sentemb.inference.embedder import Embedder
from sentemb.types import Encode, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ROUNDS = 3


class Graded(Protocol):
    """Graded pairs, as `sentemb.STS`: both sides, and a score of any encoder's ``encode``."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def sentences1(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def sentences2(self) -> Sequence[str]: ...  # noqa: D102
    def __call__(self, encode: Encode) -> dict[str, float]: ...  # noqa: D102


def compare(
    task: Graded, encoder: "SentenceTransformer", after: Encode
) -> tuple[dict[str, Any], tuple[Vectors, Vectors]]:
    """Score and time both, in turns, on one thread; returns numbers and vectors."""
    texts = list(dict.fromkeys([*task.sentences1, *task.sentences2]))
    with _one_thread(), Embedder(encoder) as embedder:
        both: dict[str, Encode] = {"before": embedder.encode, "after": after}
        vectors = {side: encode(texts) for side, encode in both.items()}
        seconds: dict[str, list[float]] = {side: [] for side in both}
        for _ in range(ROUNDS):
            for side, encode in both.items():
                started = time.perf_counter()
                encode(texts)
                seconds[side].append(time.perf_counter() - started)
    numbers: dict[str, Any] = {
        side: {
            "spearman": task(_known(texts, x))["spearman"],
            "sentences_per_second": len(texts) / median(seconds[side]),
            "dim": x.shape[1],
        }
        for side, x in vectors.items()
    }
    weights = (p.numel() * p.element_size() for p in encoder.parameters())
    numbers["before"]["megabytes"] = sum(weights) / 1e6
    return {"texts": len(texts), **numbers}, (vectors["before"], vectors["after"])


def _known(texts: list[str], vectors: Vectors) -> Encode:
    row = {text: number for number, text in enumerate(texts)}
    return lambda asked: vectors[[row[text] for text in asked]]


@contextmanager
def _one_thread() -> Iterator[None]:
    threads, name = torch.get_num_threads(), "TOKENIZERS_PARALLELISM"
    parallel = os.environ.get(name)
    torch.set_num_threads(1)
    os.environ[name] = "false"
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        os.environ.pop(name)
        if parallel is not None:
            os.environ[name] = parallel
