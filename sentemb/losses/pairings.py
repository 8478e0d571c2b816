"""Build the candidates of each row: positives only, both views, or one view."""

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.contrast import Contrast
from sentemb.pairs import Pairs
from sentemb.texts import Texts, numbered_texts
from sentemb.types import Embeddings


def one_way(pairs: Pairs) -> Contrast:
    """Contrast each anchor with the other anchors' positives and all negatives.

    Raises:
        UsageError: When there is nothing to contrast with.
    """
    _need_a_negative(pairs)
    number = torch.arange(len(pairs.anchor), device=pairs.anchor.device)
    rows = pairs.anchor if pairs.contrasted is None else pairs.contrasted
    others = pairs.positive if pairs.contrasted is None else pairs.contrasted
    texts = None
    if pairs.texts is not None:
        anchor, positive, negatives = pairs.split_texts()
        other = positive if pairs.contrasted is None else anchor
        texts = _texts(pairs, anchor, torch.cat([other, negatives]))
    candidates = _joined(others, pairs.negatives)
    own = number.unsqueeze(1)
    whole = Contrast(pairs.anchor, pairs.positive, rows, candidates, own, texts, pairs.mask_above)
    return whole if pairs.in_batch else whole.among_last(_count(pairs.negatives))


def two_views(pairs: Pairs) -> Contrast:
    """Contrast all 2N rows, each with the 2N − 2 others and all negatives.

    Rows are the anchors, then the positives.

    Raises:
        UsageError: When there is nothing to contrast with.
    """
    _need_a_negative(pairs)
    anchors = torch.cat([pairs.anchor, pairs.positive])
    partners = torch.cat([pairs.positive, pairs.anchor])
    rows = anchors if pairs.contrasted is None else pairs.contrasted.repeat(2, 1)
    number = torch.arange(len(rows), device=rows.device)
    own = torch.stack([number, number.roll(len(pairs.anchor))], dim=1)
    texts = None
    if pairs.texts is not None:
        anchor, positive, negatives = pairs.split_texts()
        both = torch.cat([anchor, positive if pairs.contrasted is None else anchor])
        texts = _texts(pairs, both, torch.cat([both, negatives]))
    candidates = _joined(rows, pairs.negatives)
    whole = Contrast(anchors, partners, rows, candidates, own, texts, pairs.mask_above)
    return whole if pairs.in_batch else whole.among_last(_count(pairs.negatives))


def within_view(
    rows: Embeddings, texts: Tensor | None, partners: Tensor | None, mask_above: float
) -> Tensor:
    """Say which rows of one view are no false negatives of each other, ``[batch, batch]``.

    Args:
        rows: The embeddings of the view.
        texts: The numbers of their texts, where they are known.
        partners: Those of their other views.
        mask_above: Rows of a greater cosine are left out.
    """
    number = torch.arange(len(rows), device=rows.device)
    known = None
    if texts is not None and partners is not None:
        known = numbered_texts(texts, texts, (texts, partners))
    own = number.unsqueeze(1)
    return Contrast(rows, rows, rows, rows, own, known, mask_above).is_negative(number)


def _texts(pairs: Pairs, rows: Tensor, candidates: Tensor) -> Texts:
    anchor, positive, negatives = pairs.split_texts()
    first, second = [anchor], [positive]
    if pairs.partners is not None:
        first.append(negatives)
        second.append(pairs.partners)
    return numbered_texts(rows, candidates, (torch.cat(first), torch.cat(second)))


def _joined(first: Embeddings, negatives: Embeddings | None) -> Embeddings:
    return first if negatives is None else torch.cat([first, negatives])


def _count(negatives: Embeddings | None) -> int:
    return 0 if negatives is None else len(negatives)


def _need_a_negative(pairs: Pairs) -> None:
    if _count(pairs.negatives):
        return
    if not pairs.in_batch:
        raise UsageError(
            "Only a queue's embeddings are negatives here, and there are none for this direction: "
            "use a loss of one direction, as infonce or flatnce-one-way."
        )
    if len(pairs.anchor) < 2:
        raise UsageError(
            "A batch of 1 pair has no negative to contrast with: use a batch of 2 or more, "
            "or give negatives."
        )
