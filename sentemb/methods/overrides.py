"""Other views and losses in the place of a method's own, and what wraps its loss."""

from collections.abc import Sequence
from dataclasses import replace

from sentemb.errors import UsageError, unknown
from sentemb.losses import (
    AnglE,
    Contrastive,
    CoSENT,
    CosineDistillation,
    CosineSimilarity,
    Guided,
    ListMLE,
    ListNet,
    Loss,
    MarginMSE,
    MaskSimilar,
    Matryoshka,
    MSEDistillation,
    SimilarityKL,
    SimilarityMSE,
    Sum,
    WithScore,
)
from sentemb.losses.combine import parts
from sentemb.losses.compared_by import L1, L2, Cosine, Dot, PairScore, ScoreName
from sentemb.losses.contrast import Contrasting
from sentemb.method import Method
from sentemb.twins.heads import width
from sentemb.views import View

TAUGHT = (
    *(CosineDistillation, MSEDistillation, MarginMSE, SimilarityKL, SimilarityMSE),
    *(ListMLE, ListNet),
)
"""Losses that read a teacher's vectors."""
SCORES: dict[str, type[PairScore]] = {
    "cosine": Cosine,
    "dot": Dot,
    "bilinear": Dot,
    "l1": L1,
    "l2": L2,
}
"""Classes of scores by name; the bilinear one is the dot product behind a layer."""


def override(
    method: Method,
    name: str,
    views: Sequence[View] = (),
    loss: Loss | None = None,
    *,
    matryoshka: Sequence[int] = (),
    mask_above: float | None = None,
    score: ScoreName | None = None,
) -> Method:
    """Return a method whose views and loss are replaced.

    A teacher guides the loss in the place of one that it guided, unless that reads the teacher
    itself and contrasts nothing. The views of a method keep their columns and templates. Two for a
    method of four views (two sentences, then both again) are each for two of them; one is for all.

    Args:
        method: Of the recipe.
        name: Of the recipe.
        views: In their place; empty for the method's own.
        loss: In its place; None for the method's own.
        matryoshka: Lengths that the loss is nested at.
        mask_above: Cosine above which candidates are not negatives.
        score: What the loss compares embeddings by. The layer of ``bilinear`` is the encoder's.

    Raises:
        UsageError: When the views cannot be spread evenly over the views, the method's loss is a
            sum, a teacher's margins have no effect, or what could be cut short, or scored, is not
            what is deployed.
    """
    seen = _in_their_place(method, name, views) if views else method.views
    compared = method.loss
    if loss is not None:
        if isinstance(method.loss, Sum):
            raise UsageError(
                f"{name} adds up several losses, so `loss` cannot say which to replace: compose "
                "it in Python (sentemb.losses.Sum)."
            )
        compared = _guided(method.loss, loss) if isinstance(method.loss, Guided) else loss
        _need_a_graded_loss(method, loss, name)
    if score is not None:
        if score not in SCORES:
            raise UsageError(unknown("score", score, list(SCORES)))
        if score == "bilinear" and getattr(method.twin, "projector", None) is not None:
            raise UsageError(
                f"`score=bilinear` learns a layer that is deployed, and {name} compares the output "
                "of a head that training alone has: use a method without one (simcse-sup)."
            )
        compared = WithScore(compared, SCORES[score]())
    if matryoshka:
        if isinstance(method.loss, Sum):
            raise UsageError(
                f"{name} adds up several losses, not all of which have lengths: compose it in "
                "Python (sentemb.losses.Matryoshka)."
            )
        if getattr(method.twin, "projector", None) is not None:
            raise UsageError(
                f"`matryoshka` nests what is compared, and {name} compares the output of a head "
                "that training alone has: use `pooling=cls` (whose head is deployed), or a method "
                "without one (simcse-sup, consert)."
            )
        compared = Matryoshka(compared, dims=_with_the_full(matryoshka, width(method.encoder)))
    if mask_above is not None:
        compared = MaskSimilar(compared, above=mask_above)
    return Method(seen, method.twin, compared)


def _guided(own: Guided, loss: Loss) -> Loss:
    """Return a loss as a teacher guides it; what reads the teacher alone stays as it is."""
    taught, contrasting = (
        any(isinstance(p, k) for p in parts(loss)) for k in (TAUGHT, Contrasting)
    )
    if contrasting or not taught:
        return own.of([loss])
    if own.margin or own.relative_margin:
        raise UsageError(
            "`margin` and `relative_margin` choose what is contrasted, and this loss contrasts "
            "nothing: leave them out."
        )
    return loss


def _with_the_full(dims: Sequence[int], full: int) -> tuple[int, ...]:
    return tuple(dims) if max(dims) >= full else (full, *dims)


def _need_a_graded_loss(method: Method, loss: Loss, name: str) -> None:
    """Raise where a method of graded pairs gets a loss that takes each pair as a positive."""
    graded = (AnglE, CoSENT, Contrastive, CosineSimilarity)
    if isinstance(method.loss, graded) and not any(isinstance(p, graded) for p in parts(loss)):
        raise UsageError(
            f"{name} has pairs with scores, and this loss would take each pair for a positive: "
            "use cosent, angle, cosine-similarity or contrastive, or a method of pairs "
            "(simcse-sup)."
        )


def _in_their_place(method: Method, name: str, views: Sequence[View]) -> tuple[View, ...]:
    if not method.views:
        raise UsageError(f"{name} reads no texts, which views are of: leave them out.")
    slots = _slots(method.views)
    own = slots[-1] + 1
    if own % len(views):
        columns = ", ".join(
            dict(zip(slots, (v.column for v in method.views), strict=True)).values()
        )
        raise UsageError(
            f"{name} has {own} views (of {columns}): give "
            f"{' or '.join(str(k) for k in range(1, own + 1) if own % k == 0)} in their place, "
            f"not {len(views)}."
        )
    times = own // len(views)
    return tuple(
        replace(views[slot // times], column=view.column, template=view.template)
        for slot, view in zip(slots, method.views, strict=True)
    )


def _slots(views: Sequence[View]) -> list[int]:
    """Number the views; all hard negatives of a row are seen alike and have one number."""
    slots: list[int] = []
    for before, view in zip([None, *views], views, strict=False):
        alike = before is not None and all(v.column.startswith("negative") for v in (before, view))
        slots.append((slots[-1] if slots else -1) + (not alike))
    return slots
