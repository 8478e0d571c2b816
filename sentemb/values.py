"""Whether a value is of the kind that its parameter's annotation says; True is not a number."""

import inspect
import types
from collections.abc import Iterable, Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, Literal, TypeGuard, Union, get_args, get_origin

from sentemb.errors import UsageError, nearest

KINDS: dict[Any, tuple[type, str]] = {
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    bool: (bool, "True or False"),
    str: (str, "a text"),
    types.NoneType: (types.NoneType, "None"),
}
"""What is accepted for a type in an annotation, and what it is called."""


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a number, also one of numpy.

    Example:
        >>> is_number(0.5), is_number(True), is_number("0.5")
        (True, False, False)
    """
    return _is(value, float)


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether a value is a whole number, also one of numpy.

    Example:
        >>> is_whole(5), is_whole(5.0)
        (True, False)
    """
    return _is(value, int)


def require_at_least(least: int, **values: object) -> None:
    """Raise unless each value is a whole number that is large enough.

    Raises:
        UsageError: Names the parameter, what came, and what is allowed.

    Example:
        >>> require_at_least(1, batch_size=0)
        Traceback (most recent call last):
        sentemb.errors.UsageError: batch_size must be at least 1, got 0.
    """
    for name, value in values.items():
        require_kind(name, value, int)
        if not value >= least:  # type: ignore[operator]  # it is a number
            raise UsageError(f"{name} must be at least {least}, got {value}.")


def as_names(name: str, given: Any) -> list[str]:
    """Return names as a list: those of a list, or the one that is given alone.

    Args:
        name: Of the parameter.
        given: One name, or several.

    Raises:
        UsageError: When it is neither.

    Example:
        >>> as_names("columns", "text"), as_names("columns", ("anchor", "positive"))
        (['text'], ['anchor', 'positive'])
    """
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Iterable):
        raise UsageError(f"{name} must be a name, or a list of names, got {given!r}.")
    return [str(each) for each in given]


def require_share(**values: float) -> None:
    """Raise unless each value is above 0 and at most 1.

    Raises:
        UsageError: Names the value.
    """
    for name, value in values.items():
        if not 0 < value <= 1:
            raise UsageError(f"{name} is in (0, 1], got {value!r}.")


def require_default(function: Any, where: str, **options: object) -> None:
    """Raise where an option that has no effect is not as a function has it by default.

    Args:
        function: That has the options.
        where: They have none, for the message.
        options: By name.

    Raises:
        UsageError: Names the first.

    Example:
        >>> def build(stem=2, width=32): ...
        >>> require_default(build, "with a network from a folder", stem=2, width=64)
        Traceback (most recent call last):
        sentemb.errors.UsageError: `width` has no effect with a network from a folder: leave it out.
    """
    parameters = inspect.signature(function).parameters
    for name, value in options.items():
        if value != parameters[name].default:
            raise UsageError(f"`{name}` has no effect {where}: leave it out.")


def require_kinds_of_fields(of: Any) -> None:
    """Raise unless each field of a dataclass has a value of its kind; numpy's become Python's.

    Raises:
        UsageError: As `require_kind`.
    """
    for field in fields(of):
        value = vars(of)[field.name]
        require_kind(field.name, value, field.type)
        if is_number(value) and hasattr(value, "item"):
            vars(of)[field.name] = value.item()  # also of a frozen dataclass


def require_kinds_of_options(function: Any, options: Mapping[str, object]) -> None:
    """Raise unless each option that is given to a function is of the kind of its parameter.

    Raises:
        UsageError: As `require_kind`.
    """
    parameters = inspect.signature(function).parameters
    for name, value in options.items():
        require_kind(name, value, parameters[name].annotation)


def require_kind(name: str, value: object, kind: Any) -> None:
    """Raise unless a value is of a kind; of a kind that is not of `KINDS` nothing is asked.

    Args:
        name: Of the parameter.
        value: That came.
        kind: The parameter's annotation: a type, a ``Literal``, or several with ``|``.

    Raises:
        UsageError: Names the parameter, what came, and what is allowed.

    Example:
        >>> require_kind("max_steps", "5", int)
        Traceback (most recent call last):
        sentemb.errors.UsageError: max_steps must be a whole number, got '5'.
    """
    kinds = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    if not all(one in KINDS or get_origin(one) is Literal for one in kinds):
        return
    if any(_is(value, one) for one in kinds):
        return
    choices = [choice for one in kinds if get_origin(one) is Literal for choice in get_args(one)]
    if choices:
        near = nearest(value, choices) if isinstance(value, str) else ""
        raise UsageError(f"{name} must be one of {', '.join(choices)}; got {value!r}.{near}")
    wanted = " or ".join(KINDS[one][1] for one in kinds)
    raise UsageError(f"{name} must be {wanted}, got {value!r}.")


def _is(value: object, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    return isinstance(value, KINDS[kind][0]) and (kind is bool or not isinstance(value, bool))
