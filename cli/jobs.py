"""`TrainJob`: one training run, as it was typed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sentemb.errors import UsageError
from sentemb.training.settings import Settings

from .source import OF_THE_DATA, find_recipe, parameters_of

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.evaluation import STS
    from sentemb.method import Method
    from sentemb.methods import Recipe

OPTIONS_OF_VIEWS = frozenset({"alpha", "synonyms", "keep_negations", "repetition", "rate"})
OPTIONS_OF_LOSS = frozenset(
    {"temperature", "hard_negative_weight", "epsilon", "off_diagonal_weight"}
    | {"invariance_weight", "variance_weight", "covariance_weight"}
)
"""The options of methods that --view and --loss take the place of."""
MOST_SEEDS = 10_000


@dataclass(frozen=True)
class TrainJob:
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


def job_from(options: dict[str, Any], output: Path) -> TrainJob:
    """Make a job of the options of ``sentemb train``, those of its method among them, as typed."""
    recipe = find_recipe(options["method"])
    own = [p.name for p in parameters_of(options["method"]) if p.name not in OF_THE_DATA]
    columns = options["columns"]
    return TrainJob(
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


def remaining_options(
    options: dict[str, Any], typed: set[str], views: Sequence[str], loss: str | None
) -> dict[str, Any]:
    """Return a method's options without those of the parts that are replaced.

    Raises:
        UsageError: When one of them was typed: it would have no effect.
    """
    replaced = OPTIONS_OF_VIEWS if views else frozenset()
    replaced |= OPTIONS_OF_LOSS if loss is not None else frozenset()
    for name in sorted(typed & replaced):
        flag = "view" if name in OPTIONS_OF_VIEWS else "loss"
        raise UsageError(
            f"--{name.replace('_', '-')} has no effect beside --{flag}, which replaces what it "
            f"belongs to: write it there, as --{flag} NAME:OPTION=VALUE."
        )
    return {name: value for name, value in options.items() if name not in replaced}


def settings_from(recipe: "Recipe", options: dict[str, Any]) -> Settings:
    """Take what was typed, and the recipe's own value for what was not."""
    names = {field.name for field in fields(Settings)}
    values = {name: getattr(recipe, name) for name in names if hasattr(recipe, name)}
    typed = {name: v for name, v in options.items() if name in names and v is not None}
    return Settings(**values | typed)


def parse_seeds(text: str) -> list[int]:
    """Read ``0-4`` or ``1,7,42``.

    Raises:
        UsageError: When it is neither.
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", part.strip())
        first, last = found.groups() if found else ("", None)
        if not first or int(last or first) >= 2**32:
            raise UsageError(f"--seeds takes 0-4 or 1,7,42, each below 2^32; got '{text}'.")
        if int(last or first) - int(first) >= MOST_SEEDS:
            raise UsageError(f"--seeds takes at most {MOST_SEEDS:,} seeds, got '{text}'.")
        seeds += range(int(first), int(last or first) + 1)
    if not seeds or len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds needs seeds that differ, the first of a range first: '{text}'.")
    return seeds


def parse_dims(text: str | None) -> tuple[int, ...]:
    """Read ``128,64,32``.

    Raises:
        UsageError: When it is no list of whole numbers.
    """
    parts = text.split(",") if text is not None else []
    if not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--matryoshka takes lengths as 128,64,32; got '{text}'.")
    return tuple(map(int, parts))


def parse_prompts(typed: list[str]) -> dict[str, str]:
    """Read ``anchor=query: ``, once for each column.

    Raises:
        UsageError: When one names no column, or one column is named twice.
    """
    prompts: dict[str, str] = {}
    for text in typed:
        column, equals, prompt = text.partition("=")
        if not (column and equals):
            raise UsageError(f"--prompt takes COLUMN=TEXT, as anchor='query: '; got '{text}'.")
        if column in prompts:
            raise UsageError(f"--prompt {column} is given twice: give it once.")
        prompts[column] = prompt
    return prompts
