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
        rows: Which place stands for the text of each row, among the rows sorted by text.
        columns: The same of each candidate, among the candidates.
        first: Which place of a row stands for the one of every two that match, each pair both ways
            round, each row with itself; the number of rows where none does.
        second: Which place of a candidate stands for the other, in the same way.
    """

    rows: Tensor
    columns: Tensor
    first: Tensor
    second: Tensor

    def match(self, number: Tensor) -> Tensor:
        """Say which candidates match the text of which of some rows, ``[rows, candidates]``."""
        count, text = len(number), self.rows[number]
        row = torch.full((len(self.rows) + 1,), count, device=number.device)
        row[text] = torch.arange(count, device=number.device)  # one stands for all of a text
        shape = count + 1, len(self.columns) + 1  # the last of each is for what is not there
        matching = torch.zeros(shape, dtype=torch.bool, device=number.device)
        matching[row[self.first], self.second] = True
        return matching.index_select(0, row[text]).index_select(1, self.columns)


def numbered_texts(rows: Tensor, candidates: Tensor, pairs: tuple[Tensor, Tensor]) -> Texts:
    """Return rows and candidates by their texts.

    Args:
        rows: A number for the text of each row, equal for equal texts.
        candidates: The same for each candidate.
        pairs: The same for both texts of every pair, first and second.
    """
    by_text, others = rows.sort().values, candidates.sort().values
    first, second = pairs
    return Texts(
        _places(by_text, rows),
        _places(others, candidates),
        _places(by_text, torch.cat([first, second, rows])),
        _places(others, torch.cat([second, first, rows])),
    )


def _places(known: Tensor, wanted: Tensor) -> Tensor:
    """Return the first place of each in a sorted list, its length where it is not there."""
    places = torch.searchsorted(known, wanted)
    found = known[places.clamp(max=len(known) - 1)] == wanted
    return places.where(found, len(known))
