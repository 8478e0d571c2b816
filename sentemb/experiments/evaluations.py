"""`evaluate`: models scored on tasks, all their seeds, side by side."""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.bars import Progress
from sentemb.datasets.in_memory import Container
from sentemb.errors import UsageError
from sentemb.evaluation import Outcome, Retrieval, Task, TwoWayRetrieval
from sentemb.evaluation.cache import EncodeCache
from sentemb.evaluation.disclosure import UNKNOWN, Disclosure, disclose
from sentemb.experiments.evaluation_report import Scored, report_of, write_report
from sentemb.experiments.models import Model, Models, models_of, opened
from sentemb.suites.tasks import Tasks, read_tasks
from sentemb.table import Report

if TYPE_CHECKING:
    from sentemb.encoders import PoolingName
    from sentemb.experiments.models import One

logger = logging.getLogger("sentemb")
Path_ = str | os.PathLike[str]
Files = Path_ | Sequence[Path_] | Container
SLOW = 10
"""Seconds from which on a task is reported."""


def evaluate(
    models: Models = "mini-sentemb",
    *,
    suite: str | Sequence[str] = (),
    data: Path_ | None = None,
    sts: Files = (),
    transfer: Files = (),
    retrieval: Files = (),
    clustering: Files = (),
    pairs: Files = (),
    cross_modal: Files = (),
    tasks: Sequence[Task] = (),
    identical_ids: str = "auto",
    pooling: "PoolingName | None" = None,
    batch_tokens: int | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    prompt_name: str | None = None,
    output: Path_ | None = None,
    overwrite: bool = False,
) -> Report:
    """Score models by the protocols of the field: STS, transfer, retrieval, clustering, pairs.

    Models of pictures or sounds are scored by how these and texts find each other. All numbers are
    × 100 but alignment, uniformity, thresholds and ranks. Of several models, the difference to the
    first is given with its 95 % interval and p; see `sentemb.evaluation.paired_bootstrap`. A folder
    of ``seed-0``, ``seed-1``, … is one model. With nothing to score on, the bundled graded pairs
    are used.

    Args:
        models: A bundled encoder's name, a folder, a hub id, what `sentemb.train` returned, a
            `SentenceTransformer` or anything with ``encode``; several in a list, or in a dictionary
            by the names to show.
        suite: ``sts``, ``sts-zh``, ``transfer``, ``retrieval``, ``clustering``,
            ``pairs`` or ``negation``, which is bundled.
        data: The folder that holds the files of suites; by default the variable SENTEMB_DATA.
        sts: Files of graded pairs, or rows in memory, as a list of tuples or a data frame.
        transfer: Labelled texts or pairs, which a classifier is trained on; as ``sts``.
        retrieval: Folders in BEIR's form, or tables of questions and answers.
        clustering: Labelled texts, as ``sts``.
        pairs: Pairs with the label 1 or 0, as ``sts``.
        cross_modal: Tables with two or three of texts, pictures and sounds, or folders with a
            ``metadata.csv``: how well each two find each other, for models of `train` with the
            methods clip, siglip, lit, coca and bind.
        tasks: Tasks that are made already, as `sentemb.STS`.
        identical_ids: Whether to ``drop`` or ``keep`` the document of a query's id in its ranking;
            ``auto`` drops it where it has the query's text.
        pooling: Another pooling than the models' own.
        batch_tokens: Tokens of a forward; by default 512 on a CPU, by free memory on a GPU.
        batch_size: Texts of a forward, in place of tokens; with ``batch_tokens``, both count.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``, for models that are named; by default the
            GPU if there is one.
        prompt_name: Of a prompt of the models that is put before texts, but for those of retrieval:
            queries and documents get the prompts that a model has for them. By default a model's
            default prompt.
        output: A JSON file for the results.
        overwrite: Whether an earlier output is replaced.

    Returns:
        The tables, and a record with ``models``, ``tasks``, ``differences`` and ``warnings``.

    Raises:
        UsageError: When a suite is unknown, a model is named twice, or the output exists.
        InputError: When a model or a file cannot be read.
        NumericError: When an embedding is not a number.

    Example:
        >>> report = evaluate("mini")
        >>> report["models"][0]["labels"]
        'those of its teacher sentence-transformers/all-MiniLM-L6-v2; the model itself saw none'
    """
    _check_output(output, overwrite=overwrite)
    found = models_of(models)
    chosen = read_tasks(
        [suite] if isinstance(suite, str) else suite,
        _folder(data),
        {
            "sts": _sources(sts),
            "transfer": _sources(transfer),
            "retrieval": _sources(retrieval),
            "clustering": _sources(clustering),
            "pairs": _sources(pairs),
            "cross_modal": _sources(cross_modal),
        },
        identical_ids,
        tasks,
    )
    how: dict[str, Any] = {"pooling": pooling, "device": device, "prompt_name": prompt_name}
    how |= {"batch_tokens": batch_tokens, "batch_size": batch_size}
    seen = [_disclosed(model) for model in found]
    total = len(chosen.chosen) * sum(len(model.seeds) for model in found)
    with Progress("evaluating", total, "tasks", lines=False) as progress:
        scored = [
            Scored(
                model,
                disclosed,
                [_score(one, chosen, how, progress) for one in model.seeds],
            )
            for model, disclosed in zip(found, seen, strict=True)
        ]
    report = report_of(scored, chosen, prompt_name)
    if output is not None:
        write_report(Path(output), report)
        logger.info("results: %s", output)
    return report


def _disclosed(model: Model) -> Disclosure:
    folders = model.folders()
    return disclose(folders[0]) if folders else Disclosure(UNKNOWN)


def _score(one: "One", tasks: Tasks, how: dict[str, Any], progress: Progress) -> dict[str, Outcome]:
    """Score one seed on each task; each unique sentence is encoded once."""
    outcomes = {}
    with opened(one, **how) as model:
        known = {encode: EncodeCache(encode) for encode in model.all()}
        for chosen in tasks.chosen:
            started = time.monotonic()
            progress.rename(f"evaluating on {chosen.task.name}")
            task = chosen.task
            if isinstance(task, Retrieval):
                sides = known[model.encode_queries], known[model.encode_documents]
                outcomes[task.name] = task.outcome(*sides)
            elif isinstance(task, TwoWayRetrieval):
                outcomes[task.name] = task.outcome(*map(model.encoder_of, task.sides))
            else:
                outcomes[task.name] = task.outcome(known[model.encode])
            if (took := time.monotonic() - started) >= SLOW:
                logger.info("%s: %s took %.0f s", one, chosen.task.name, took)
            progress.add(1)
    return outcomes


def _check_output(output: Path_ | None, *, overwrite: bool) -> None:
    """Raise before hours are spent on what cannot be written."""
    path = Path(output) if output is not None else None
    if path is not None and path.exists() and not overwrite:
        raise UsageError(f"Output '{path}' exists: give another `output`, or `overwrite=True`.")
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"No folder '{path.parent}' to write '{path.name}' into.")


def _folder(data: Path_ | None) -> Path | None:
    named = data or os.environ.get("SENTEMB_DATA")
    return Path(named) if named else None


def _sources(given: Files) -> "list[Path | Container]":
    """Tell files from rows in memory."""
    if isinstance(given, str | os.PathLike):
        return [Path(given)]
    if isinstance(given, Sequence) and all(isinstance(one, str | os.PathLike) for one in given):
        return [Path(one) for one in given]
    return [given]
