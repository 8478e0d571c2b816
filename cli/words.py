"""Words into objects: ``NAME``, ``NAME:VALUE``, ``NAME:VALUE,option=value``."""

import inspect
from importlib import import_module
from typing import Any

from . import source
from .recipes import argument_helps


def make(module: str, class_name: str, words: str, **given: Any) -> Any:
    """Make an object of a class from its words.

    Args:
        module: Where the class is.
        class_name: Its constructor's parameters are the options; the first needs no name.
        words: As typed.
        given: Values of options that words cannot hold as they are, from what was written or None.

    Raises:
        UsageError: When an option is unknown or given twice, or a value is out of range.
    """
    values = read(module, class_name, words)
    for name, made in given.items():
        if name in (p.name for p in options_of(module, class_name)):
            values[name] = made(values.get(name))
    return getattr(import_module(module), class_name)(**values)


def read(module: str, class_name: str, words: str) -> dict[str, Any]:
    """Read the options in words, without importing the class.

    Raises:
        UsageError: When an option is unknown or given twice, or a value of another kind.
    """
    allowed = {p.name.replace("_", "-"): p for p in options_of(module, class_name)}
    return _written(words, allowed)


def options_of(module: str, class_name: str) -> list[inspect.Parameter]:
    """Return the parameters that words can set, the one that needs no name first."""
    parameters = source.parameters(module, class_name)
    return sorted(parameters, key=lambda parameter: parameter.name == "synonyms")


def helps_of(module: str, class_name: str) -> dict[str, str]:
    """Return what the docstring says of each option."""
    return argument_helps(source.doc(module, class_name))


def unknown(kind: str, name: str, allowed: list[str]) -> str:
    """Say that a name is unknown, and which is meant."""
    from sentemb.errors import nearest

    return f"Unknown {kind} '{name}'; allowed: {', '.join(allowed)}.{nearest(name, allowed)}"


def _written(words: str, allowed: dict[str, inspect.Parameter]) -> dict[str, Any]:
    from sentemb.errors import UsageError, nearest

    name, _, written = words.partition(":")
    values: dict[str, Any] = {}
    for position, item in enumerate(written.split(",") if written else []):
        key, equals, value = item.partition("=")
        if not allowed:
            raise UsageError(f"'{name}' takes no option, got '{words}'.")
        if not equals:
            key, value = next(iter(allowed), "") if position == 0 else item, key
        if key not in allowed or (position > 0 and not equals):
            raise UsageError(
                f"'{name}' has no option '{key}'; it takes {', '.join(allowed)}, as "
                f"{name}:OPTION=VALUE.{nearest(key, list(allowed))}"
            )
        if allowed[key].name in values:
            raise UsageError(f"'{name}': {key} is given twice.")
        values[allowed[key].name] = _value(name, allowed[key], value)
    return values


def _value(name: str, option: inspect.Parameter, written: str) -> Any:
    from sentemb.errors import UsageError

    if isinstance(option.default, bool):
        if written not in ("yes", "no"):
            raise UsageError(f"'{name}': {option.name} takes yes or no, got '{written}'.")
        return written == "yes"
    if not isinstance(option.default, int | float):
        return written
    number = type(option.default)
    try:
        return number(written)
    except ValueError:
        kind = "a whole number" if number is int else "a number"
        raise UsageError(f"'{name}': {option.name} takes {kind}, got '{written}'.") from None
