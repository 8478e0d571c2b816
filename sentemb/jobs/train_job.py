"""`TrainJob`: a training of a recipe as it is asked for, before anything is read or loaded."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from sentemb.errors import UsageError, nearest
from sentemb.jobs.job_options import (
    NOT_VARIED,
    OF_DATA,
    OF_LOSS,
    OF_VIEWS,
    defaults_of,
    known_options,
    numbers_of,
    refuse_replaced,
)
from sentemb.notation import as_loss, as_view
from sentemb.training.settings import Settings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.datasets import TrainingData
    from sentemb.datasets.in_memory import Container
    from sentemb.datasets.several import Order
    from sentemb.encoders import Lora, PoolingName
    from sentemb.encoders.templates import TemplateName
    from sentemb.evaluation import STS
    from sentemb.losses import Loss
    from sentemb.notation import AnyLoss, AnyView
    from sentemb.views import View

    Data = str | os.PathLike[str] | Container
    ViewOf = View | Callable[[SentenceTransformer], View]

OF_JOB = ("pooling", "mask_above")
OF_NO_OPTION = ("settings", "given", "batch_by_default")


@dataclass(frozen=True)
class TrainJob:
    """One training of a recipe.

    Args:
        method: The recipe's name.
        settings: As resolved.
        data: As of `sentemb.train`; None for what is bundled for the recipe.
        dev: Graded pairs; None for the bundled ones where the data are, else for none.
        model: As of `sentemb.train`.
        pooling: By default the model's own, or the recipe's for a raw encoder.
        prompt: What is put before the texts of a column, by column.
        include_prompt: Whether tokens of prompts are pooled; by default as the model has it.
        bidirectional: Whether every token of a decoder sees all others.
        template: What is read around each text.
        lora: Train small matrices beside the model's layers in their place.
        columns: Names of the columns of the data, where they are others.
        view: In the place of the recipe's views: one for all, or one for each. A view that needs
            the encoder is a function from it.
        loss: In the place of the recipe's loss.
        matryoshka: Lengths that the loss is nested at.
        mask_above: Cosine above which candidates are not negatives.
        given: Options of the recipe, where not by default.
        batch_by_default: Whether the batch is the recipe's, and shrinks to the data.
        mixing: How batches are taken of several data sets, as of `sentemb.train`.
    """

    method: str
    settings: Settings
    data: "Data | TrainingData | None" = None
    dev: "Data | STS | None" = None
    model: "str | os.PathLike[str] | SentenceTransformer" = "mini"
    pooling: "PoolingName | None" = None
    prompt: Mapping[str, str] = field(default_factory=dict)
    include_prompt: bool | None = None
    bidirectional: bool = False
    template: "TemplateName | None" = None
    lora: "Lora | None" = None
    columns: Sequence[str] | None = None
    view: "Sequence[ViewOf]" = ()
    loss: "Loss | None" = None
    matryoshka: Sequence[int] = ()
    mask_above: float | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    batch_by_default: bool = False
    mixing: "Order | None" = None

    def options(self) -> dict[str, Any]:
        """Return the options of the recipe, by default where not given.

        Raises:
            UsageError: When one is given whose part ``view`` or ``loss`` replaces.
        """
        view, loss = bool(self.view), self.loss is not None
        refuse_replaced(self.given, view=view, loss=loss)
        without = (*OF_DATA, *(OF_VIEWS if view else ()), *(OF_LOSS if loss else ()))
        options = {**defaults_of(self.method), **self.given}
        return {name: value for name, value in options.items() if name not in without}

    def with_seed(self, seed: int) -> Self:
        """Return the same job with another seed."""
        return replace(self, settings=replace(self.settings, seed=seed))

    def varied(self) -> dict[str, str]:
        """Return the options that `with_value` takes, and whose they are."""
        found = {f.name: "settings" for f in fields(Settings) if f.name not in NOT_VARIED}
        found |= dict.fromkeys(OF_JOB, "job") | dict.fromkeys(self.options(), "method")
        return found | dict.fromkeys(numbers_of(self.loss), "loss")

    def with_value(self, option: str, value: Any) -> Self:
        """Return the same job with another value of a setting, or of an option of recipe or loss.

        Raises:
            UsageError: When there is no such option, or the value is out of its range.
        """
        allowed, changed = self.varied(), {option: value}
        if option not in allowed:
            raise UsageError(
                f"'{option}' is not an option with numbers or choices; "
                f"allowed: {', '.join(allowed)}." + nearest(option, list(allowed))
            )
        if allowed[option] == "settings":
            settings = replace(self.settings, **changed)
            by_default = self.batch_by_default and option != "batch_size"
            return replace(self, settings=settings, batch_by_default=by_default)
        if allowed[option] == "job":
            return replace(self, **changed)
        if allowed[option] == "method":
            return replace(self, given={**self.given, **changed})
        return replace(self, loss=replace(self.loss, **changed))  # type: ignore[type-var]


def train_job(
    method: str = "simcse-unsup",
    data: "Data | TrainingData | None" = None,
    dev: "Data | STS | None" = None,
    settings: Settings | None = None,
    *,
    view: "AnyView | Sequence[AnyView]" = (),
    loss: "AnyLoss | None" = None,
    prompt: Mapping[str, str] | None = None,
    **options: Any,
) -> TrainJob:
    """Return the job of a recipe: what is not given is the recipe's own.

    Args:
        method: The recipe's name.
        data: As of `TrainJob`.
        dev: As of `TrainJob`.
        settings: By default the recipe's.
        view: As of `TrainJob`, or one alone; also in words, as ``crop+shuffle``.
        loss: As of `TrainJob`; also in words, as ``infonce:0.05+0.1*vicreg``.
        prompt: As of `TrainJob`.
        options: Further arguments of `TrainJob`, fields of `Settings`, and the recipe's own.

    Raises:
        UsageError: When there is no such recipe or option; names the nearest.
    """
    from sentemb.methods import recipe_named

    recipe = recipe_named(method)
    names = [f.name for f in fields(Settings)]
    of_job = [f.name for f in fields(TrainJob) if f.name not in OF_NO_OPTION]
    own = [name for name in defaults_of(method) if name not in OF_DATA]
    known = known_options(options, [*names, *of_job, *own], f"method '{method}'")
    changed = {name: value for name, value in known.items() if name in names}
    by_default = settings is None and "batch_size" not in changed
    if settings is None:
        defaults = {name: getattr(recipe, name) for name in names if hasattr(recipe, name)}
        settings = Settings(**defaults | changed)
    else:
        settings = replace(settings, **changed)
    views = view if isinstance(view, Sequence) and not isinstance(view, str) else (view,)
    return TrainJob(
        method,
        settings,
        data,
        dev,
        view=tuple(map(as_view, views)),
        loss=None if loss is None else as_loss(loss),
        prompt=prompt or {},
        given={name: _plain(value) for name, value in known.items() if name in own},
        batch_by_default=by_default,
        **{k: v for k, v in known.items() if k in of_job and v is not None},
    )


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value
