"""Values of a record as its card shows them."""

from typing import Any

from sentemb.inert import cell


def cells(content: dict[str, Any]) -> dict[str, Any]:
    """Make all strings of nested dictionaries inert.

    Example:
        >>> cells({"model": "a<b", "how": {"dim": 3}})
        {'model': 'a&lt;b', 'how': {'dim': 3}}
    """
    return {key: _cell(value) for key, value in content.items()}


def name_cell(name: str) -> str:
    """Make the name of a folder inert in a string of Python, too."""
    return cell(name).replace('"', "'")


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return cells(value)
    return cell(value) if isinstance(value, str) else value
