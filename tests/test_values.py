"""A value of another kind than its parameter's is refused by name, wherever it comes in."""

import inspect
from typing import Literal

import numpy as np
import pytest

import sentemb
from sentemb import losses, views
from sentemb.encoding.options import EncodeOptions
from sentemb.errors import SentembError, UsageError
from sentemb.finetuning import FinetuneSettings
from sentemb.finetuning.predict import predictions
from sentemb.inference.embedder import Embedder
from sentemb.losses import InfoNCE, MaskSimilar, Matryoshka, Sum
from sentemb.methods.recipe import METHODS, method_named, recipe_named
from sentemb.training import Settings
from sentemb.twins import CosineMomentum, Prototypes, layers
from sentemb.twins.queue import Queue
from sentemb.values import as_names, require_kind

GIVEN = {"batch_size": 8, "learning_rate": 1e-3, "epochs": 1}


@pytest.mark.parametrize(
    ("value", "kind", "wanted"),
    [
        ("5", int, "a whole number, got '5'"),
        (5.0, int, "a whole number, got 5.0"),
        (True, int, "a whole number, got True"),
        (None, int, "a whole number, got None"),
        ("0.1", float, "a number, got '0.1'"),
        (False, float, "a number, got False"),
        ("1", float | None, "a number or None, got '1'"),
        (1, bool, "True or False, got 1"),
        (b"a", str, "a text, got b'a'"),
        ("wran", Literal["warn", "stop"], r"one of warn, stop; got 'wran'\. Did you mean 'warn'\?"),
        (["warn"], Literal["warn", "stop"], r"one of warn, stop; got \['warn'\]"),
    ],
)
def test_a_value_of_another_kind_is_refused(value, kind, wanted):
    with pytest.raises(UsageError, match=f"^option must be {wanted}"):
        require_kind("option", value, kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(5, int), (np.int64(5), int), (5, float), (np.float32(5), float), (None, float | None),
     (True, bool), ("warn", Literal["warn", "stop"]), (object(), dict), ("x", "Encoder")],
)  # fmt: skip
def test_a_value_of_the_kind_is_taken(value, kind):
    require_kind("option", value, kind)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_steps": "5"}, "max_steps must be a whole number, got '5'"),
        ({"batch_size": 0}, "batch_size must be at least 2, got 0"),
        ({"batch_size": 8.0}, "batch_size must be a whole number, got 8.0"),
        ({"workers": True}, "workers must be a whole number, got True"),
        ({"learning_rate": "fast"}, "learning_rate must be a number, got 'fast'"),
        ({"epochs": None}, "epochs must be a number, got None"),
        ({"max_grad_norm": "x"}, "max_grad_norm must be a number or None, got 'x'"),
        ({"packed": "yes"}, "packed must be True or False or None, got 'yes'"),
        ({"select": "spearmen"}, "Did you mean 'spearman'"),
        ({"precision": 16}, "precision must be one of auto, fp32, bf16, fp16; got 16"),
    ],
)
def test_settings_name_the_value_and_what_is_allowed(wrong, message):
    with pytest.raises(UsageError, match=message):
        Settings(**GIVEN | wrong)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [(FinetuneSettings, {"r_drop": "1"}), (FinetuneSettings, {"metric": None}),
     (EncodeOptions, {"batch_tokens": "512"}), (EncodeOptions, {"batch_tokens": 0}),
     (EncodeOptions, {"empty": 0}), (EncodeOptions, {"precision": 16})],
)  # fmt: skip
def test_other_settings_are_alike(settings, wrong):
    with pytest.raises(UsageError, match=f"^{next(iter(wrong))} must be"):
        settings(**wrong)


def test_numbers_of_numpy_become_those_of_python():
    settings = Settings(np.int64(8), np.float32(0.5), np.int32(1))
    assert [type(value) for value in (settings.batch_size, settings.learning_rate)] == [int, float]


def numeric_options(classes):
    return [
        (each, parameter.name)
        for each in classes
        for parameter in inspect.signature(each).parameters.values()
        if isinstance(parameter.default, int | float) and not isinstance(parameter.default, bool)
    ]


def needed(kind):
    parameters = inspect.signature(kind).parameters.values()
    return {each.name: object() for each in parameters if each.default is each.empty}


CLASSES = [
    thing
    for module in (losses, views)
    for thing in vars(module).values()
    if inspect.isclass(thing) and thing.__module__.startswith(module.__name__)
]


@pytest.mark.parametrize("wrong", ["x", None, True, float("nan")])
@pytest.mark.parametrize(("kind", "name"), numeric_options(CLASSES))
def test_losses_and_views_refuse_what_is_no_number(kind, name, wrong):
    with pytest.raises(UsageError, match=f"{name}.*{wrong!r}"):
        kind(**needed(kind), **{name: wrong})


@pytest.mark.parametrize("method", METHODS)
def test_recipes_refuse_what_is_no_number(method):
    for _, name in numeric_options([recipe_named(method).build]):
        with pytest.raises(UsageError, match=f"^{name} must be .* got 'x'"):
            method_named(method, **{name: "x"})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sum((InfoNCE(),), ("x",)),
        lambda: MaskSimilar(InfoNCE(), above="x"),
        lambda: Matryoshka(InfoNCE(), dims="64"),
        lambda: Matryoshka(InfoNCE(), dims=64),
        lambda: Matryoshka(InfoNCE(), dims=(64, 32.5)),
        lambda: Queue("x", 4),
        lambda: CosineMomentum("x"),
    ],
)
def test_values_inside_of_others_are_refused(make):
    with pytest.raises(UsageError):
        make()


@pytest.mark.parametrize("call", [
    lambda encoder: Prototypes(encoder, "x"),
    lambda encoder: layers(encoder, "x"),
    lambda encoder: Embedder(encoder, batch_tokens=0),
    lambda encoder: sentemb.load(encoder).encode(["a"], batch_tokens=0),
])  # fmt: skip
def test_what_stands_on_an_encoder_is_alike(mini, call):
    with pytest.raises(UsageError):
        call(mini)


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"max_length": 0}, {"batch_size": "8"}])
def test_predictions_need_a_batch_and_room_for_tokens(wrong):
    with pytest.raises(UsageError, match=f"^{next(iter(wrong))} must be"):
        predictions("mini", None, **wrong)


@pytest.mark.parametrize("model", [3, None, object()])
def test_what_is_no_model_is_refused(model):
    for call in (sentemb.load, lambda model: sentemb.predict(model, ["a"])):
        with pytest.raises(UsageError, match=r"^model must be a bundled encoder's name"):
            call(model)


def test_one_name_is_a_list_of_one():
    assert as_names("columns", "anchor") == ["anchor"]
    with pytest.raises(UsageError, match="columns must be a name, or a list of names, got 3"):
        as_names("columns", 3)


def test_no_parameter_lets_a_plain_error_of_python_through():
    for wrong in ({"data": 3}, {"data": ["a"], "columns": 3}, {"data": ["a"], "model": 3}):
        with pytest.raises(SentembError):
            sentemb.train(**wrong)
