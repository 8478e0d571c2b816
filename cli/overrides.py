"""What ``--view`` and ``--loss`` replace of a method, and what else wraps its loss."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sentemb.errors import UsageError

from .spec import make_loss, make_view

if TYPE_CHECKING:
    from sentemb.losses import Loss
    from sentemb.method import Method
    from sentemb.views import View

OPTIONS_OF_VIEWS = frozenset({"alpha", "synonyms", "keep_negations", "repetition", "rate"})
OPTIONS_OF_LOSS = frozenset(
    {"temperature", "hard_negative_weight", "epsilon", "off_diagonal_weight"}
    | {"invariance_weight", "variance_weight", "covariance_weight"}
)
"""The options of methods that --view and --loss take the place of."""


def remaining_options(
    options: dict[str, Any], typed: set[str], views: Sequence[str], loss: str | None
) -> dict[str, Any]:
    """Return a method's options without those of the parts that are replaced.

    Raises:
        UsageError: When one of them was typed: it would have no effect.
    """
    replaced = OPTIONS_OF_VIEWS if views else frozenset()
    replaced |= OPTIONS_OF_LOSS if loss is not None else frozenset()
    for name in sorted(typed & replaced):
        flag = "view" if name in OPTIONS_OF_VIEWS else "loss"
        raise UsageError(
            f"--{name.replace('_', '-')} has no effect beside --{flag}, which replaces what it "
            f"belongs to: write it there, as --{flag} NAME:OPTION=VALUE."
        )
    return {name: value for name, value in options.items() if name not in replaced}


def override(
    method: "Method",
    name: str,
    views: Sequence[str],
    loss: str | None,
    *,
    matryoshka: Sequence[int] = (),
    mask_above: float | None = None,
) -> "Method":
    """Return a method with views and loss in the place of its own.

    The views of a method keep their columns. Two names for a method of four views (two sentences,
    then both again) are each for two of them; one name is for all.

    Args:
        method: Of the recipe.
        name: Of the recipe.
        views: Words of views; empty for the method's own.
        loss: Words of a loss; None for the method's own.
        matryoshka: Lengths that the loss is nested at.
        mask_above: Cosine above which candidates are no negatives.

    Raises:
        UsageError: When the names cannot be spread evenly over the views, the method's loss is a
            sum, or what could be cut short is not what is deployed.
    """
    from sentemb.losses import MaskSimilar, Matryoshka, Sum  # torch: words are read without it
    from sentemb.method import Method
    from sentemb.twins.heads import width

    seen = _views(method, name, views) if views else method.views
    compared = method.loss
    if loss is not None:
        if isinstance(method.loss, Sum):
            raise UsageError(
                f"{name} adds up several losses, so --loss cannot say which to replace: compose "
                "it in Python (sentemb.losses.Sum)."
            )
        compared = make_loss(loss)
        _need_a_graded_loss(method, compared, name)
    if matryoshka:
        if isinstance(method.loss, Sum):
            raise UsageError(
                f"{name} adds up several losses, not all of which have lengths: compose it in "
                "Python (sentemb.losses.Matryoshka)."
            )
        if getattr(method.twin, "projector", None) is not None:
            raise UsageError(
                f"--matryoshka nests what is compared, and {name} compares the output of a head "
                "that training alone has: use --pooling cls (whose head is deployed), or a method "
                "without one (simcse-sup, consert)."
            )
        compared = Matryoshka(compared, dims=_with_the_full(matryoshka, width(method.encoder)))
    if mask_above is not None:
        compared = MaskSimilar(compared, above=mask_above)
    return Method(seen, method.twin, compared)


def _with_the_full(dims: Sequence[int], full: int) -> tuple[int, ...]:
    return tuple(dims) if max(dims) >= full else (full, *dims)


def _need_a_graded_loss(method: "Method", loss: "Loss", name: str) -> None:
    """Raise where a method of graded pairs gets a loss that takes each pair as a positive."""
    from sentemb.losses import AnglE, Contrastive, CoSENT
    from sentemb.losses.combine import parts

    graded = (AnglE, CoSENT, Contrastive)
    if isinstance(method.loss, graded) and not any(isinstance(p, graded) for p in parts(loss)):
        raise UsageError(
            f"{name} has pairs with scores, and this loss would take each pair for a positive: "
            "use cosent, angle or contrastive, or a method of pairs (simcse-sup)."
        )


def _views(method: "Method", name: str, words: Sequence[str]) -> "tuple[View, ...]":
    own = len(method.views)
    if own % len(words):
        columns = ", ".join(view.column for view in method.views)
        raise UsageError(
            f"{name} has {own} views (of {columns}): give --view "
            f"{' or '.join(str(k) for k in range(1, own + 1) if own % k == 0)} times, not "
            f"{len(words)}."
        )
    made = [make_view(each, method.encoder) for each in words]
    times = own // len(words)
    return tuple(
        replace(made[i // times], column=view.column) for i, view in enumerate(method.views)
    )
