"""What a module defines, read from its source: importing it would import torch, for seconds.

Only what is written out is understood: parameters, fields, their defaults, and ``Literal``s. The
tests compare it with what the imported modules say.
"""

import ast
import inspect
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import sentemb
from sentemb.errors import UsageError, unknown

if TYPE_CHECKING:
    from sentemb.methods import Recipe

ROOT = Path(sentemb.__file__).parent
TYPES = {"int": int, "float": float, "str": str, "bool": bool}
OF_THE_DATA = ("encoder", "columns", "classes")
"""Parameters of a recipe that are not options."""

FUNCTIONS = ("build", "towers_of", "several")
"""Fields of a recipe that hold a function."""
Definition = tuple[str, Any]
"""The module that defines something, and where it is in its tree."""


def parameters(module: str, name: str) -> list[inspect.Parameter]:
    """Return the parameters of a function, or of the constructor of a class."""
    return list(_parameters(*_definition(module, name)).values())


def doc(module: str, name: str) -> str:
    """Return the docstring of a function or class."""
    return ast.get_docstring(_definition(module, name)[1]) or ""


def imported(package: str) -> list[str]:
    """Return the names that a package takes from its modules, in their order."""
    nodes = [node for node in _tree(package).body if isinstance(node, ast.ImportFrom)]
    return [alias.name for node in nodes for alias in node.names]


def helps(module: str, name: str) -> dict[str, str]:
    """Return what the ``Args:`` section of a docstring says of each parameter."""
    section = re.search(r"^Args:\n((?:    .*\n?|\n)*)", doc(module, name), re.MULTILINE)
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section[1] if section else "", re.M)
    return {parameter: " ".join(text.split()) for parameter, text in entries}


def choices(module: str, name: str) -> tuple[str, ...]:
    """Return the values that a ``Literal`` of this name allows."""
    node = _definition(module, name)[1].value.slice
    values = ast.literal_eval(node)
    return values if isinstance(values, tuple) else (values,)


def keys(module: str, name: str) -> list[str]:
    """Return the keys of a dictionary that a module writes out."""
    return [ast.literal_eval(key) for key in _assigned(module, name)[1].keys]


def value(module: str, name: str) -> Any:
    """Return a value that a module writes out."""
    return _value(*_assigned(module, name))


def find_recipe(method: str) -> "Recipe":
    """Return the recipe of that name.

    Raises:
        UsageError: When there is none; names the nearest.
    """
    if method not in METHODS:
        raise UsageError(unknown("method", method, list(METHODS)))
    return cast("Recipe", WrittenRecipe(METHODS[method]))


class WrittenRecipe:
    """A recipe as its source has it; its function is imported when a method is built.

    Args:
        place: ``module.CONSTANT`` in `sentemb.methods`.
    """

    def __init__(self, place: str) -> None:
        module, _, name = place.partition(".")
        settings = _recipe(f"sentemb.methods.{module}", name)
        self._module = f"sentemb.methods.{module}"
        self._functions = {field: settings.pop(field) for field in FUNCTIONS}
        vars(self).update(settings)

    def _function(self, field: str) -> Any:
        name = self._functions[field]
        return None if name is None else getattr(import_module(self._module), name)

    @property
    def build(self) -> Callable[..., Any]:
        """The function, from an encoder to the method."""
        function: Callable[..., Any] = self._function("build")
        return function

    @property
    def towers_of(self) -> Callable[..., Any] | None:
        """The function, from the model and the options to the configs of towers."""
        function: Callable[..., Any] | None = self._function("towers_of")
        return function

    @property
    def several(self) -> Callable[..., Any] | None:
        """The function, from the columns of several data sets to the method of each."""
        function: Callable[..., Any] | None = self._function("several")
        return function


def parameters_of(method: str) -> list[inspect.Parameter]:
    """Return the parameters of a method's function, without importing it."""
    return parameters(*function_of(method))


def function_of(method: str) -> tuple[str, str]:
    """Return the module and the name of a method's function."""
    module, _, name = METHODS[method].partition(".")
    return f"sentemb.methods.{module}", _recipe(f"sentemb.methods.{module}", name)["build"]


def binds_several(method: str) -> bool:
    """Tell whether a method reads several data sets beside texts, without importing it."""
    module, _, name = METHODS[method].partition(".")
    return _recipe(f"sentemb.methods.{module}", name)["several"] is not None


def _recipe(module: str, name: str) -> dict[str, Any]:
    """Return the settings of a recipe, and the name of its function as ``build``."""
    module, node = _assigned(module, name)
    fields = parameters("sentemb.methods.recipe", "Recipe")
    found = {p.name: p.default for p in fields if p.default is not p.empty}
    given = dict(zip((p.name for p in fields), node.args, strict=False))
    given |= {str(keyword.arg): keyword.value for keyword in node.keywords}
    for field, value in given.items():
        found[field] = value.id if field in FUNCTIONS else _value(module, value)
    return found


def _assigned(module: str, name: str) -> Definition:
    """Return the expression of a name, and the module that it stands in."""
    home, node = _definition(module, name)
    return home, node.value


@cache
def _tree(module: str) -> ast.Module:
    place = ROOT.joinpath(*module.split(".")[1:])
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _definition(module: str, name: str) -> Definition:
    for node in _tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return module, node
        if isinstance(node, ast.ImportFrom) and any(a.name == name for a in node.names):
            return _definition(str(node.module), name)
    raise LookupError(f"{module} does not define {name}")


def _parameters(module: str, node: Any) -> dict[str, inspect.Parameter]:
    if isinstance(node, ast.FunctionDef):
        return _of_function(module, node)
    found: dict[str, inspect.Parameter] = {}
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id != "Protocol":
            found |= _parameters(*_definition(module, base.id))
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return {n: p for n, p in _of_function(module, part).items() if n != "self"}
        if isinstance(part, ast.AnnAssign) and "ClassVar" not in ast.unparse(part.annotation):
            name = ast.unparse(part.target)
            default = part.value and _value(module, part.value)
            found[name] = _parameter(module, name, part.annotation, part.value is not None, default)
    return found


def _of_function(module: str, node: ast.FunctionDef) -> dict[str, inspect.Parameter]:
    given, least = node.args.args, len(node.args.args) - len(node.args.defaults)
    defaults = [None] * least + [_value(module, value) for value in node.args.defaults]
    return {
        one.arg: _parameter(module, one.arg, one.annotation, place >= least, default)
        for place, (one, default) in enumerate(zip(given, defaults, strict=True))
    }


def _parameter(
    module: str, name: str, annotation: Any, has_default: bool, default: Any
) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=default if has_default else inspect.Parameter.empty,
        annotation=_type(module, annotation),
    )


def _type(module: str, node: Any) -> Any:
    """Return a type that is written out, or its words; of ``X | None``, X."""
    if isinstance(node, ast.BinOp) and ast.unparse(node.right) == "None":
        return _type(module, node.left)
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        return Literal[ast.literal_eval(node.slice)]
    written = ast.unparse(node) if node is not None else ""
    if isinstance(node, ast.Name) and written not in TYPES:
        try:
            return _type(*_assigned(module, written))
        except (LookupError, AttributeError):  # a class
            return written
    return TYPES.get(written, written)


def _value(module: str, node: Any) -> Any:
    """Return a value that is written out or has a name; of what is computed, the words."""
    if isinstance(node, ast.Name):
        return _value(*_assigned(module, node.id))
    return ast.unparse(node) if isinstance(node, ast.Call) else ast.literal_eval(node)


METHODS: dict[str, str] = value("sentemb.methods.recipe", "METHODS")
"""Names of methods, and the module and constant of the recipe of each."""
