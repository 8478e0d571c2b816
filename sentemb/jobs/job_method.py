"""The method that a job trains."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sentemb.errors import UsageError
from sentemb.jobs.job_options import defaults_of
from sentemb.jobs.train_job import TrainJob

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.datasets.several import SeveralData
    from sentemb.losses import Loss
    from sentemb.method import Method


def build(job: TrainJob, data: "TrainingData") -> "Method":
    """Build the method; what is random in it is of the seed.

    Raises:
        UsageError: When an option does not fit.
        InputError: When the model cannot be read.
    """
    from transformers import set_seed

    from sentemb.datasets.several import SeveralData
    from sentemb.methods import method_named, recipe_named

    if isinstance(data, SeveralData):
        several = recipe_named(job.method).several
        return _build_mixed(job, data) if several is None else _build_spokes(job, data, several)
    set_seed(job.settings.seed)
    method = method_named(
        job.method,
        job.model,
        pooling=job.pooling,
        prompt=job.prompt,
        include_prompt=job.include_prompt,
        bidirectional=job.bidirectional,
        template=job.template,
        lora=job.lora,
        bilinear=job.score == "bilinear",
        **_options(job, data),
    )
    return _overridden(job, method, job.loss, job.mask_above)


def _options(job: TrainJob, data: "TrainingData") -> dict[str, Any]:
    """Return the options of the recipe, with those that follow from the data."""
    texts = [column for column in data.rows.column_names if column != "label"]
    of_data = {"columns": texts, "classes": len(data.classes)}
    own = defaults_of(job.method)
    return job.options() | {name: value for name, value in of_data.items() if name in own}


def _overridden(
    job: TrainJob, method: "Method", loss: "Loss | None", mask_above: float | None
) -> "Method":
    from sentemb.methods.overrides import override
    from sentemb.views import View

    return override(
        method,
        job.method,
        [view if isinstance(view, View) else view(method.encoder) for view in job.view],
        loss,
        matryoshka=job.matryoshka,
        mask_above=mask_above,
        score=job.score,
    )


def _build_mixed(job: TrainJob, data: "SeveralData") -> "Method":
    """Build a method for each data set; all train the twin of the recipe."""
    from sentemb.data_sources import several_of, views_of
    from sentemb.encoders.prompts import set_prompts
    from sentemb.method import Method
    from sentemb.methods import recipe_named
    from sentemb.training.mixed import MixedMethod
    from sentemb.views import View

    if job.score is not None:
        raise UsageError("`score` is of the loss of one data set: leave it out.")
    sources, parts = several_of(job.data) or {}, dict(data.parts)
    plain = [name for name, source in sources.items() if source.loss is None]
    first = parts[plain[0] if plain else data.names[0]]
    bare = replace(
        job, prompt={}, include_prompt=None, view=(), loss=None, matryoshka=(), mask_above=None
    )
    base = build(bare, first)
    methods: dict[str, Method] = {}
    for name, part in parts.items():
        if (loss := sources[name].own_loss()) is None:
            built = (
                base
                if part is first
                else recipe_named(job.method).build(base.encoder, **_options(job, part))
            )
            member = Method(built.views, base.twin, built.loss)
            methods[name] = _overridden(job, member, job.loss, job.mask_above)
        else:
            member = Method(views_of(part, View), base.twin, loss)
            methods[name] = _overridden(job, member, None, None)
    labels = ["none" if "label" not in part.rows.column_names else
              "classes" if part.classes else "scores" for part in parts.values()]  # fmt: skip
    mixed = MixedMethod(methods, labels)  # type: ignore[arg-type]
    read = [view.column for view in mixed.views]
    for each in (mixed.encoder, *mixed.twin.other_encoders().values()):
        set_prompts(each, job.prompt, read, job.include_prompt)
    return mixed


def _build_spokes(job: TrainJob, data: "SeveralData", several: "Callable[..., Any]") -> "Method":
    """Build a method for each data set of pictures and something else.

    Raises:
        UsageError: When a view, or a score, is given, which texts alone have.
    """
    from transformers import set_seed

    from sentemb.data_sources import several_of
    from sentemb.encoders.prompts import set_prompts
    from sentemb.methods import recipe_named
    from sentemb.methods.recipe import encoder_of
    from sentemb.training.mixed import MixedMethod

    if job.view or job.score is not None:
        raise UsageError("`view` and `score` are of a single data set: leave them out.")
    set_seed(job.settings.seed)
    encoder = encoder_of(
        recipe_named(job.method),
        job.model,
        pooling=job.pooling,
        bidirectional=job.bidirectional,
        template=job.template,
        lora=job.lora,
    )
    sources = several_of(job.data) or {}
    columns = {name: part.rows.column_names for name, part in data.parts}
    methods = {
        name: _overridden(job, member, sources[name].own_loss() or job.loss, job.mask_above)
        for name, member in several(encoder, columns, **job.options()).items()
    }
    mixed = MixedMethod(methods, ["none"] * len(methods))
    set_prompts(encoder, job.prompt, [view.column for view in mixed.views], job.include_prompt)
    return mixed
