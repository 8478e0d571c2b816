"""`View`: how one sentence is seen."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from torch import Tensor

from sentemb.types import Mask, TokenEmbeddings
from sentemb.views.draws import Draws

Edit = Callable[[str, Random], str]
TokenEdit = Callable[[list[int], Random], list[int]]
Order = Callable[[Mask, Draws], Tensor]
Perturbation = Callable[[TokenEmbeddings, Mask, Draws], TokenEmbeddings]


class TokenTemplate(NamedTuple):
    """Token ids around a text, special tokens included.

    Args:
        before: In front of the text.
        after: Behind it.

    Source: Jiang et al., 2022, PromptBERT (arXiv:2201.04337), section 4.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]


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
        template: Tokens around the text, in the place of those that the encoder's tokenizer puts
            there; what the encoder makes of them alone is subtracted from the embedding.

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
    template: TokenTemplate | None = None

    def read(self, row: dict[str, Any], random: Random) -> str:
        """Return this view's text of a row."""
        text: str = row[self.column]
        return text if self.edit is None else self.edit(text, random)
