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

    Shapes depend on counts alone, never on which texts are equal, so nothing waits for the device.

    Args:
        rows: A number for the text of each row, equal for equal texts.
        columns: Which candidate stands for the text of each candidate, among them sorted.
        first: The text of every two that match, each pair both ways round, each row with itself.
        second: Which candidate stands for the other text, or how many there are where none does.
    """

    rows: Tensor
    columns: Tensor
    first: Tensor
    second: Tensor

    def match(self, number: Tensor) -> Tensor:
        """Say which candidates match the text of which of some rows, ``[rows, candidates]``."""
        text = self.rows[number]
        known = text.sort().values
        row = _places(known, self.first)  # one of several rows of a text stands for all
        shape = len(number) + 1, len(self.columns) + 1  # the last of each is for what is not there
        matching = torch.zeros(shape, dtype=torch.bool, device=number.device)
        matching[row, self.second] = True
        return matching.index_select(0, _places(known, text)).index_select(1, self.columns)


def numbered_texts(rows: Tensor, candidates: Tensor, pairs: tuple[Tensor, Tensor]) -> Texts:
    """Return rows and candidates by their texts.

    Args:
        rows: A number for the text of each row, equal for equal texts.
        candidates: The same for each candidate.
        pairs: The same for both texts of every pair, first and second.
    """
    known = candidates.sort().values
    first, second = pairs
    second_ones = _places(known, torch.cat([second, first, rows]))
    return Texts(rows, _places(known, candidates), torch.cat([first, second, rows]), second_ones)


def _places(known: Tensor, wanted: Tensor) -> Tensor:
    """Return the first place of each in a sorted list, its length where it is not there."""
    places = torch.searchsorted(known, wanted)
    found = known[places.clamp(max=len(known) - 1)] == wanted
    return places.where(found, len(known))
