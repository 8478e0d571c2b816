"""Rows that have a picture and a text: read, decoded once, ready to train a tower on."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from sentemb.datasets.source import Source
from sentemb.datasets.training import TrainingData
from sentemb.errors import InputError
from sentemb.evaluation import Evaluator
from sentemb.evaluation.two_way_retrieval import Pairing, retrieval_both_ways
from sentemb.modalities.cells import captioned_rows, metadata_of, naming
from sentemb.modalities.decoded import Signals
from sentemb.modalities.picture_files import decode, require_pillow
from sentemb.modalities.towers import Tower
from sentemb.types import Encode, Vectors

logger = logging.getLogger("sentemb")

TRAIN = "train"
NUMBER = "picture"
"""The column of the rows that holds a picture's number."""
AT_ONCE = 64
"""Rows that a tower takes at once where nothing is trained."""


@dataclass(frozen=True, kw_only=True)
class PairedData(TrainingData):
    """Texts beside something else, which is decoded; further arguments as in `TrainingData`.

    Args:
        signals: What is decoded, by the numbers that stand in the rows.
        modality: What it is: the name of a column, and of a tower.
        dev: Rows that are not trained on, and measured on.
    """

    signals: Signals
    modality: str = "picture"
    dev: "PairedData | None" = field(default=None, repr=False)

    def evaluators(self, twin: Any) -> list[Evaluator]:
        """Return what measures retrieval on the dev rows, where there are some."""
        if self.dev is None:
            return []
        tower = twin.towers()[self.modality]
        return [CrossModalRetrieval(tower, self.dev)]

    def shuffled(self, seed: int) -> "PairedData":
        """Return the same with the texts of the rows in another order, as a control."""
        order = np.random.default_rng(seed).permutation(len(self.rows))
        texts = self.rows["text"][:]
        columns = {"text": [texts[place] for place in order], NUMBER: self.rows[NUMBER][:]}
        return replace(self, rows=Dataset.from_dict(columns))


class CrossModalRetrieval:
    """Measures how texts and pictures find each other: R@1, R@5, R@10, median rank, both ways.

    Args:
        tower: Of the pictures; it may be trained meanwhile.
        data: Pairs of picture and text.
    """

    def __init__(self, tower: Any, data: PairedData) -> None:
        self.tower, self.data = tower, data
        self.pairing = Pairing(data.rows[NUMBER][:], data.rows["text"][:])

    def __call__(self, encode: Encode) -> dict[str, float]:
        """Return the numbers of both ways."""
        numbers, texts = self.pairing.distinct()
        found = vectors_of(self.tower, self.data.signals, numbers)
        words = unit(np.asarray(encode(texts), dtype=np.float32))
        return retrieval_both_ways(found, words, self.pairing, self.data.modality)


def unit(vectors: Vectors) -> Vectors:
    """Return vectors at length 1; one of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


@torch.inference_mode()
def vectors_of(tower: Tower, signals: Signals, numbers: Sequence[int]) -> Vectors:
    """Return a tower's vectors of what has these numbers, ``[rows, dim]`` in float32."""
    was_training = tower.training
    tower.eval()
    parts = [
        tower(signals.of(numbers[start : start + AT_ONCE]).to(tower.device)).float().cpu().numpy()
        for start in range(0, len(numbers), AT_ONCE)
    ]
    tower.train(was_training)
    return np.concatenate(parts)


def read_captioned(
    source: Source,
    size: int,
    columns: Sequence[str] | None = None,
    dev: Source | None = None,
) -> PairedData:
    """Read pictures with texts, and decode them.

    A table has a column of pictures, as bytes or as paths from the table's folder, and a column of
    texts, or of lists of them, which make a row for each. A folder has a ``metadata.csv``. Rows
    whose column ``split`` is there and not ``train`` are not trained on, but measured on.

    Args:
        source: A file of any format, a hub data set, or a folder.
        size: Pixels a side that pictures are scaled to.
        columns: Names of the columns of pictures and texts, where they are others.
        dev: Read in the same way, and measured on.

    Raises:
        InputError: When a picture cannot be read or a text is missing; names the row.
    """
    require_pillow()
    signals = Signals((size, size, 3), np.uint8)
    train, held = _read(source, size, columns, signals)
    if dev is not None:
        other_train, other_held = _read(dev, size, columns, signals)
        held = other_held or other_train
    if not train:
        raise InputError(f"{source} holds no picture with a text to train on.")
    logger.info("%s pictures decoded to %d × %d pixels", f"{len(signals):,}", size, size)
    dev_data = None
    if held:
        dev_data = PairedData(
            rows=_rows(held), source=str(dev or source), empty_rows=0, signals=signals
        )
    return PairedData(
        rows=_rows(train), source=str(source), empty_rows=0, signals=signals, dev=dev_data
    )


def _rows(pairs: list[tuple[int, str]]) -> Dataset:
    numbers, texts = zip(*pairs, strict=True)
    return Dataset.from_dict({"text": list(texts), NUMBER: list(numbers)})


def _read(
    source: Source, size: int, columns: Sequence[str] | None, signals: Signals
) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Return the pairs that are trained on, and those that are not."""
    train: list[tuple[int, str]] = []
    held: list[tuple[int, str]] = []
    source = metadata_of(source)
    for number, picture, texts, split in captioned_rows(source, columns):
        with naming(source, number):
            kept = signals.add(decode(picture, size))
        (train if split in (None, TRAIN) else held).extend((kept, text) for text in texts)
    return train, held
