"""Rows that are in memory: a list, a dict of columns, a `datasets.Dataset`, a data frame.

They pass through the readers of files, so that columns, labels, missing values and limits mean the
same wherever rows come from. Rows are counted from 1.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sentemb.datasets.faults import Faults
from sentemb.datasets.files import examined
from sentemb.datasets.lines import Row
from sentemb.datasets.roles import MARKS, TEXT, with_width
from sentemb.datasets.tables import require_distinct
from sentemb.errors import InputError

Container = Iterable[Any]
"""Texts, tuples or dicts, one a row; a dict of columns, a `datasets.Dataset`, a pandas frame."""


@dataclass(frozen=True)
class InMemory:
    """Rows in memory, as a source that every reader takes.

    Args:
        data: Texts, tuples or dicts, one a row; or a dict of columns, a `datasets.Dataset`, or a
            `pandas.DataFrame`, whose missing values are None.
        layouts: The roles of a tuple's values, by its length. Of two that fit, a tuple that ends in
            a number has the one that ends in a label or a score.
        name: The parameter that the rows were given as, which messages call them by.

    Raises:
        InputError: When ``data`` holds no rows of these kinds.
    """

    data: Container = field(repr=False)
    layouts: tuple[tuple[str, ...], ...] = ()
    name: str = "data"

    def __post_init__(self) -> None:
        if not isinstance(self.data, Iterable):
            raise InputError(
                f"{self.name} must be a path, the name of a data set, or rows (a list of texts, of "
                "tuples or of dicts, a dict of columns, a Dataset or a DataFrame), got "
                f"{self.data!r}."
            )

    def __str__(self) -> str:
        return self.name

    @property
    def origin(self) -> str:
        """What a record calls the rows, as ``<list>``; no file has such a name."""
        return f"<{type(self.data).__name__}>"

    def rows(self, faults: Faults) -> Iterator[Row]:
        """Yield ``(row number, {column: value})``.

        Args:
            faults: Where texts that were cut are counted.

        Raises:
            InputError: When the columns differ in length, or a row is not one; names the row.
        """
        columns = _columns(self.data, self.name)
        return examined(self._items() if columns is None else self._zipped(columns), faults)

    def _zipped(self, columns: list[tuple[str, list[Any]]]) -> Iterator[Row]:
        names = [name for name, _ in columns]
        require_distinct(names, self.name)
        for name, values in columns:
            if len(values) != len(columns[0][1]):
                raise InputError(
                    f"{self.name}: column '{names[0]}' has {len(columns[0][1])} values and column "
                    f"'{name}' has {len(values)}: give each column a value for every row."
                )
        for number, row in enumerate(zip(*(values for _, values in columns), strict=True), 1):
            yield number, dict(zip(names, map(_plain, row), strict=True))

    def _items(self) -> Iterator[Row]:
        roles: tuple[str, ...] = ()
        for number, item in enumerate(_as_python(self.data), start=1):
            value = _plain(item)
            if isinstance(value, Mapping):
                yield number, {str(name): _plain(each) for name, each in value.items()}
            elif isinstance(value, list):
                roles = roles or self._roles(value)
                if len(value) != len(roles):
                    raise InputError(
                        f"{self.name}, row {number} has {len(value)} values, and row 1 has "
                        f"{len(roles)} ({', '.join(roles)})."
                    )
                yield number, dict(zip(roles, map(_plain, value), strict=True))
            elif value is None or isinstance(value, str):
                yield number, {TEXT: value}
            else:
                raise InputError(
                    f"{self.name}, row {number} is {value!r}; a text, a tuple or a dict is needed."
                )

    def _roles(self, values: Sequence[Any]) -> tuple[str, ...]:
        widened = (with_width(layout, len(values)) for layout in self.layouts)
        fitting = [layout for layout in widened if layout]
        if not fitting:
            wanted = " or ".join(f"({', '.join(layout)})" for layout in self.layouts if layout[1:])
            raise InputError(
                f"{self.name}, row 1 has {len(values)} values; "
                + (f"tuples are read as {wanted}." if wanted else "a text is needed.")
            )
        marked = bool(values) and not isinstance(values[-1], str | tuple | list)
        return next((each for each in fitting if (each[-1] in MARKS) == marked), fitting[0])


def _columns(data: Any, name: str) -> list[tuple[str, list[Any]]] | None:
    """Return the columns of what is made of columns; None where it is made of rows."""
    if hasattr(data, "iterrows"):  # a pandas.DataFrame
        frame = _as_python(data)
        return [(str(each), frame.iloc[:, at].tolist()) for at, each in enumerate(frame.columns)]
    if not isinstance(data, Mapping):
        return None
    if any(hasattr(values, "column_names") for values in data.values()):
        raise InputError(f"{name} has the splits {', '.join(data)}: give one of them.")
    for column, values in data.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise InputError(
                f"{name}: column '{column}' is {values!r}; a list with a value for every row is "
                "needed."
            )
    return [(str(column), list(_as_python(values))) for column, values in data.items()]


def _as_python(values: Any) -> Any:
    """Return values of pandas with None for what is missing, rows of datasets as plain dicts."""
    if hasattr(values, "isna"):
        return values.astype(object).where(values.notna(), None)
    return undecoded(values.with_format(None)) if hasattr(values, "with_format") else values


def undecoded(rows: Any) -> Any:
    """Return a `datasets.Dataset` whose pictures and sounds stay bytes or names of files."""
    for name, feature in (rows.features or {}).items():
        if getattr(feature, "decode", False) is True:
            rows = rows.cast_column(name, replace(feature, decode=False))
    return rows


def _plain(value: Any) -> Any:
    """Return a value as Python has it: lists for tuples, arrays and tensors, numbers of theirs."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
