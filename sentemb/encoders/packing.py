"""Rows of tokens laid end to end, without padding."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentemb.errors import InputError
from sentemb.types import Mask

Lengths = NDArray[np.int64]
Tokens = NDArray[np.bool_]
_known: ContextVar[Tokens | None] = ContextVar("tokens", default=None)


@contextmanager
def lengths_known(lengths: Lengths) -> Iterator[None]:
    """Tell for a while how many tokens each row of a batch has, so that no mask is asked.

    Args:
        lengths: On the host; of rows that are padded on the right.
    """
    with tokens_known(np.arange(max(lengths, default=0)) < lengths[:, None]):
        yield


@contextmanager
def tokens_known(tokens: Tokens) -> Iterator[None]:
    """Tell for a while which places of a batch hold tokens, so that no mask is asked.

    Args:
        tokens: On the host, ``[rows, tokens]``.
    """
    token = _known.set(tokens)
    try:
        yield
    finally:
        _known.reset(token)


class TokenRun(NamedTuple):
    """Rows of one length, laid end to end.

    Args:
        rows: How many.
        length: Tokens of each.
    """

    rows: int
    length: int


@dataclass(frozen=True, eq=False)
class Packing:
    """Where each token of a padded batch stands when the padding is left out.

    Rows are sorted by length, so that rows of one length are a block without padding, which
    ordinary attention can be computed on.

    Args:
        shape: ``(rows, tokens)`` of the padded batch.
        tokens: ``[packed tokens]``: the place of each in the padded batch, row by row.
        runs: Rows of one length, in order.
        first: ``[rows]``: the place of each row's first token among the packed ones, in the order
            of the runs.
        first_only: Whether the last layer is computed for the first token of each row alone.
    """

    shape: tuple[int, int]
    tokens: Tensor
    runs: tuple[TokenRun, ...]
    first: Tensor
    first_only: bool = False

    @classmethod
    def of(cls, mask: Mask, *, first_only: bool = False) -> "Packing":
        """Pack a batch by its attention mask ``[rows, tokens]``.

        Where the lengths are not known, the host waits to read them off the mask.

        Raises:
            InputError: When a row has no token.
        """
        known = _known.get()
        if known is not None:
            return cls._of_known(known, mask, first_only=first_only)
        mask = mask.bool()
        lengths, order = mask.sum(dim=1).sort(stable=True)
        row, column = mask[order].nonzero(as_tuple=True)
        values, counts = torch.unique_consecutive(lengths, return_counts=True)
        runs = tuple(map(TokenRun, counts.tolist(), values.tolist()))
        _require_tokens(runs)
        return cls(
            shape=(mask.shape[0], mask.shape[1]),
            tokens=order[row] * mask.shape[1] + column,
            runs=runs,
            first=lengths.cumsum(0) - lengths,
            first_only=first_only,
        )

    @classmethod
    def _of_known(cls, known: Tokens, mask: Mask, *, first_only: bool) -> "Packing":
        lengths = known.sum(axis=1)
        order = np.argsort(lengths, kind="stable")
        ascending = lengths[order]
        values, counts = np.unique(ascending, return_counts=True)
        runs = tuple(map(TokenRun, counts.tolist(), values.tolist()))
        _require_tokens(runs)
        first = ascending.cumsum() - ascending
        row, column = known[order].nonzero()
        tokens = order[row] * mask.shape[1] + column
        return cls(
            shape=(mask.shape[0], mask.shape[1]),
            tokens=_moved(tokens, mask.device),
            runs=runs,
            first=_moved(first, mask.device),
            first_only=first_only,
        )

    @cached_property
    def padded(self) -> tuple[Tensor, Tensor]:
        """Rows in the order of the runs, padded to the longest: which places hold tokens.

        Returns:
            ``[rows, longest]``, and the places that do, ``[packed tokens]``.
        """
        lengths = np.repeat([run.length for run in self.runs], [run.rows for run in self.runs])
        real = np.arange(self.runs[-1].length) < lengths[:, None]
        device = self.tokens.device
        return _moved(real, device), _moved(np.flatnonzero(real), device)

    def pack(self, padded: Tensor) -> Tensor:
        """``[rows, tokens, dim]`` to ``[1, packed tokens, dim]``."""
        return padded.flatten(0, 1).index_select(0, self.tokens).unsqueeze(0)

    def unpack(self, packed: Tensor) -> Tensor:
        """``[1, packed tokens, dim]`` to ``[rows, tokens, dim]``, zeros where there was padding.

        A last layer of first tokens alone gives ``[1, rows, dim]``; all others are zeros then.
        """
        places = self.tokens
        if packed.shape[1] != len(places):
            places = places[self.first]
        rows, tokens = self.shape
        flat = packed.new_zeros(rows * tokens, packed.shape[2])
        return flat.index_copy(0, places, packed[0]).view(rows, tokens, -1)


def _moved(array: NDArray[Any], device: torch.device) -> Tensor:
    """Put an array on a device, behind what is queued there."""
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def _require_tokens(runs: tuple[TokenRun, ...]) -> None:
    if runs[0].length == 0:
        raise InputError(
            "Cannot embed a batch: a row has no token. The model's tokenizer finds none in its "
            "text and adds none. Leave such rows out."
        )
