"""How many a rate is."""

from sentemb.errors import UsageError
from sentemb.values import require_kinds_of_fields


def check_rate(of: object, rate: float, name: str = "rate") -> None:
    """Raise unless a rate is in [0, 1].

    Raises:
        UsageError: Names the class, what came, and what is allowed.
    """
    require_kinds_of_fields(of)
    if not 0 <= rate <= 1:
        raise UsageError(f"{type(of).__name__} takes a {name} in [0, 1], got {rate}.")


def check_positive(of: object, value: float, name: str) -> None:
    """Raise unless a size is a positive, finite number.

    Raises:
        UsageError: Names the class, what came, and what is allowed.
    """
    require_kinds_of_fields(of)
    if not 0 < value < float("inf"):
        raise UsageError(f"{type(of).__name__} takes a positive {name}, got {value}.")
