"""A recipe's name builds the method that ``sentemb train`` trains."""

import pytest
import torch
from sentemb_cli.config import arguments_of_training

from sentemb import build_encoder
from sentemb.encoders import describe
from sentemb.errors import UsageError
from sentemb.jobs.job_method import build
from sentemb.jobs.train_job import train_job
from sentemb.methods import METHODS, method_named, options_of, recipe_named
from sentemb.signatures import OF_THE_DATA, parameters_of

NEEDED = {
    name: {"teacher": "mini-sentemb"} for name in ("distill", "rankcse", "gist", "multilingual")
}


def typed(method):
    """The job of a command with nothing typed but the method."""
    options = dict.fromkeys(("columns", "pooling", "view", "loss", "matryoshka", "mask_above"))
    own = {p.name: p.default for p in parameters_of(method) if p.name not in OF_THE_DATA}
    own |= NEEDED.get(method, {})
    return train_job(**arguments_of_training({**options, **own, "method": method}))


class Rows:
    column_names = ("anchor", "positive")


class Data:
    rows, classes = Rows, ("a", "b", "c")


@pytest.mark.sampled
@pytest.mark.parametrize("name", [n for n in METHODS if n != "bind"])  # it needs a tower's folder
def test_a_method_by_name_is_the_one_of_the_command(name):
    job = typed(name)
    theirs = build(job, Data)
    of_data = {"columns": Data.rows.column_names, "classes": len(Data.classes)}
    torch.manual_seed(job.settings.seed)
    options = {k: v for k, v in of_data.items() if k in options_of(name)}
    ours = method_named(name, **options, **NEEDED.get(name, {}))
    assert repr((ours.views, ours.loss)) == repr((theirs.views, theirs.loss))
    assert describe(ours.encoder) == describe(theirs.encoder)
    assert repr(ours.twin) == repr(theirs.twin)
    assert recipe_named(name).batch_size == job.settings.batch_size
    for (one, x), (other, y) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert one == other
        assert torch.equal(x, y)


def test_options_pooling_prompts_and_an_encoder_of_ones_own():
    encoder = build_encoder("mini", pooling="mean")
    method = method_named("simcse-unsup", encoder, temperature=0.1)
    assert method.encoder is encoder
    assert method.loss.temperature == 0.1
    assert describe(method.encoder) == "Transformer -> Pooling mean"
    method = method_named("simcse-unsup", encoder, pooling="cls", prompt={"text": "query: "})
    assert describe(method.encoder) == "Transformer -> Pooling cls -> Dense"
    assert method.encoder.prompts["text"] == "query: "


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("simsce", {}, "Did you mean 'esimcse'?"),
        ("simcse-unsup", {"temprature": 0.1}, "it takes temperature. Did you mean 'temperature'?"),
        ("simcse-unsup", {"columns": ["a"]}, "has no option 'columns'"),
    ],
)
def test_wrong_names_are_answered_with_the_nearest_right_one(name, options, said):
    with pytest.raises(UsageError) as error:
        method_named(name, **options)
    assert said in str(error.value)
