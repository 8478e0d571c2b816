"""Conditions on columns, as ``lang == 'en' and year >= 2020``: read as Python, never run as it."""

import ast
import operator
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import UsageError, nearest
from sentemb.values import is_number

if TYPE_CHECKING:
    import pyarrow

COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
ALLOWED = (
    "a condition compares columns with values, as lang == 'en' and year >= 2020; there are == != < "
    "<= > >= in, not in, is None, and, or, not, and column('a name with spaces')"
)


def matching(rows: "pyarrow.Table", where: str) -> NDArray[np.bool_]:
    """Tell which rows meet a condition; a row without the value does not.

    A column of texts is compared with a number as numbers, since csv holds nothing else.

    Args:
        rows: A table.
        where: The condition.

    Raises:
        UsageError: When the condition cannot be read, names no column, or compares what cannot be.

    Example:
        >>> import pyarrow
        >>> rows = pyarrow.table({"lang": ["en", "de", None], "year": ["2019", "2021", "2022"]})
        >>> matching(rows, "lang == 'de' or year > 2021").tolist()
        [False, True, True]
    """
    import pyarrow

    try:
        tree = ast.parse(where.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"where: {where!r} cannot be read ({error}): {ALLOWED}.") from error
    condition = _Condition(rows, where)
    place = "row"
    while place in rows.column_names:
        place += "_"
    try:
        numbered = rows.append_column(place, pyarrow.array(np.arange(len(rows))))
        kept = numbered.filter(condition.of(tree.body)).column(place).to_numpy()
    except RecursionError as error:
        raise UsageError(f"where: {where[:60]!r}… is nested too deeply.") from error
    except (pyarrow.ArrowException, TypeError) as error:
        said = str(error).partition("\n")[0]
        raise UsageError(
            f"where: {where!r} compares values of different kinds ({said}): quote texts, and leave "
            "numbers bare."
        ) from error
    found = np.zeros(len(rows), dtype=bool)
    found[kept] = True
    return found


class _Condition:
    """Turns the parts of a condition into pyarrow's expressions."""

    def __init__(self, rows: "pyarrow.Table", where: str) -> None:
        self.rows, self.where = rows, where

    def of(self, node: ast.AST) -> Any:
        """Return the expression of a condition."""
        if isinstance(node, ast.BoolOp):
            joined = operator.and_ if isinstance(node.op, ast.And) else operator.or_
            return reduce(joined, map(self.of, node.values))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self.of(node.operand)
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            each = map(self._compared, sides, node.ops, sides[1:])
            return reduce(operator.and_, each)
        raise self._refused(node)

    def _compared(self, left: ast.expr, operation: ast.cmpop, right: ast.expr) -> Any:
        is_value = self._is_value(left), self._is_value(right)
        if all(is_value):
            raise self._refused(left)
        value = self._value(right if is_value[1] else left) if any(is_value) else None
        if isinstance(operation, ast.Is | ast.IsNot):
            if value is not None or not is_value[1]:
                raise self._refused(right)
            field = self._side(left, None)
            return field.is_null() if isinstance(operation, ast.Is) else field.is_valid()
        if isinstance(operation, ast.In | ast.NotIn):
            if not (isinstance(value, list) and value):
                raise self._refused(right)
            field = self._side(left, value[0])
            among = field.isin(value)
            return among if isinstance(operation, ast.In) else ~among & field.is_valid()
        if any(is_value) and (value is None or isinstance(value, list)):
            raise self._refused(right)
        return COMPARED[type(operation)](self._side(left, value), self._side(right, value))

    def _side(self, node: ast.expr, value: Any) -> Any:
        """Return a column, as numbers where the value of the comparison is one; or that value."""
        import pyarrow
        import pyarrow.compute

        if self._is_value(node):
            return pyarrow.scalar(value)
        name = self._column(node)
        field = pyarrow.compute.field(name)
        kind = self.rows.schema.field(name).type
        is_text = pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)
        if not (is_text and is_number(value)):
            return field
        missing = pyarrow.scalar(None, kind)
        return pyarrow.compute.if_else(field == "", missing, field).cast(pyarrow.float64())

    def _column(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            name = node.id
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "column" and node.args:
            name = str(self._value(node.args[0]))
        else:
            raise self._refused(node)
        known = self.rows.column_names
        if name not in known:
            raise UsageError(
                f"where: there is no column '{name}'; there are {', '.join(known)}."
                + nearest(name, known)
            )
        return name

    def _is_value(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Constant | ast.List | ast.Tuple | ast.UnaryOp | ast.Set)

    def _value(self, node: ast.expr) -> Any:
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError) as error:
            raise self._refused(node) from error
        return list(value) if isinstance(value, tuple | set) else value

    def _refused(self, node: ast.AST) -> UsageError:
        return UsageError(f"where: {ast.unparse(node)!r} cannot be read: {ALLOWED}.")
