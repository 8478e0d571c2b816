"""The columns of the input that are written beside the vectors: stored as JSON, a row an object."""

import json
import math
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sentemb.errors import InputError

if TYPE_CHECKING:
    import pyarrow

EMBEDDING = "embedding"
SPAN = ("row", "start", "end", "tokens")
"""What the output says of a chunk: the row that it is of, from 1; its first character in the text,
and the one behind its last; its tokens."""
Columns = Mapping[str, Any]
"""The names of an output's columns beside the vectors, and pyarrow's type of each."""


def as_json(row: Mapping[str, Any], taken: Collection[str] = (EMBEDDING,)) -> str:
    r"""Return a row as JSON: what JSON has no word for is written as text.

    Dates are written as ISO 8601 has them; a number that is not finite is null.

    Args:
        row: Values by column.
        taken: Names that the output uses for other columns.

    Raises:
        InputError: When a column has one of these names.

    Example:
        >>> as_json({"id": 7, "text": "é", "score": float("nan")})
        '{"id": 7, "text": "é", "score": null}'
    """
    if clash := next((name for name in taken if name in row), None):
        own = "the vectors are" if clash == EMBEDDING else "one of the chunks is"
        raise InputError(
            f"A column of the input is called '{clash}', as {own}: rename it, or leave "
            "`keep_columns` out."
        )
    return json.dumps(_plain(row), ensure_ascii=False)


def columns_of(windows: Iterable[list[dict[str, Any]]]) -> Columns:
    """Return the columns of rows, in the order in which they come, and a type that holds all of it.

    Numbers, words and lists of them stay what they are. Where a column mixes kinds, or holds
    objects, it is a column of texts.

    Args:
        windows: Rows, several at a time.
    """
    import pyarrow

    schemas: dict[str, list[Any]] = {}
    for rows in windows:
        names = dict.fromkeys(name for row in rows for name in row)
        for name in names:
            schemas.setdefault(name, []).append(_type_of([row.get(name) for row in rows]))
    return {
        name: _one_type(pyarrow.schema([(name, kind)]) for kind in dict.fromkeys(kinds))
        for name, kinds in schemas.items()
    }


def as_text(value: Any) -> str | None:
    """Return a value as a cell of text: a text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def array_of(values: list[Any], kind: Any) -> "pyarrow.Array":
    """Return values of a column as pyarrow has them."""
    import pyarrow

    if kind is None or pyarrow.types.is_string(kind):
        return pyarrow.array([as_text(value) for value in values], pyarrow.string())
    return pyarrow.array(values, kind)


def _type_of(values: list[Any]) -> Any:
    import pyarrow

    try:
        kind = pyarrow.array(values).type
    except (pyarrow.ArrowException, OverflowError):  # kinds are mixed, a number is too large
        return pyarrow.string()
    item = kind.value_type if pyarrow.types.is_list(kind) else kind
    return pyarrow.string() if pyarrow.types.is_nested(item) else kind


def _one_type(schemas: Iterable["pyarrow.Schema"]) -> Any:
    import pyarrow

    try:
        kind = pyarrow.unify_schemas(list(schemas), promote_options="permissive").field(0).type
    except pyarrow.ArrowException:
        return pyarrow.string()
    return pyarrow.string() if pyarrow.types.is_null(kind) else kind


def _plain(value: Any) -> Any:
    """Return a value in JSON's kinds."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, str):
        return value if _is_unicode(value) else _replaced(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_plain(str(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)


def _replaced(text: str) -> str:
    """Put U+FFFD for each half of a surrogate pair, as JSON can write one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
