"""`View`: how one sentence is seen."""

from collections.abc import Callable
from dataclasses import dataclass

from sentemb.types import Mask, TokenEmbeddings

Edit = Callable[[str], str]
Perturbation = Callable[[TokenEmbeddings, Mask], TokenEmbeddings]


@dataclass(frozen=True)
class View:
    """One way to see a row: a column, a string edit, a perturbation of its token embeddings.

    Two views that differ in nothing still differ by dropout: that is unsupervised SimCSE.

    Args:
        column: Which text of the row.
        edit: Changes the string, before tokenisation.
        perturb: Changes the output of the encoder's embedding block, shape
            ``[rows, tokens, dim]``, given the mask of real tokens ``[rows, tokens]``.

    Example:
        >>> View() == View(column="text")
        True
        >>> View(edit=str.lower).read({"text": "A Cat"})
        'a cat'
    """

    column: str = "text"
    edit: Edit | None = None
    perturb: Perturbation | None = None

    def read(self, row: dict[str, str]) -> str:
        """Return this view's text of a row."""
        text = row[self.column]
        return text if self.edit is None else self.edit(text)
