"""A predictor that knows which edit was made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from sentemb.pairs import Pairs
from sentemb.twins.heads import width
from sentemb.twins.twin import EncoderTwin, need_views_of_pairs, text_ids
from sentemb.types import Embeddings, Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class EditPredictor(nn.Module):
    r"""A linear map of embeddings for each edit, :math:`T_e(z) = z + W_e z + b_e`.

    W and b start at 0: no edit changes anything.

    Args:
        edits: How many there are.
        dim: Of the embeddings.

    Source: after Dangovski et al., 2022 (arXiv:2111.00899); the map is ours.
    """

    def __init__(self, edits: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(edits, dim, dim))
        self.bias = nn.Parameter(torch.zeros(edits, dim))

    def forward(self, embeddings: Embeddings, edit: int) -> Embeddings:
        """Predict the embeddings of the same texts after an edit, ``[batch, dim]``."""
        return embeddings + embeddings @ self.weight[edit].T + self.bias[edit]


class Equivariant(EncoderTwin):
    r"""The first view predicts each of the others, which are edits of it, by a map of that edit.

    .. math:: \{ (T_e(z_0), z_e) : e = 1, 2, … \}, \qquad \text{negatives } z_{e'}, \; e' \ne e

    A text's other edits are its hard negatives: a prediction is right only where it says which edit
    was made. So embeddings need not forget edits, as they must where T is the identity
    (`Siamese`). The loss is the mean over the pairings.

    Args:
        encoder: What is deployed.
        edits: Views behind the first.

    Source: Dangovski et al., 2022 (arXiv:2111.00899), for the aim. Deviation: the edit is given to
        a predictor, where theirs is found by a classifier.
    """

    def __init__(self, encoder: "SentenceTransformer", edits: int) -> None:
        super().__init__(encoder)
        self.predictor = EditPredictor(edits, width(encoder)).to(encoder.device)

    def forward(
        self, features: Sequence[Features], views: Sequence[View] = ()
    ) -> tuple[Pairs, ...]:
        """Return a pairing for each view behind the first.

        Raises:
            UsageError: When there is none.
        """
        need_views_of_pairs(self, features)
        clean, *edited = self.embed(features, views)
        self.before_predictor = clean.detach(), edited[0].detach()
        texts = _numbered(text_ids(features), len(features))
        edits = list(zip(features, views, strict=True))[1:] if views else []
        return tuple(
            _pairing(self.predictor(clean, edit), edited, texts, edit, _differ(edits, edit))
            for edit in range(len(edited))
        )


def _numbered(texts: Tensor | None, views: int) -> list[Tensor]:
    """Return the ids of each view's texts: an edited text is another one than the clean one."""
    if texts is None:
        return []
    return [ids + edit for edit, ids in enumerate(texts.chunk(views))]


def _differ(edits: Sequence[tuple[Features, View]], edit: int) -> Tensor | None:
    """Return which of the other edits made something else of a row, ``[rows, edits - 1]``.

    Two edits of words may leave a short text as it is, or change it alike. Views that order or
    perturb what is read of the same tokens always differ.
    """
    if len(edits) < 2:
        return None
    (own, view), others = edits[edit], [*edits[:edit], *edits[edit + 1 :]]
    ids = own["input_ids"]
    columns = []
    for features, other in others:
        theirs = features["input_ids"]
        width = max(ids.shape[1], theirs.shape[1])
        x, y = (
            pad(one * each["attention_mask"], (0, width - one.shape[1]))
            for one, each in ((ids, own), (theirs, features))
        )
        of_words = (view.order, view.perturb) == (other.order, other.perturb)
        columns.append((x != y).any(dim=1) | (not of_words))
    return torch.stack(columns, dim=1)


def _pairing(
    prediction: Embeddings,
    edited: Sequence[Embeddings],
    texts: Sequence[Tensor],
    edit: int,
    present: Tensor | None,
) -> Pairs:
    """Pair a prediction up with its edit; the other edits are negatives of the row."""
    others = [number for number in range(len(edited)) if number != edit]
    hard = torch.stack([edited[number] for number in others], dim=1) if others else None
    ids = None
    if texts:
        of_others = [torch.stack([texts[number + 1] for number in others], dim=1)] if others else []
        ids = torch.cat([texts[0], texts[edit + 1], *(each.flatten() for each in of_others)])
    return Pairs(prediction, edited[edit], hard, present=present, texts=ids)
