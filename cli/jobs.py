"""`Job`: one training run, as it was typed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sentemb.training.settings import Settings

from .overrides import remaining_options
from .settings import parse_dims, parse_prompts, settings_from
from .source import OF_THE_DATA, find_recipe, parameters_of

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.evaluation import STS
    from sentemb.method import Method
    from sentemb.methods import Recipe


@dataclass(frozen=True)
class Job:
    """A ``train`` command, as typed but for defaults."""

    method: str
    recipe: "Recipe"
    method_options: dict[str, Any]
    model: str
    pooling: str | None
    prompts: dict[str, str]
    views: list[str]
    loss: str | None
    matryoshka: tuple[int, ...]
    mask_above: float | None
    data: str | None
    columns: list[str] | None
    dev: str | None
    output: Path
    settings: Settings
    resume: bool
    allow_changed: list[str]
    overwrite: bool

    def without_replaced(self) -> Self:
        """Leave out the method's options whose part ``--view`` or ``--loss`` replaces.

        Raises:
            UsageError: When one of them was typed.
        """
        defaults = {p.name: p for p in parameters_of(self.method)}
        options = self.method_options
        typed = {name for name, value in options.items() if value != defaults[name].default}
        left = remaining_options(options, typed, self.views, self.loss)
        return replace(self, method_options=left)

    @property
    def reads(self) -> list[str]:
        """What the job reads; the bundled files among it are in nobody's way."""
        given = (v for v in self.method_options.values() if isinstance(v, str | Path))
        return [str(path) for path in (self.data, self.dev, self.model, *given) if path]

    def read(self) -> "tuple[TrainingData, STS]":
        """Read the data, and the graded pairs that a run among others is measured on."""
        from .training_runs import read_with_dev

        return read_with_dev(self)

    def plan(self, data: "TrainingData", dev: "STS") -> dict[str, Any]:
        """Return what the results depend on, by value, never by path or name."""
        from .training_runs import plan_of

        return plan_of(self, data, dev)

    def build(self, data: "TrainingData") -> "Method":
        """Build the method on the encoder that the job starts from."""
        from .training_runs import build_method, starting_encoder

        return build_method(self, starting_encoder(self), data)

    def train(self, folder: Path, data: "TrainingData", dev: "STS", *, resume: bool) -> None:
        """Train into a folder; the graded pairs choose the checkpoint only where that is asked."""
        from .training_runs import run

        chooses = dev if self.settings.select == "spearman" else None
        run(replace(self, output=folder, resume=resume), data, chooses)

    def with_seed(self, seed: int) -> Self:
        """Return the same job with another seed."""
        return replace(self, settings=replace(self.settings, seed=seed))


def job_from(options: dict[str, Any], output: Path) -> Job:
    """Make a job of the options of ``sentemb train``, those of its method among them, as typed."""
    recipe = find_recipe(options["method"])
    own = [p.name for p in parameters_of(options["method"]) if p.name not in OF_THE_DATA]
    columns = options["columns"]
    return Job(
        method=options["method"],
        recipe=recipe,
        method_options={name: options[name] for name in own if name in options},
        model=options["model"],
        pooling=options["pooling"],
        prompts=parse_prompts(options.get("prompt") or []),
        views=options["view"] or [],
        loss=options["loss"],
        matryoshka=parse_dims(options["matryoshka"]),
        mask_above=options["mask_above"],
        data=options["data"],
        columns=columns.split(",") if columns else None,
        dev=options["dev"],
        output=output,
        settings=settings_from(recipe, options),
        resume=options.get("resume", False),
        allow_changed=options.get("allow_changed") or [],
        overwrite=options.get("overwrite", False),
    )
