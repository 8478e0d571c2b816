"""Losses of embeddings that can be cut short."""

from dataclasses import dataclass
from functools import partial

from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.combine import Around, Loss, total
from sentemb.pairs import Pairs
from sentemb.types import Embeddings
from sentemb.values import is_whole


@dataclass(frozen=True)
class Matryoshka(Around):
    r"""Any loss, also of the first dimensions alone, so that embeddings can be cut short.

    .. math:: \sum_d w_d \, \mathcal L(x_{1:d}, \dots)

    Of a twin with a projector it is the projector's output that can be cut, not the embedding that
    is deployed: use a twin without.

    Needs: what its loss needs.

    Use it: to store embeddings of less than their full length.

    Args:
        contrast: The loss.
        dims: Lengths; name the full one too.
        weights: One for each; all 1 where none are given.

    Raises:
        UsageError: When a length is below 1, beyond the embeddings' or given twice, or there are
            not as many weights as lengths.

    Source: Kusupati et al., 2022 (arXiv:2205.13147), equation 1.

    Example:
        >>> import torch
        >>> from sentemb.losses import InfoNCE
        >>> nested = Matryoshka(InfoNCE(1.0), dims=(2, 1))
        >>> nested(Pairs(torch.ones(2, 2), torch.ones(2, 2)))
        {'dim_2': tensor(0.6931), 'dim_1': tensor(0.6931)}
    """

    dims: tuple[int, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        dims = self.dims if isinstance(self.dims, tuple | list) else ()
        if not dims or not all(is_whole(dim) and dim >= 1 for dim in dims):
            raise UsageError(f"Matryoshka needs dimensions of at least 1, got {self.dims!r}.")
        if len(set(self.dims)) < len(self.dims):
            raise UsageError(f"Matryoshka needs each length once, got {list(self.dims)}.")
        if self.weights and len(self.weights) != len(self.dims):
            raise UsageError(
                f"Matryoshka needs a weight for each length, got {len(self.dims)} lengths and "
                f"{len(self.weights)} weights."
            )

    def __call__(self, pairs: Pairs) -> dict[str, Tensor]:
        """Return the weighted loss of each length, by its name."""
        weights = self.weights or (1.0,) * len(self.dims)
        given = zip(self.dims, weights, self.given(pairs), strict=True)
        return {f"dim_{dim}": weight * total(loss(cut)) for dim, weight, (loss, cut) in given}

    def given(self, pairs: Pairs) -> list[tuple[Loss, Pairs]]:
        """Return the loss with the pairs of each length.

        Raises:
            UsageError: When a length is beyond the embeddings'.
        """
        full = pairs.anchor.shape[1]
        if max(self.dims) > full:
            raise UsageError(
                f"Matryoshka of {max(self.dims)} dimensions, but the embeddings have {full}."
            )
        return [(self.contrast, pairs.map(partial(_first, dim))) for dim in self.dims]


def _first(dim: int, embeddings: Embeddings) -> Embeddings:
    return embeddings[..., :dim]
