"""`TrainJob`: a training of a recipe as it is asked for, before anything is read or loaded."""

import inspect
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from sentemb.bars import phase
from sentemb.bundled import bundled
from sentemb.errors import UsageError, nearest
from sentemb.training.settings import Settings
from sentemb.values import as_names

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.datasets import TrainingData
    from sentemb.datasets.in_memory import Container
    from sentemb.datasets.several import Order, SeveralData
    from sentemb.encoders import Lora, PoolingName
    from sentemb.encoders.templates import TemplateName
    from sentemb.evaluation import STS
    from sentemb.losses import Loss
    from sentemb.method import Method
    from sentemb.modalities.captioned import PairedData
    from sentemb.training import Run
    from sentemb.training.dry_run import DryRun
    from sentemb.views import View

    Data = str | os.PathLike[str] | Container
    ViewOf = View | Callable[[SentenceTransformer], View]

logger = logging.getLogger("sentemb")
GRADED = "graded.tsv"
ALSO_CALLED = {"lr": "learning_rate", "rdrop": "r_drop", "num_workers": "workers"}
"""Flags that are not called what their setting is."""
OF_VIEWS = ("alpha", "synonyms", "keep_negations", "repetition", "rate")
OF_LOSS = (
    *("temperature", "hard_negative_weight", "epsilon", "off_diagonal_weight", "angle"),
    *("invariance_weight", "variance_weight", "covariance_weight", "bias"),
)
"""Options of recipes that ``view`` and ``loss`` take the place of."""
OF_DATA = ("columns", "classes")
"""Parameters of recipes that are those of the data."""
OF_JOB = ("pooling", "mask_above")
OF_NO_OPTION = ("settings", "given", "batch_by_default")
SMALLEST, STEPS = 16, 20
TRAINING_HEADS = ("projector", "predictor")
"""Modules of a twin that the saved model does not have."""
NOT_VARIED = (
    *("seed", "select", "eval_steps", "save_steps", "workers", "micro_batch", "packed"),
    "compile",
    *("gradient_checkpointing", "on_collapse", "max_bad_steps", "keep_checkpoints", "report_to"),
)
"""Settings that a study has no use for: what they change is time, memory, or what is kept."""


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
        options = {**_defaults(self.method), **self.given}
        return {name: value for name, value in options.items() if name not in without}

    def read(self) -> "tuple[TrainingData, STS | None]":
        """Read the data and the graded pairs, and say in the log what is used."""
        from sentemb.datasets import as_sts
        from sentemb.methods import recipe_named

        recipe = recipe_named(self.method)
        source = bundled(recipe.bundled_data) if self.data is None else self.data
        if recipe.beside:
            return self._read_paired(source), None
        graded = bundled(GRADED) if self.dev is None and self.data is None else self.dev
        with phase("reading the data"):
            data = self._read_data(source, recipe.layouts)
            dev = None if graded is None else as_sts(graded)
        named = name_of(self.data, f"bundled {recipe.bundled_data}") or data.source
        logger.info(
            "%s from %s; data: %s (%s rows%s); dev: %s",
            self.method,
            name_of(self.model, "mini") or "a SentenceTransformer",
            named,
            f"{len(data.rows):,}",
            _said_of_negatives(data.rows.column_names),
            self._named_dev(dev),
        )
        self._report_steps(data)
        if data.classes:
            more = ", …" if len(data.classes) > 8 else ""
            logger.info("%d labels: %s", len(data.classes), ", ".join(data.classes[:8]) + more)
        return data, dev

    def _read_paired(self, source: Any) -> "PairedData":
        """Read pictures with texts, as large as the tower takes them."""
        from sentemb.methods import recipe_named
        from sentemb.modalities.captioned import read_captioned

        options = self.options()
        recipe = recipe_named(self.method)
        configs = recipe.towers_of(self.model, options) if recipe.towers_of else []
        with phase("reading the pictures"):
            data = read_captioned(source, configs, self.columns, cast(Any, self.dev))
        if options["control"]:
            data = data.shuffled(self.settings.seed)
        held = 0 if data.dev is None else len(data.dev.rows)
        logger.info(
            "%s from %s; data: %s (%s rows); dev: %s",
            self.method,
            name_of(self.model, "mini") or "a SentenceTransformer",
            name_of(self.data, "bundled pictures") or data.source,
            f"{len(data.rows):,}",
            f"{held:,} rows of other pictures" if held else "none",
        )
        return data

    def _read_data(self, source: Any, layouts: "Sequence[tuple[str, ...]]") -> "TrainingData":
        """Read one data set, or several."""
        from sentemb.data_sources import read_sources, several_of
        from sentemb.datasets import as_training_data

        sources = several_of(source)
        if sources is None:
            if self.mixing is not None:
                raise UsageError("`mixing` has no effect on one data set: leave it out.")
            return as_training_data(source, layouts, self.columns)
        if self.columns is not None:
            raise UsageError(
                "`columns` are of one data set: of several, give each its own, as "
                "DataSource(path, columns=[...])."
            )
        return read_sources(sources, tuple(layouts), self.mixing)

    def _report_steps(self, data: "TrainingData") -> None:
        """Log a batch size that was lowered; warn where there are few steps all the same."""
        from sentemb.runs.processes import processes

        rows, fitted = len(data.rows), self.settings_for(data).batch_size
        steps = max(1, rows // fitted)
        if fitted < self.settings.batch_size:
            logger.info(
                "batch_size: %d instead of %d, because the data has %s rows; steps an epoch: %d",
                fitted,
                self.settings.batch_size,
                f"{rows:,}",
                steps,
            )
        total = int(steps * self.settings.epochs)
        few = total < STEPS and not self.settings.max_steps
        if few and processes().is_main_process:
            logger.warning(
                "The data has %s rows, so there are only %d training steps, which change the model "
                "little. Use more rows, or raise `epochs`.",
                f"{rows:,}",
                total,
            )

    def settings_for(self, data: "TrainingData") -> Settings:
        """Return the settings, a recipe's batch halved until an epoch has `STEPS` of them.

        At fewer than `SMALLEST` rows it is halved only where the data have not so many.
        """
        from sentemb.runs.processes import processes

        everyone = processes().num_processes
        batch, rows = self.settings.batch_size, len(data.rows) // everyone
        least = min(getattr(data, "sizes", None) or [len(data.rows)]) // everyone
        if self.batch_by_default:
            few = 0 if getattr(data, "signals", None) else STEPS  # towers take many epochs
            while batch > 2 and (batch > least or (batch > SMALLEST and rows // batch < few)):
                batch //= 2
        return replace(self.settings, batch_size=batch)

    def _named_dev(self, dev: "STS | None") -> str:
        if dev is None and self.settings.select == "held-out-loss":
            return "none, held-out rows choose the checkpoint"
        if dev is None:
            return "none, so the last step is kept; give `dev` to keep the best one"
        given = None if self.dev == bundled(GRADED) else self.dev
        return f"{name_of(given, f'bundled {GRADED}') or dev.name} ({len(dev.scores):,} pairs)"

    def read_to_measure(self) -> "tuple[TrainingData, STS]":
        """Read the data, and the graded pairs that a run among others is measured on."""
        data, dev = replace(self, dev=bundled(GRADED) if self.dev is None else self.dev).read()
        return data, cast("STS", dev)

    def build(self, data: "TrainingData") -> "Method":
        """Build the method; what is random in it is of the seed.

        Raises:
            UsageError: When an option does not fit.
            InputError: When the model cannot be read.
        """
        from transformers import set_seed

        from sentemb.datasets.several import SeveralData
        from sentemb.methods import method_named

        if isinstance(data, SeveralData):
            return self._build_mixed(data)
        of_data = {"columns": data.rows.column_names, "classes": len(data.classes)}
        own = _defaults(self.method)
        options = self.options() | {k: v for k, v in of_data.items() if k in own}
        set_seed(self.settings.seed)
        method = method_named(
            self.method,
            self.model,
            pooling=self.pooling,
            prompt=self.prompt,
            include_prompt=self.include_prompt,
            bidirectional=self.bidirectional,
            template=self.template,
            lora=self.lora,
            **options,
        )
        return self._overridden(method, self.loss, self.mask_above)

    def _overridden(
        self, method: "Method", loss: "Loss | None", mask_above: float | None
    ) -> "Method":
        from sentemb.methods.overrides import override
        from sentemb.views import View

        return override(
            method,
            self.method,
            [view if isinstance(view, View) else view(method.encoder) for view in self.view],
            loss,
            matryoshka=self.matryoshka,
            mask_above=mask_above,
        )

    def _build_mixed(self, data: "SeveralData") -> "Method":
        """Build a method for each data set; all train the twin of the recipe."""
        from sentemb.data_sources import several_of, views_of
        from sentemb.encoders.prompts import set_prompts
        from sentemb.method import Method
        from sentemb.methods import recipe_named
        from sentemb.training.mixed import MixedMethod
        from sentemb.views import View

        sources, parts = several_of(self.data) or {}, dict(data.parts)
        own = _defaults(self.method)

        def of_data(part: "TrainingData") -> dict[str, Any]:
            known = {"columns": part.rows.column_names, "classes": len(part.classes)}
            return self.options() | {k: v for k, v in known.items() if k in own}

        plain = [name for name, source in sources.items() if source.loss is None]
        first = parts[plain[0] if plain else data.names[0]]
        bare = replace(self, prompt={}, view=(), loss=None, matryoshka=(), mask_above=None)
        base = bare.build(first)
        methods: dict[str, Method] = {}
        for name, part in parts.items():
            if (loss := sources[name].loss) is None:
                built = (
                    base
                    if part is first
                    else recipe_named(self.method).build(base.encoder, **of_data(part))
                )
                member = Method(built.views, base.twin, built.loss)
                methods[name] = self._overridden(member, self.loss, self.mask_above)
            else:
                member = Method(views_of(part, View), base.twin, loss)
                methods[name] = self._overridden(member, None, None)
        labels = ["none" if "label" not in part.rows.column_names else
                  "classes" if part.classes else "scores" for part in parts.values()]  # fmt: skip
        mixed = MixedMethod(methods, labels)  # type: ignore[arg-type]
        read = [view.column for view in mixed.views]
        for each in (mixed.encoder, *mixed.twin.other_encoders().values()):
            set_prompts(each, self.prompt, read)
        return mixed

    def train(
        self,
        data: "TrainingData",
        dev: "STS | None",
        output: str | os.PathLike[str] | None,
        *,
        resume: bool = False,
        overwrite: bool = False,
        allow_changed: Sequence[str] = (),
    ) -> "Run":
        """Train into a folder; arguments as of `sentemb.train`."""
        from sentemb.methods import recipe_named
        from sentemb.runs.run_result import Provenance
        from sentemb.training import train

        recipe, method = recipe_named(self.method), self.build(data)
        logger.info("encoder: %s", self._described(method))
        run = train(
            method,
            data,
            None if output is None else Path(output),
            self.settings_for(data),
            dev=dev,
            resume=resume,
            overwrite=overwrite,
            allow_changed=allow_changed,
            provenance=Provenance(
                method=self.method,
                method_options=self.options(),
                citation=recipe.citation,
                model=name_of(self.model, "mini"),
                data=name_of(self.data, f"bundled:{recipe.bundled_data}"),
                dev=name_of(self.dev, f"bundled:{GRADED}" if dev else None),
                as_it_is=self._as_it_is(method, dev) if dev else {},
                config=self.config(method, data),
            ),
        )
        if getattr(data, "dev", None) is not None:
            self._leave_hits(run, data, method)
        return run

    def _leave_hits(self, run: "Run", data: Any, method: "Method") -> None:
        """Draw which pictures the first texts of the dev rows find."""
        from sentemb.modalities.hits_grid import leave_hits
        from sentemb.runs.checkpoint_commit import OF_A_RUN
        from sentemb.runs.processes import processes

        def encode(texts: list[str]) -> Any:
            return method.encoder.encode(texts, show_progress_bar=False)

        if processes().is_main_process:
            leave_hits(run.output, OF_A_RUN, data.dev, method.twin.towers()["picture"], encode)

    def _described(self, method: "Method") -> str:
        """Name the modules of the encoder, the origin of its pooling, and what training adds."""
        from sentemb.encoders import describe
        from sentemb.locate import is_sentence_transformer, locate

        raw = isinstance(self.model, str | os.PathLike) and not is_sentence_transformer(
            locate(self.model)
        )
        pooling = f"pooling of {self.method}" if raw else "pooling of its own"
        if self.pooling is not None:
            pooling = "`pooling` as given"
        heads = [name for name, _ in method.twin.named_children() if name in TRAINING_HEADS]
        added = "".join(f"; a {name} is used in training only" for name in heads)
        added += "" if self.lora is None else f"; LoRA {self.lora}"
        return f"{describe(method.encoder)} ({pooling}{added})"

    def _as_it_is(self, method: "Method", dev: "STS") -> dict[str, Any]:
        """Score the starting model with its own pooling, where it is trained with another."""
        from sentemb.encoders import build_encoder, describe
        from sentemb.inference.embedder import Embedder
        from sentemb.runs.random_state import random_state_kept

        with random_state_kept():
            own = build_encoder(self.model)
        if describe(own) == describe(method.encoder):
            return {}
        with Embedder(own) as embedder:
            return {"modules": describe(own), "spearman": dev(embedder.encode)["spearman"]}

    def dry_run(self, data: "TrainingData", dev: "STS | None") -> "DryRun":
        """Return what the training would be; nothing is written."""
        from sentemb.training.dry_run import dry_run

        return dry_run(self.build(data), data, self.settings_for(data), dev)

    def config(self, method: "Method", data: "TrainingData") -> dict[str, Any]:
        """Return the options of ``sentemb train`` that make the run again, but for its folder.

        Views and loss stand as their ``repr``.

        Args:
            method: As it was built.
            data: As they were read.
        """
        from sentemb.runs.conditions import stable_repr

        given = {
            "method": self.method,
            "model": name_of(self.model, "mini"),
            "data": None if self.data is None else data.source,
            **self._of_sources(),
            "dev": name_of(self.dev, None),
            "pooling": self.pooling,
            "columns": ",".join(as_names("columns", self.columns or ())),
            "prompt": [f"{column}={prompt}" for column, prompt in self.prompt.items()],
            "include_prompt": self.include_prompt,
            "bidirectional": self.bidirectional or None,
            "template": self.template,
            "lora": None if self.lora is None else str(self.lora),
            "view": [stable_repr(view) for view in method.views] if self.view else [],
            "loss": None if self.loss is None else stable_repr(self.loss),
            "matryoshka": ",".join(map(str, self.matryoshka)),
            "mask_above": self.mask_above,
            "mixing": self.mixing,
        }
        given = {name: value for name, value in given.items() if value not in (None, "", [])}
        return given | self.options() | asdict(self.settings_for(data))

    def _of_sources(self) -> dict[str, Any]:
        """Return the options that name several data sets; empty where there is one."""
        from sentemb.data_sources import described_sources, several_of

        sources = several_of(self.data)
        return {} if sources is None else described_sources(sources, lambda one: name_of(one, None))

    def plan(self, data: "TrainingData", dev: "STS") -> dict[str, Any]:
        """Return what the results depend on, by value, never by path or name."""
        from sentemb.runs.conditions import (
            WITHOUT_EFFECT,
            described,
            described_rows,
            stable_repr,
            weights,
        )

        method = self.build(data)
        rows = zip(dev.sentences1, dev.sentences2, dev.scores, strict=True)
        of_sources = {k: v for k, v in self._of_sources().items() if k != "data"}
        left_out = {"seed", "packed", "compile", *WITHOUT_EFFECT} - {"epochs", "max_steps"}
        return {
            "method": self.method,
            "method_options": self.options(),
            "views": [stable_repr(view) for view in method.views] if self.view else [],
            "loss": None if self.loss is None else stable_repr(self.loss),
            "matryoshka": list(self.matryoshka),
            "mask_above": self.mask_above,
            "pooling": self.pooling,
            **({"mixing": self.mixing, "sources": of_sources} if of_sources else {}),
            **({"prompts": dict(self.prompt)} if self.prompt else {}),
            **({"include_prompt": self.include_prompt} if self.include_prompt is not None else {}),
            **({"bidirectional": True} if self.bidirectional else {}),
            **({"template": self.template} if self.template is not None else {}),
            **({"lora": str(self.lora)} if self.lora is not None else {}),
            **{k: v for k, v in asdict(self.settings_for(data)).items() if k not in left_out},
            "model": weights(method.encoder[0]),
            "data": described_rows(data.rows),
            "dev": described(len(dev.scores), map(repr, rows)),
        }

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
    view: "ViewOf | Sequence[ViewOf]" = (),
    prompt: Mapping[str, str] | None = None,
    **options: Any,
) -> TrainJob:
    """Return the job of a recipe: what is not given is the recipe's own.

    Args:
        method: The recipe's name.
        data: As of `TrainJob`.
        dev: As of `TrainJob`.
        settings: By default the recipe's.
        view: As of `TrainJob`, or one alone.
        prompt: As of `TrainJob`.
        options: Further arguments of `TrainJob`, fields of `Settings`, and the recipe's own.

    Raises:
        UsageError: When there is no such recipe or option; names the nearest.
    """
    from sentemb.methods import recipe_named

    recipe = recipe_named(method)
    names = [f.name for f in fields(Settings)]
    of_job = [f.name for f in fields(TrainJob) if f.name not in OF_NO_OPTION]
    own = [name for name in _defaults(method) if name not in OF_DATA]
    known = known_options(options, [*names, *of_job, *own], f"method '{method}'")
    changed = {name: value for name, value in known.items() if name in names}
    by_default = settings is None and "batch_size" not in changed
    if settings is None:
        defaults = {name: getattr(recipe, name) for name in names if hasattr(recipe, name)}
        settings = Settings(**defaults | changed)
    else:
        settings = replace(settings, **changed)
    return TrainJob(
        method,
        settings,
        data,
        dev,
        view=tuple(view) if isinstance(view, Sequence) else (view,),
        prompt=prompt or {},
        given={name: _plain(value) for name, value in known.items() if name in own},
        batch_by_default=by_default,
        **{k: v for k, v in known.items() if k in of_job and v is not None},
    )


def _said_of_negatives(columns: Sequence[str]) -> str:
    """Say how many hard negatives rows have, where some have several."""
    most = sum(column.startswith("negative") for column in columns)
    return f", up to {most} hard negatives each" if most > 1 else ""


def known_options(options: Mapping[str, Any], known: Sequence[str], what: str) -> dict[str, Any]:
    """Return options under the names of their settings.

    Raises:
        UsageError: When there is no such option; names the nearest.
    """
    given: dict[str, Any] = {}
    for name, value in options.items():
        meant = ALSO_CALLED.get(name, name)
        if meant not in known:
            raise UsageError(
                f"No option '{name}' of {what}; allowed: {', '.join(known)}."
                + nearest(name, list(known))
            )
        if meant in given:
            raise UsageError(f"{meant} is given twice, under two names: give it once.")
        given[meant] = value
    return given


def refuse_replaced(given: Iterable[str], *, view: bool, loss: bool) -> None:
    """Raise where an option of a recipe is given whose part is replaced.

    Raises:
        UsageError: When it would have no effect.
    """
    for name in sorted(given):
        part = "view" if view and name in OF_VIEWS else "loss" if loss and name in OF_LOSS else ""
        if part:
            raise UsageError(
                f"`{name}` has no effect beside `{part}`, which replaces the part that it sets: "
                f"give it to the {part} instead."
            )


def numbers_of(loss: "Loss | None") -> list[str]:
    """Return the numbers that a loss has as options; a sum has none."""
    if not is_dataclass(loss):
        return []
    return [f.name for f in fields(loss) if isinstance(getattr(loss, f.name), int | float)]


def name_of(given: object, default: str | None) -> str | None:
    """Name a path, a hub id or a bundled encoder; None for an object.

    Example:
        >>> name_of(None, "mini"), name_of("runs/mine", "mini"), name_of(["A text."], "mini")
        ('mini', 'runs/mine', None)
    """
    if given is None:
        return default
    return os.fspath(given) if isinstance(given, str | os.PathLike) else None


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _defaults(method: str) -> dict[str, Any]:
    """Return the parameters of a recipe, but for the encoder, with their defaults."""
    from sentemb.methods import recipe_named

    parameters = list(inspect.signature(recipe_named(method).build).parameters.values())[1:]
    return {p.name: p.default for p in parameters}
