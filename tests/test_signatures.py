"""What is read from the source is what the imported modules say."""

import inspect
from dataclasses import fields
from typing import Literal, get_args, get_origin

import pytest

from sentemb import losses, methods, signatures, views
from sentemb.encoders.poolings import PoolingName
from sentemb.errors import UsageError
from sentemb.notation import LOSSES, STAGES
from sentemb.signatures import METHODS, find_recipe, parameters_of

VIEWS = [name for members in STAGES.values() for name in members.values()]
NAMED = [("sentemb.losses", losses, name) for name in LOSSES.values()]
NAMED += [("sentemb.views", views, name) for name in VIEWS]
PLAIN = (int, float, str, bool)


def same(written, imported):
    assert [(p.name, p.default) for p in written] == [(p.name, p.default) for p in imported]
    for one, other in zip(written, imported, strict=True):
        if other.annotation in PLAIN or get_origin(other.annotation) is Literal:
            assert one.annotation == other.annotation


@pytest.mark.parametrize(("module", "imported", "name"), NAMED, ids=[n for *_, n in NAMED])
def test_options_and_docstrings_of_losses_and_views(module, imported, name):
    thing = getattr(imported, name)
    same(signatures.parameters(module, name), list(inspect.signature(thing).parameters.values()))
    assert signatures.doc(module, name) == inspect.getdoc(thing)


@pytest.mark.parametrize("method", METHODS)
def test_recipes_and_the_options_of_methods(method):
    written, imported = find_recipe(method), methods.recipe_named(method)
    for field in fields(imported):
        assert getattr(written, field.name) == getattr(imported, field.name)
    same(parameters_of(method), list(inspect.signature(imported.build).parameters.values()))


def test_choices():
    assert signatures.choices("sentemb.encoders.poolings", "PoolingName") == get_args(PoolingName)


def test_an_unknown_method_is_an_error_of_use():
    with pytest.raises(UsageError, match="Did you mean"):
        find_recipe("simsce")
