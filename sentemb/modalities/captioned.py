"""Rows of a picture, a text and perhaps a sound: read, decoded once, ready to train towers on."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from sentemb.datasets.source import Source, as_source
from sentemb.datasets.training import TrainingData
from sentemb.errors import InputError
from sentemb.evaluation import Evaluator
from sentemb.evaluation.two_way_retrieval import Pairing, retrieval_both_ways, unit
from sentemb.modalities.cells import (
    SPLIT,
    Modality,
    captioned_rows,
    is_held,
    metadata_of,
    naming,
    to_measure,
)
from sentemb.modalities.decoded import Signals
from sentemb.modalities.readers import read_signal, require_reader, warn_of_cut
from sentemb.modalities.signal_rows import signal_rows
from sentemb.modalities.towers import Tower, TowerConfig
from sentemb.types import Encode, Vectors

logger = logging.getLogger("sentemb")

AT_ONCE = 64
"""Rows that a tower takes at once where nothing is trained."""


@dataclass(frozen=True, kw_only=True)
class PairedData(TrainingData):
    """Texts beside something else, which is decoded; further arguments as in `TrainingData`.

    Args:
        signals: What is decoded, by modality; the rows have a column of numbers for each.
        dev: Rows that are not trained on, and measured on.
    """

    signals: Mapping[str, Signals]
    dev: "PairedData | None" = field(default=None, repr=False)

    def evaluators(self, twin: Any) -> list[Evaluator]:
        """Return what measures retrieval on the dev rows, where there are some."""
        return [] if self.dev is None else self.dev.retrievals(twin)

    def retrievals(self, twin: Any) -> list[Evaluator]:
        """Return what measures how these rows' texts find the rest; nothing without texts."""
        if "text" not in self.rows.column_names:
            return []
        return [CrossModalRetrieval(twin.towers()[name], self, name) for name in self.signals]

    def shuffled(self, seed: int) -> "PairedData":
        """Return the same rows, with one column of other rows: a control.

        The texts move where they are paired with one modality. Of pictures with sounds the first
        moves, and the sounds keep their texts.
        """
        order = np.random.default_rng(seed).permutation(len(self.rows))
        columns = {name: self.rows[name][:] for name in self.rows.column_names}
        moved = ["text"] if len(self.signals) == 1 else list(self.signals)[:1]
        columns |= {name: [columns[name][place] for place in order] for name in moved}
        return replace(self, rows=Dataset.from_dict(columns))


class CrossModalRetrieval:
    """Measures how texts and pictures find each other: R@1, R@5, R@10, median rank, both ways.

    Args:
        tower: Of the pictures, or of the sounds; it may be trained meanwhile.
        data: Pairs of them with texts.
        modality: What the tower reads.
    """

    def __init__(self, tower: Any, data: PairedData, modality: str = "picture") -> None:
        self.tower, self.data, self.modality = tower, data, modality
        self.pairing = Pairing(data.rows[modality][:], data.rows["text"][:])

    def __call__(self, encode: Encode) -> dict[str, float]:
        """Return the numbers of both ways."""
        numbers, texts = self.pairing.distinct()
        found = vectors_of(self.tower, self.data.signals[self.modality], numbers)
        words = unit(np.asarray(encode(texts), dtype=np.float32))
        return retrieval_both_ways(found, words, self.pairing, self.modality)


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
    configs: Sequence[TowerConfig],
    columns: Sequence[str] | None = None,
    dev: Source | None = None,
    *,
    has_texts: bool = True,
    all_held: bool = False,
) -> PairedData:
    """Read pictures with texts, and perhaps sounds, and decode them.

    A table has a column of pictures, as bytes or as paths from the table's folder, and a column of
    texts, or of lists of them, which make a row for each. A folder has a ``metadata.csv``. Rows
    whose column ``split`` is there and not ``train`` are not trained on, but measured on.

    Args:
        source: A file of any format, a hub data set, or a folder.
        configs: Of the towers, which say what is read, and how large.
        columns: Names of the columns, the modalities' in this order and then the texts',
            where they are others.
        dev: Read in the same way, and measured on.
        has_texts: Whether there is a column of texts; without it, the rows have none.
        all_held: Whether all rows are measured on: where some are of another split, those alone.

    Raises:
        InputError: When a picture or a sound cannot be read, or a text is missing; names the row.
    """
    for config in configs:
        require_reader(config.modality)
    signals: dict[str, Signals] = {
        config.modality: Signals(config.shape, config.dtype) for config in configs
    }
    train, held, blank = _read(source, configs, columns, signals, has_texts)
    if dev is not None:
        warn_of_unused(len(held), as_source(source))
        measured = as_source(dev, name="dev")
        of_train, of_held, _ = _read(measured, configs, columns, signals, has_texts)
        held = to_measure(of_train, of_held, measured)
    if all_held:
        train, held = to_measure(train, held, as_source(source)), []
    if not train:
        raise InputError(f"{source} holds no row to train on.")
    for name, decoded in signals.items():
        logger.info("%s %ss decoded to %s", f"{len(decoded):,}", name, _size(decoded))
    rest: dict[str, Any] = {"source": str(as_source(source)), "signals": signals}
    rows_of_dev = _rows(held, signals, has_texts)
    held_data = PairedData(rows=rows_of_dev, empty_rows=0, **rest) if held else None
    rows = _rows(train, signals, has_texts)
    return PairedData(rows=rows, empty_rows=blank, dev=held_data, **rest)


def warn_of_unused(rows: int, source: object) -> None:
    """Warn of rows that are not trained on, where others are measured on."""
    if rows:
        logger.warning(
            "%s rows of another split in '%s' are neither trained on nor measured: put all to "
            "be measured, with texts, into `dev`.", f"{rows:,}", source,
        )  # fmt: skip


def read_signals(source: Source, config: TowerConfig, column: str | None = None) -> PairedData:
    """Read pictures, or sounds, without texts, and decode them.

    Args:
        source: A folder, or a table with a column of files or of their bytes; of a table with a
            column ``split``, the rows of ``train``.
        config: Of the tower, which says what is read, and how large.
        column: The table's column, where it is another.

    Raises:
        InputError: When one cannot be read; names the row.
    """
    require_reader(config.modality)
    signals, numbers, held = Signals(config.shape, config.dtype), [], 0
    cut: list[bool] = []
    for number, content, columns in signal_rows(source, config.modality, column, "columns"):
        if is_held(columns.get(SPLIT)):
            held += 1
            continue
        with naming(source, number):
            numbers.append(signals.add(read_signal(content, config, cut)))
    if not numbers:
        raise InputError(f"{source} holds no row to train on.")
    warn_of_cut(as_source(source), sum(cut), config)
    logger.info("%s %ss decoded to %s", f"{len(signals):,}", config.modality, _size(signals))
    if held:
        logger.info("%s rows of another split are left out", f"{held:,}")
    return PairedData(
        rows=Dataset.from_dict({config.modality: numbers}),
        source=str(as_source(source)),
        empty_rows=0,
        signals={config.modality: signals},
    )


def _size(signals: Signals) -> str:
    return " × ".join(map(str, signals.shape[:2]))


Row = tuple[str, tuple[int, ...]]


def _rows(found: list[Row], signals: Mapping[str, Signals], has_texts: bool) -> Dataset:
    columns: dict[str, list[Any]] = {"text": [text for text, _ in found]} if has_texts else {}
    for place, name in enumerate(signals):
        columns[name] = [numbers[place] for _, numbers in found]
    return Dataset.from_dict(columns)


def _read(
    source: Source,
    configs: Sequence[TowerConfig],
    columns: Sequence[str] | None,
    signals: Mapping[str, Signals],
    has_texts: bool,
) -> tuple[list[Row], list[Row], int]:
    """Return the rows that are trained on, those that are not, and how many texts were blank."""
    train: list[Row] = []
    held: list[Row] = []
    blank = 0
    source = metadata_of(as_source(source))
    modalities = [config.modality for config in configs]
    cut: dict[Modality, list[bool]] = {modality: [] for modality in modalities}
    for row in captioned_rows(source, modalities, columns, has_texts=has_texts):
        with naming(source, row.number):
            numbers = tuple(
                signals[config.modality].add(read_signal(content, config, cut[config.modality]))
                for config, content in zip(configs, row.contents, strict=True)
            )
        kept = held if is_held(row.split) else train
        kept.extend((text, numbers) for text in row.texts)
        blank += row.blank if kept is train else 0
    for config in configs:
        warn_of_cut(source, sum(cut[config.modality]), config)
    return train, held, blank
