"""What ``--view`` and ``--loss`` replace of a method."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sentemb.errors import UsageError
from sentemb.losses import Sum
from sentemb.method import Method

from .parts import make_loss, make_view

OPTIONS_OF_VIEWS = frozenset({"alpha", "synonyms", "keep_negations", "repetition", "rate"})
OPTIONS_OF_LOSS = frozenset({"temperature", "hard_negative_weight"})
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


def override(method: Method, name: str, views: Sequence[str], loss: str | None) -> None:
    """Put views and loss in the place of a method's own.

    The views of a method keep their columns. Two names for a method of four views (two sentences,
    then both again) are each for two of them; one name is for all.

    Raises:
        UsageError: When the names cannot be spread evenly over the views, or the method's loss is
            a sum.
    """
    if views:
        own = len(method.views)
        if own % len(views):
            columns = ", ".join(view.column for view in method.views)
            raise UsageError(
                f"{name} has {own} views (of {columns}): give --view "
                f"{' or '.join(str(k) for k in range(1, own + 1) if own % k == 0)} times, not "
                f"{len(views)}."
            )
        made = [make_view(words, method.encoder) for words in views]
        each = own // len(views)
        method.views = tuple(
            replace(made[i // each], column=view.column) for i, view in enumerate(method.views)
        )
    if loss is not None:
        if isinstance(method.loss, Sum):
            raise UsageError(
                f"{name} adds up several losses, so --loss cannot say which to replace: compose "
                "it in Python (sentemb.losses.Sum)."
            )
        method.loss = make_loss(loss)
