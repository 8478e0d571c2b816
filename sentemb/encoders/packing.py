"""Rows of tokens laid end to end, without padding."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sentemb.errors import InputError
from sentemb.types import Mask


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

        Raises:
            InputError: When a row has no token.
        """
        mask = mask.bool()
        lengths, order = mask.sum(dim=1).sort(stable=True)
        row, column = mask[order].nonzero(as_tuple=True)
        values, counts = torch.unique_consecutive(lengths, return_counts=True)
        runs = tuple(map(TokenRun, counts.tolist(), values.tolist()))
        if runs[0].length == 0:
            raise InputError(
                "Cannot embed a batch: a row has no token. The model's tokenizer finds none in its "
                "text and adds none. Leave such rows out."
            )
        return cls(
            shape=(mask.shape[0], mask.shape[1]),
            tokens=order[row] * mask.shape[1] + column,
            runs=runs,
            first=lengths.cumsum(0) - lengths,
            first_only=first_only,
        )

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
