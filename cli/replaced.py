"""Which options of a method ``--view`` and ``--loss`` take the place of."""

from collections.abc import Sequence
from typing import Any

from sentemb.errors import UsageError

OPTIONS_OF_VIEWS = frozenset({"alpha", "synonyms", "keep_negations", "repetition", "rate"})
OPTIONS_OF_LOSS = frozenset(
    {"temperature", "hard_negative_weight", "epsilon", "off_diagonal_weight"}
    | {"invariance_weight", "variance_weight", "covariance_weight"}
)


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
