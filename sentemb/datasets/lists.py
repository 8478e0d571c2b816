"""Lists of texts in one row, as FlagEmbedding's ``pos`` and ``neg`` hold them."""

from collections.abc import Iterable
from typing import Any

from sentemb.datasets.files import text_of


def first_of(row: dict[str, Any], column: str, source: object, number: int) -> str:
    """Return a row's text, or the first of a list of texts; "" where there is none.

    Raises:
        InputError: When it is something else; names the row.
    """
    return text_of({column: first_text(row.get(column))}, column, source, number)


def each_of(row: dict[str, Any], column: str, source: object, number: int) -> list[str]:
    """Return the texts of a row's column, one or a list of them, without what is blank.

    Raises:
        InputError: When one is something else; names the row.
    """
    value = row.get(column)
    values = value if isinstance(value, list) else [value]
    texts = (text_of({column: each}, column, source, number) for each in values)
    return [text for text in texts if text.strip()]


def first_text(value: Any) -> Any:
    """Return the first of a list of texts, and any other value as it is.

    Example:
        >>> first_text(["a", "b"]), first_text([]), first_text("a"), first_text([1])
        ('a', None, 'a', [1])
    """
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value[0] if value else None
    return value


def is_listed(values: Iterable[Any]) -> bool:
    """Tell whether one of some values is a list of several."""
    return any(isinstance(value, list) and len(value) > 1 for value in values)
