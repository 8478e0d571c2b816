"""What is not text, decoded once before the first step: pictures, or sounds, by their number."""

import weakref
from collections.abc import Iterable, Sequence
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentemb.modalities.picture_files import number_of_content


class Signals:
    """Decoded pictures or sounds, each distinct one once, in a temporary file mapped to memory.

    Args:
        shape: Of one.
        dtype: Of its numbers.
    """

    def __init__(self, shape: Sequence[int], dtype: Any) -> None:
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self._file: Any = TemporaryFile(prefix="sentemb-")  # noqa: SIM115 -- as long as this
        weakref.finalize(self, self._file.close)
        self._place: dict[int, int] = {}
        self._mapped: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self._place)

    def add(self, content: NDArray[Any]) -> int:
        """Keep a decoded picture or sound, and return its number."""
        number = number_of_content(content)
        if number not in self._place:
            self._place[number] = len(self._place)
            self._file.write(np.ascontiguousarray(content, self.dtype).data)
            self._mapped = None
        return number

    @property
    def numbers(self) -> list[int]:
        """The numbers of all, in the order in which they came."""
        return list(self._place)

    def of(self, numbers: Iterable[int]) -> Tensor:
        """Return those of some numbers, ``[rows, *shape]``."""
        if self._mapped is None:
            self._file.flush()
            flat = np.memmap(self._file, self.dtype, "r")
            self._mapped = flat.reshape(len(self._place), *self.shape)
        places = [self._place[number] for number in numbers]
        return torch.from_numpy(self._mapped[places])
