"""What a job reads, and the batch that fits to it."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from sentemb.bars import phase
from sentemb.bundled import bundled
from sentemb.errors import UsageError
from sentemb.jobs.job_options import defaults_of
from sentemb.jobs.train_job import TrainJob
from sentemb.training.settings import Settings

if TYPE_CHECKING:
    from sentemb.data_sources import DataSource
    from sentemb.datasets import TrainingData
    from sentemb.evaluation import STS
    from sentemb.modalities.captioned import PairedData
    from sentemb.modalities.spokes import SpokeData
    from sentemb.modalities.towers import TowerConfig

logger = logging.getLogger("sentemb")
GRADED = "graded.tsv"
SMALLEST, STEPS = 16, 20
COLUMNS_OF_ONE = (
    "`columns` are of one data set: of several, give each its own, as "
    "DataSource(path, columns=[...])."
)


def read(job: TrainJob) -> "tuple[TrainingData, STS | None]":
    """Read the data and the graded pairs, and say in the log what is used."""
    from sentemb.data_sources import several_of
    from sentemb.datasets import as_sts
    from sentemb.methods import recipe_named

    recipe = recipe_named(job.method)
    source = bundled(recipe.bundled_data) if job.data is None else job.data
    if recipe.beside:
        if recipe.several and (sources := several_of(source)):
            return _read_spokes(job, sources), None
        require_one_source(job, source)
        return _read_paired(job, source), None
    graded = bundled(GRADED) if job.dev is None and job.data is None else job.dev
    with phase("reading the data"):
        data = _read_rows(job, source, recipe.layouts)
        dev = None if graded is None else as_sts(graded)
    named = name_of(job.data, f"bundled {recipe.bundled_data}") or data.source
    logger.info(
        "%s from %s; data: %s (%s rows%s); dev: %s",
        job.method,
        name_of(job.model, "mini") or "a SentenceTransformer",
        named,
        f"{len(data.rows):,}",
        _said_of_negatives(data.rows.column_names),
        _named_dev(job, dev),
    )
    _report_steps(job, data)
    if data.classes:
        more = ", …" if len(data.classes) > 8 else ""
        logger.info("%d labels: %s", len(data.classes), ", ".join(data.classes[:8]) + more)
    return data, dev


def require_one_source(job: TrainJob, source: Any) -> None:
    """Raise where several data sets are given to a method that reads one.

    Raises:
        UsageError: Names the method.
    """
    from sentemb.data_sources import several_of

    if job.mixing is not None or several_of(source) is not None:
        raise UsageError(
            f"'{job.method}' trains on one data set: give a single `data`, without `mixing`."
        )


def _read_paired(job: TrainJob, source: Any) -> "PairedData":
    """Read texts with pictures or sounds, as large as the towers take them."""
    from sentemb.methods import recipe_named
    from sentemb.modalities.captioned import read_captioned

    recipe, options = recipe_named(job.method), job.options()
    configs = recipe.towers_of(job.model, options) if recipe.towers_of else []
    with phase("reading the pictures"):
        if recipe.reads_texts:
            data = read_captioned(source, configs, job.columns, cast(Any, job.dev))
        else:
            data = _read_alone(job, source, configs[0])
    if options.get("control"):
        data = data.shuffled(job.settings.seed)
    _tell_of_pictures(job, data, name_of(job.data, f"bundled {recipe.bundled_data}"))
    return data


def _read_alone(job: TrainJob, source: Any, config: "TowerConfig") -> "PairedData":
    """Read pictures without texts.

    Raises:
        UsageError: When dev rows are given, or several columns.
    """
    from sentemb.modalities.captioned import read_signals

    if job.dev is not None:
        raise UsageError(f"'{job.method}' reads no texts that `dev` could measure: leave it out.")
    columns = job.columns or (None,)
    if len(columns) != 1:
        raise UsageError(f"`columns` name the one of pictures, got {len(columns)}.")
    return read_signals(source, config, columns[0])


def _tell_of_pictures(job: TrainJob, data: "PairedData | SpokeData", named: str | None) -> None:
    held = 0 if data.dev is None else len(data.dev.rows)
    logger.info(
        "%s from %s; data: %s (%s rows); dev: %s",
        job.method,
        start_of(job) or "a SentenceTransformer",
        named or data.source,
        f"{len(data.rows):,}",
        f"{held:,} rows" if held else "none",
    )


def _read_spokes(job: TrainJob, sources: "Mapping[str, DataSource]") -> "SpokeData":
    """Read several data sets of pictures, each with what is bound to them.

    Raises:
        UsageError: When `columns` are given, which are of one data set.
    """
    from sentemb.data_sources import read_sources
    from sentemb.methods import recipe_named
    from sentemb.modalities.spokes import SpokeData, dev_of, read_spoke

    if job.columns is not None:
        raise UsageError(COLUMNS_OF_ONE)
    recipe, options = recipe_named(job.method), job.options()
    configs = recipe.towers_of(job.model, options) if recipe.towers_of else []
    with phase("reading the pictures"):
        parts = {
            name: read_spoke(cast(Any, source.data), configs, source.columns)
            for name, source in sources.items()
        }
        given = None
        if job.dev is not None:
            given = read_spoke(cast(Any, job.dev), configs, all_held=True)
            if "text" not in given.rows.column_names:
                raise UsageError(
                    "`dev` has no texts, which pictures and sounds are measured by: give a table "
                    "that has them too."
                )
    if options["control"]:
        parts = {name: part.shuffled(job.settings.seed) for name, part in parts.items()}
    read = {name: replace(source, data=parts[name]) for name, source in sources.items()}
    data = SpokeData(**vars(read_sources(read, (), job.mixing)), dev=dev_of(given, parts))
    _tell_of_pictures(job, data, f"{', '.join(parts)}")
    return data


def _read_rows(job: TrainJob, source: Any, layouts: "Sequence[tuple[str, ...]]") -> "TrainingData":
    """Read one data set, or several."""
    from sentemb.data_sources import read_sources, several_of, with_margins
    from sentemb.datasets import as_training_data

    sources = several_of(source)
    if "teacher" not in defaults_of(job.method):  # a teacher measures the margins itself
        layouts = with_margins(tuple(layouts), job.loss)
    if sources is None:
        if job.mixing is not None:
            raise UsageError("`mixing` has no effect on one data set: leave it out.")
        return as_training_data(source, layouts, job.columns)
    if job.columns is not None:
        raise UsageError(COLUMNS_OF_ONE)
    return read_sources(sources, tuple(layouts), job.mixing)


def _report_steps(job: TrainJob, data: "TrainingData") -> None:
    """Log a batch size that was lowered; warn where there are few steps all the same."""
    from sentemb.runs.processes import processes

    rows, fitted = len(data.rows), settings_for(job, data).batch_size
    steps = max(1, rows // fitted)
    if fitted < job.settings.batch_size:
        logger.info(
            "batch_size: %d instead of %d, because the data has %s rows; steps an epoch: %d",
            fitted,
            job.settings.batch_size,
            f"{rows:,}",
            steps,
        )
    total = int(steps * job.settings.epochs)
    few = total < STEPS and not job.settings.max_steps
    if few and processes().is_main_process:
        logger.warning(
            "The data has %s rows, so there are only %d training steps, which change the model "
            "little. Use more rows, or raise `epochs`.",
            f"{rows:,}",
            total,
        )


def settings_for(job: TrainJob, data: "TrainingData") -> Settings:
    """Return the settings, a recipe's batch halved until an epoch has `STEPS` of them.

    At fewer than `SMALLEST` rows it is halved only where the data have not so many.
    """
    from sentemb.runs.processes import processes

    everyone = processes().num_processes
    batch, rows = job.settings.batch_size, len(data.rows) // everyone
    least = min(getattr(data, "sizes", None) or [len(data.rows)]) // everyone
    if job.batch_by_default:
        few = 0 if getattr(data, "signals", None) else STEPS  # towers take many epochs
        while batch > 2 and (batch > least or (batch > SMALLEST and rows // batch < few)):
            batch //= 2
    return replace(job.settings, batch_size=batch)


def _named_dev(job: TrainJob, dev: "STS | None") -> str:
    if dev is None and job.settings.select == "held-out-loss":
        return "none, held-out rows choose the checkpoint"
    if dev is None:
        return "none, so the last step is kept; give `dev` to keep the best one"
    given = None if job.dev == bundled(GRADED) else job.dev
    return f"{name_of(given, f'bundled {GRADED}') or dev.name} ({len(dev.scores):,} pairs)"


def read_to_measure(job: TrainJob) -> "tuple[TrainingData, STS]":
    """Read the data, and the graded pairs that a run among others is measured on.

    Raises:
        UsageError: When the recipe reads more than texts.
    """
    from sentemb.methods import recipe_named

    if recipe_named(job.method).beside:
        raise UsageError(
            f"Studies, comparisons and sweeps measure graded pairs of texts, and '{job.method}' "
            "trains on pictures or sounds: use `train`."
        )
    data, dev = read(replace(job, dev=bundled(GRADED) if job.dev is None else job.dev))
    return data, cast("STS", dev)


def _said_of_negatives(columns: Sequence[str]) -> str:
    """Say how many hard negatives rows have, where some have several."""
    most = sum(column.startswith("negative") for column in columns)
    return f", up to {most} hard negatives each" if most > 1 else ""


def start_of(job: TrainJob) -> str | None:
    """Name the model that a job trains; None for an object."""
    from sentemb.methods import recipe_named

    if not recipe_named(job.method).reads_texts and job.model == "mini":
        return "a new tower"
    return name_of(job.model, "mini")


def name_of(given: object, default: str | None) -> str | None:
    """Name a path, a hub id or a bundled encoder; None for an object.

    Example:
        >>> name_of(None, "mini"), name_of("runs/mine", "mini"), name_of(["A text."], "mini")
        ('mini', 'runs/mine', None)
    """
    if given is None:
        return default
    return os.fspath(given) if isinstance(given, str | os.PathLike) else None
