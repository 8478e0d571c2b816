"""What can be said of a command before torch is imported, so that a mistake costs no seconds.

Names, files and columns are looked at here; the same readers and checks run again where they are
used. What depends on a model is found there alone.
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from . import console, source
from .source import METHODS
from .spec import check_loss, check_view

if TYPE_CHECKING:
    from .jobs import TrainJob


def check_job(job: "TrainJob") -> None:
    """Raise where a command that trains names what is not there.

    Raises:
        UsageError: When a view, a loss, a pooling or an option of one is unknown, or would have no
            effect.
        InputError: When a file is not there, or has other columns.
    """
    job.without_replaced()
    for words in job.views:
        check_view(words)
    if job.loss is not None:
        check_loss(job.loss)
    check_pooling(job.pooling)
    if any(option.name == "teacher" for option in source.parameters_of(job.method)):
        check_teacher(job.method_options.get("teacher"))
    if job.data is not None:
        check_columns(job.data, job.recipe.layouts, job.columns)
    if job.dev is not None:
        check_graded(job.dev)
    check_models(job.model)


def check_output_of_run(
    output: Path,
    *,
    resume: bool,
    overwrite: bool,
    seeds: Sequence[int] | None,
    reads: Sequence[str],
) -> None:
    """Raise unless a run may write into a folder; of several processes one looks, later."""
    from sentemb.runs.output import check_output

    if "RANK" not in os.environ:
        check_output(output, resume=resume, overwrite=overwrite, seeds=seeds, reads=reads)


def check_study(output: Path) -> None:
    """Raise unless the runs of a study may be kept in a folder."""
    from sentemb.experiments import check_folder

    check_folder(output)


def check_models(*names: str) -> None:
    """Raise unless each name leads to a model that may be loaded; what warns does so later."""
    from sentemb.locate import locate

    with console.only_errors():
        for name in names:
            locate(name)


def check_teacher(name: str | None) -> None:
    """Raise unless a teacher is named, and the name leads to a model that may be loaded."""
    from sentemb.errors import UsageError

    if not name:
        raise UsageError(source.value("sentemb.methods.distill", "NO_TEACHER"))
    check_models(name)


def check_names(names: Sequence[str]) -> None:
    """Raise unless each name is a method or a model, and comes once."""
    from sentemb.bundled import BUNDLED_ENCODERS
    from sentemb.errors import UsageError, unknown

    for name in names:
        if not (name in (*METHODS, *BUNDLED_ENCODERS) or "/" in name or Path(name).exists()):
            raise UsageError(unknown("method or model", name, [*METHODS, *BUNDLED_ENCODERS]))
    if len(set(names)) < len(names):
        raise UsageError(f"Each method or model once, got {', '.join(names)}.")
    check_models(*(name for name in names if name not in METHODS))


def check_pooling(name: str | None) -> None:
    """Raise unless a pooling is known, or none is named."""
    from sentemb.errors import UsageError, unknown

    allowed = source.choices("sentemb.encoders.poolings", "PoolingName")
    if name is not None and name not in allowed:
        raise UsageError(unknown("pooling", name, list(allowed)))


def check_columns(
    data: str | os.PathLike[str],
    layouts: Sequence[tuple[str, ...]],
    columns: Sequence[str] | None = None,
) -> None:
    """Raise unless a file is there and its first row has the columns."""
    from sentemb.datasets.faults import Faults
    from sentemb.datasets.layouts import read_layout

    if _can_be_read_again(data):
        with console.only_warnings():
            read_layout(data, layouts, columns, Faults())


def check_readable(*files: Path, columns: Sequence[str] | None = None) -> None:
    """Raise unless files can be opened and their first rows have the columns."""
    from sentemb.checks.columns import find_columns
    from sentemb.datasets.faults import Faults
    from sentemb.datasets.files import read_rows

    for file in files:
        if _can_be_read_again(file):
            _, row = next(read_rows(file, Faults("replace")), (0, {}))
            find_columns(list(row), columns if row else None, file)


def check_graded(*files: str | os.PathLike[str] | None) -> None:
    """Raise unless files of graded pairs can be read."""
    from sentemb.datasets.sts import read_sts

    for file in files:
        if file is not None and _can_be_read_again(file):
            with console.only_warnings():
                read_sts(file)


def without_effect(flag: str, given: bool, needed: str) -> None:
    """Raise where an option is given that does nothing without another."""
    from sentemb.errors import UsageError

    if given:
        raise UsageError(f"{flag} has no effect without {needed}: leave it out, or give both.")


def one_of_seeds(seed: int, seeds: str | None) -> None:
    """Raise where both ``--seed`` and ``--seeds`` say what the seeds are."""
    from sentemb.errors import UsageError
    from sentemb.training.settings import Settings

    if seeds is not None and seed != Settings.seed:
        raise UsageError("--seed has no effect beside --seeds, which names all of them.")


def check_extra(module: str, extra: str, what: str) -> None:
    """Raise unless a package that is not always installed is there.

    Args:
        module: Of the package.
        extra: Of sentemb, which brings it.
        what: Needs it, as the subject of a sentence.
    """
    from sentemb.errors import UsageError

    if not find_spec(module):
        raise UsageError(f'{what} needs {module}: pip install "sentemb[{extra}]".')


def _can_be_read_again(data: str | os.PathLike[str]) -> bool:
    """Tell a file, or a name that is none, from a pipe and from a data set of the hub."""
    from sentemb.datasets.source import looks_like_hub_id

    path = Path(data)
    is_stream = path.exists() and not (path.is_file() or path.is_dir())
    return not (is_stream or looks_like_hub_id(os.fspath(data)))
