"""Method names, and the options that each method adds to ``sentemb train``."""

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from . import source

if TYPE_CHECKING:
    from sentemb.methods import Recipe

METHODS: dict[str, str] = source.literal("sentemb.methods.recipe", "METHODS")
DEFAULT_METHOD = "simcse-unsup"
TRAINING = {"train", "study", "sweep"}
NOT_OPTIONS = ("encoder", "columns", "classes")


def find_recipe(method: str) -> "Recipe":
    """Return the recipe of that name.

    Raises:
        UsageError: When there is none; names the nearest.
    """
    from sentemb.errors import UsageError, nearest

    if method not in METHODS:
        raise UsageError(
            f"Unknown method '{method}'; allowed: {', '.join(METHODS)}."
            + nearest(method, list(METHODS))
        )
    return cast("Recipe", WrittenRecipe(method))


class WrittenRecipe:
    """A recipe as its source has it; its function is imported when a method is built.

    Args:
        method: Its name.
    """

    def __init__(self, method: str) -> None:
        self._module, constant = _home(method)
        settings = source.recipe(self._module, constant)
        self._function = settings.pop("build")
        vars(self).update(settings)

    @property
    def build(self) -> Callable[..., Any]:
        """The function, from an encoder to the method."""
        function: Callable[..., Any] = getattr(import_module(self._module), self._function)
        return function


def parameters_of(method: str) -> list[inspect.Parameter]:
    """Return the parameters of a method's function, without importing it."""
    return source.parameters(*_function_of(method))


def _function_of(method: str) -> tuple[str, str]:
    module, constant = _home(method)
    return module, source.recipe(module, constant)["build"]


def _home(method: str) -> tuple[str, str]:
    module, _, constant = METHODS[method].partition(".")
    return f"sentemb.methods.{module}", constant


def with_method_options(train: Callable[..., None], args: list[str]) -> Callable[..., None]:
    """Add the parameters of the method that the arguments name to the command.

    ``--method moco --queue-size 4096`` exists because ``def moco(encoder, queue_size=…)`` does.
    """
    own = _method_options(args)

    def command(**arguments: Any) -> None:
        method_options = {p.name: arguments.pop(p.name) for p in own}
        train(**arguments, method_options=method_options)

    known = [p for p in inspect.signature(train).parameters.values() if p.name != "method_options"]
    return _with_signature(command, [*known, *own], train.__doc__)


def with_train_options(
    function: Callable[..., None], train: Callable[..., None], args: list[str], *without: str
) -> Callable[..., None]:
    """Add the options of ``sentemb train`` to another command, the method's own among them.

    Args:
        function: Gets what it has no parameter for as ``options``, as typed; its own parameters
            stand in the place of those of the same name.
        train: The command ``train``.
        args: What was typed.
        without: Options of ``train`` to leave out; without ``method``, there are none of a method.
    """
    known = [p for p in inspect.signature(function).parameters.values() if p.name != "options"]
    names = {p.name for p in known} | {"method_options", *without}
    shared = [p for p in inspect.signature(train).parameters.values() if p.name not in names]
    own = [] if "method" in names else _method_options(args)

    def command(**arguments: Any) -> None:
        method_options = {p.name: arguments.pop(p.name) for p in own}
        options = {p.name: arguments.pop(p.name) for p in shared}
        function(**arguments, options=options | {"method_options": method_options})

    keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in shared]
    return _with_signature(command, [*known, *keywords, *own], function.__doc__)


def _with_signature(
    command: Callable[..., None], parameters: list[inspect.Parameter], doc: str | None
) -> Callable[..., None]:
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = doc
    return command


def _method_options(args: list[str]) -> list[inspect.Parameter]:
    method = _named_method(args)
    return _options_of(method) if method in METHODS else []


def _options_of(method: str) -> list[inspect.Parameter]:
    helps = argument_helps(source.doc(*_function_of(method)))
    return [
        p.replace(
            kind=inspect.Parameter.KEYWORD_ONLY,
            annotation=Annotated[
                p.annotation,
                typer.Option(help=helps[p.name], rich_help_panel=f"Options of {method}"),
            ],
        )
        for p in parameters_of(method)
        if p.name not in NOT_OPTIONS
    ]


def _named_method(args: list[str]) -> str | None:
    """Return the method of a command that trains, unless it only asks for help on no method."""
    if not TRAINING & set(args):
        return None
    for position, arg in enumerate(args):
        if arg in ("--method", "-m") and position + 1 < len(args):
            return args[position + 1]
        if arg.startswith("--method="):
            return arg.partition("=")[2]
    return None if {"--help", "-h"} & set(args) else DEFAULT_METHOD


def argument_helps(doc: str) -> dict[str, str]:
    """Read the ``Args:`` section of a docstring."""
    section = re.search(r"^Args:\n((?:    .*\n?|\n)*)", doc, re.MULTILINE)
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section[1] if section else "", re.M)
    return {name: " ".join(text.split()) for name, text in entries}
