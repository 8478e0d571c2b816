"""A part holds what was embedded with a window; rows are gathered from all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from sentemb.encoders.lengths import Reading
from sentemb.encoders.tokenising import TextCounts
from sentemb.encoding.windows import Window
from sentemb.types import Vectors

Numbers = NDArray[np.int64]
COUNTED = {"cut": np.uint8, "unknown": np.int32, "known": np.int32, "unread": np.uint8}
"""What a part holds of `TextCounts`."""


@dataclass(frozen=True)
class Rows:
    """Rows of a window, whole.

    Args:
        vectors: ``[rows, dim]``.
        reading: How much of them was read and known, as far as the encoder tells.
        texts: One a row, where the parts keep them.
    """

    vectors: Vectors
    reading: Reading
    texts: list[str]


def part_of(
    window: Window, vectors: Vectors, counts: TextCounts | None, *, keeps_texts: bool
) -> bytes:
    """Return the bytes of a part.

    Args:
        window: Of rows.
        vectors: Of its new texts, ``[new, dim]`` in float32.
        counts: What is counted of each of them; None where it is not known.
        keeps_texts: Whether the output shows the texts.
    """
    tensors: dict[str, NDArray[Any]] = {
        "numbers": window.numbers,
        "vectors": np.ascontiguousarray(vectors, dtype=np.float32),
    }
    if counts is not None:
        tensors |= {name: np.array(x, dtype=COUNTED[name]) for name, x in counts._asdict().items()}
    if keeps_texts:
        encoded = [text.encode() for text in window.new]
        tensors["texts"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        tensors["ends"] = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return save(tensors)


class Parts:
    """The parts of an input's first windows, in order; each file is opened when it is needed.

    Attributes:
        dim: Width of the embeddings.
        tell_counts: Whether the encoder told which texts it cut, and what it knows of them.
    """

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._starts = [0]
        self.dim = 0
        self.tell_counts = False

    def add(self, file: Path, new: int) -> None:
        """Take the part of the next window.

        Args:
            file: Of the part.
            new: How many texts it holds.
        """
        self._files.append(file)
        self._starts.append(self._starts[-1] + new)
        if new and not self.dim:
            with safe_open(file, "numpy") as part:
                self.dim = part.get_slice("vectors").get_shape()[1]
                self.tell_counts = "cut" in part.keys()  # noqa: SIM118 -- it is no dictionary

    def known(self, reading: Reading) -> Reading | None:
        """Return what was read and known of texts; None where the encoder does not tell."""
        return reading if self.tell_counts else None

    def __iter__(self) -> Iterator[Rows]:
        return map(self.rows, range(len(self._files)))

    def rows(self, window: int) -> Rows:
        """Return the rows of a window, of which earlier windows may have embedded some."""
        with safe_open(self._files[window], "numpy") as part:
            numbers: Numbers = part.get_tensor("numbers")
        distinct, places = np.unique(numbers, return_inverse=True)
        homes = np.searchsorted(self._starts, distinct, side="right") - 1
        vectors = np.empty((len(distinct), self.dim), dtype=np.float32)
        counted = {name: np.zeros(len(distinct), dtype) for name, dtype in COUNTED.items()}
        texts: list[str] = []
        for home in np.unique(homes):
            here = homes == home
            local = distinct[here] - self._starts[home]
            with safe_open(self._files[home], "numpy") as part:
                vectors[here] = _rows_of(part, "vectors", local)
                names = part.keys()
                for name in counted.keys() & names:
                    counted[name][here] = _rows_of(part, name, local)
                if "texts" in names:
                    texts += _texts_of(part, local)
        reading = _reading({name: values[places] for name, values in counted.items()})
        return Rows(vectors[places], reading, [texts[i] for i in places if texts])


def _reading(counted: dict[str, NDArray[Any]]) -> Reading:
    return Reading(
        texts=len(counted["cut"]),
        truncated=int(counted["cut"].sum()),
        unknown_texts=int((counted["unknown"] > 0).sum()),
        unread_texts=int(counted["unread"].sum()),
        unknown_tokens=int(counted["unknown"].sum(dtype=np.int64)),
        known_tokens=int(counted["known"].sum(dtype=np.int64)),
    )


def _rows_of(part: Any, name: str, rows: Numbers) -> NDArray[Any]:
    """Read some rows of a tensor; all of it only where they are many."""
    stored = part.get_slice(name)
    if len(rows) * 8 > stored.get_shape()[0]:
        whole: NDArray[Any] = part.get_tensor(name)
        return whole[rows]
    return np.stack([stored[int(row) : int(row) + 1][0] for row in rows])


def _texts_of(part: Any, rows: Numbers) -> list[str]:
    ends: Numbers = part.get_tensor("ends")
    stored = part.get_slice("texts")
    bounds = [(int(ends[row]), int(ends[row + 1])) for row in rows]
    return [stored[start:end].tobytes().decode() if end > start else "" for start, end in bounds]
