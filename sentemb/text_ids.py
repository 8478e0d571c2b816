"""Which texts of a batch may be contrasted: not equal ones, nor two that form a pair in it."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Texts:
    """Rows and candidates by their texts, and every two texts that are not negatives.

    Two texts match where they are one, or where they are a pair anywhere in the batch: with rows
    (A, P), (A, Q), (B, Q) the second Q is not a negative of the first A. One step only: A and B
    match neither each other nor what else the other is paired with.

    Args:
        rows: The text of each row, by its place in a list of the distinct texts.
        candidates: The same of each candidate.
        distinct: How many distinct texts there are.
        keys: ``first * distinct + second`` of every two texts that match, ascending.
    """

    rows: Tensor
    candidates: Tensor
    distinct: int
    keys: Tensor

    def match(self, number: Tensor) -> Tensor:
        """Say which candidates match the text of which of some rows, ``[rows, candidates]``."""
        text = self.rows[number]
        first = torch.searchsorted(self.keys, text * self.distinct)
        count = torch.searchsorted(self.keys, (text + 1) * self.distinct) - first
        row = torch.arange(len(number), device=number.device).repeat_interleave(count)
        start = (first + count - count.cumsum(dim=0)).repeat_interleave(count)
        places = start + torch.arange(len(row), device=number.device)
        matching = torch.zeros(len(number), self.distinct, dtype=torch.bool, device=number.device)
        matching[row, self.keys[places] % self.distinct] = True
        return matching[:, self.candidates]


def numbered_texts(rows: Tensor, candidates: Tensor, pairs: tuple[Tensor, Tensor]) -> Texts:
    """Return rows and candidates by their texts.

    Args:
        rows: A number for the text of each row, equal for equal texts.
        candidates: The same for each candidate.
        pairs: The same for both texts of every pair, first and second.
    """
    known = [rows, candidates, *pairs]
    numbers, places = torch.unique(torch.cat(known), return_inverse=True)
    row, candidate, first, second = places.split([len(each) for each in known])
    distinct = len(numbers)
    itself = torch.arange(distinct, device=rows.device)
    keys = torch.cat([first, second, itself]) * distinct + torch.cat([second, first, itself])
    return Texts(row, candidate, distinct, torch.unique(keys))
