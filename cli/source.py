"""What a module defines, read from its source: importing it would import torch, for seconds.

Only what is written out is understood: parameters, fields, their defaults, and ``Literal``s. The
tests compare it with what the imported modules say.
"""

import ast
import inspect
from functools import cache
from pathlib import Path
from typing import Any, Literal

import sentemb

ROOT = Path(sentemb.__file__).parent
TYPES = {"int": int, "float": float, "str": str, "bool": bool}
Definition = tuple[str, Any]
"""The module that defines something, and where it is in its tree."""


def parameters(module: str, name: str) -> list[inspect.Parameter]:
    """Return the parameters of a function, or of the constructor of a class."""
    return list(_parameters(*_definition(module, name)).values())


def doc(module: str, name: str) -> str:
    """Return the docstring of a function or class."""
    return ast.get_docstring(_definition(module, name)[1]) or ""


def choices(module: str, name: str) -> tuple[str, ...]:
    """Return the values that a ``Literal`` of this name allows."""
    node = _definition(module, name)[1].value.slice
    values = ast.literal_eval(node)
    return values if isinstance(values, tuple) else (values,)


def literal(module: str, name: str) -> Any:
    """Return a value that is written out in a module."""
    return _value(module, _definition(module, name)[1].value)


def recipe(module: str, name: str) -> dict[str, Any]:
    """Return the settings of a recipe, and the name of its function as ``build``."""
    module, node = _definition(module, name)
    fields = parameters("sentemb.methods.recipe", "Recipe")
    found = {p.name: p.default for p in fields if p.default is not p.empty}
    given = dict(zip((p.name for p in fields), node.value.args, strict=False))
    given |= {str(keyword.arg): keyword.value for keyword in node.value.keywords}
    for field, value in given.items():
        found[field] = value.id if field == "build" else _value(module, value)
    return found


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
            found[name] = _parameter(name, part.annotation, part.value is not None, default)
    return found


def _of_function(module: str, node: ast.FunctionDef) -> dict[str, inspect.Parameter]:
    given, least = node.args.args, len(node.args.args) - len(node.args.defaults)
    defaults = [None] * least + [_value(module, value) for value in node.args.defaults]
    return {
        one.arg: _parameter(one.arg, one.annotation, place >= least, default)
        for place, (one, default) in enumerate(zip(given, defaults, strict=True))
    }


def _parameter(name: str, annotation: Any, has_default: bool, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=default if has_default else inspect.Parameter.empty,
        annotation=_type(annotation),
    )


def _type(node: Any) -> Any:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        return Literal[ast.literal_eval(node.slice)]
    written = ast.unparse(node) if node is not None else ""
    return TYPES.get(written, written)


def _value(module: str, node: Any) -> Any:
    """Return a value that is written out, or that has a name of this module's."""
    if isinstance(node, ast.Name):
        home, named = _definition(module, node.id)
        return _value(home, named.value)
    return ast.literal_eval(node)
