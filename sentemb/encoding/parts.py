"""A part holds what was embedded with a window; rows are gathered from all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from sentemb.encoding.windows import Window
from sentemb.types import Vectors

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Rows of a window, whole.

    Args:
        vectors: ``[rows, dim]``.
        truncated: How many were cut, as far as the encoder tells.
        texts: One a row, where the parts keep them.
    """

    vectors: Vectors
    truncated: int
    texts: list[str]


def part_of(
    window: Window, vectors: Vectors, cut: list[bool] | None, *, keeps_texts: bool
) -> bytes:
    """Return the bytes of a part.

    Args:
        window: Of rows.
        vectors: Of its new texts, ``[new, dim]`` in float32.
        cut: Whether each of them was longer than the encoder's maximum; None where it is not known.
        keeps_texts: Whether the output shows the texts.
    """
    tensors: dict[str, NDArray[Any]] = {
        "numbers": window.numbers,
        "vectors": np.ascontiguousarray(vectors, dtype=np.float32),
    }
    if cut is not None:
        tensors["cut"] = np.array(cut, dtype=np.uint8)
    if keeps_texts:
        encoded = [text.encode() for text in window.new]
        tensors["texts"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        tensors["ends"] = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return save(tensors)


class Parts:
    """The parts of an input's first windows, in order; each file is opened when it is needed.

    Attributes:
        dim: Width of the embeddings.
        tell_truncated: Whether the encoder told which texts it cut.
    """

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._starts = [0]
        self.dim = 0
        self.tell_truncated = False

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
                self.tell_truncated = "cut" in part.keys()  # noqa: SIM118 -- it is no dictionary

    def known(self, truncated: int) -> int | None:
        """Return a count of what was cut; None where the encoder does not tell."""
        return truncated if self.tell_truncated else None

    def __iter__(self) -> Iterator[Rows]:
        return map(self.rows, range(len(self._files)))

    def rows(self, window: int) -> Rows:
        """Return the rows of a window, of which earlier windows may have embedded some."""
        with safe_open(self._files[window], "numpy") as part:
            numbers: Numbers = part.get_tensor("numbers")
        distinct, places = np.unique(numbers, return_inverse=True)
        homes = np.searchsorted(self._starts, distinct, side="right") - 1
        vectors = np.empty((len(distinct), self.dim), dtype=np.float32)
        cut = np.zeros(len(distinct), dtype=np.uint8)
        texts: list[str] = []
        for home in np.unique(homes):
            here = homes == home
            local = distinct[here] - self._starts[home]
            with safe_open(self._files[home], "numpy") as part:
                vectors[here] = _rows_of(part, "vectors", local)
                names = part.keys()
                if "cut" in names:
                    cut[here] = _rows_of(part, "cut", local)
                if "texts" in names:
                    texts += _texts_of(part, local)
        return Rows(vectors[places], int(cut[places].sum()), [texts[i] for i in places if texts])


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
