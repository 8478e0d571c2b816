"""`View`: how one sentence is seen."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from torch import Tensor

from sentemb.types import Mask, TokenEmbeddings
from sentemb.views.draws import Draws

Edit = Callable[[str, Random], str]
TokenEdit = Callable[[list[int], Random], list[int]]
Order = Callable[[Mask, Draws], Tensor]
Perturbation = Callable[[TokenEmbeddings, Mask, Draws], TokenEmbeddings]


@dataclass(frozen=True)
class View:
    """One way to see a row: a column, and at each stage on its way a change, or none.

    Two views that differ in nothing still differ by dropout: that is unsupervised SimCSE. All
    that is random comes from what a stage is handed (``Random``, `Draws`), which is seeded by
    (seed, epoch, row, view).

    Args:
        column: Which text of the row.
        edit: Changes the string, before tokenisation.
        edit_tokens: Changes the token ids between the special tokens, after truncation.
        order: Which token stands at each place, shape ``[rows, tokens]``, given the mask of real
            tokens; see `TokenShuffle`.
        perturb: Changes the output of the encoder's embedding block, shape
            ``[rows, tokens, dim]``, given the mask of real tokens ``[rows, tokens]``.

    Example:
        >>> View() == View(column="text")
        True
        >>> View(edit=lambda text, random: text.lower()).read({"text": "A Cat"}, Random(0))
        'a cat'
    """

    column: str = "text"
    edit: Edit | None = None
    edit_tokens: TokenEdit | None = None
    order: Order | None = None
    perturb: Perturbation | None = None

    def read(self, row: dict[str, Any], random: Random) -> str:
        """Return this view's text of a row."""
        text: str = row[self.column]
        return text if self.edit is None else self.edit(text, random)
