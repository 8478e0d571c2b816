"""`dry_run`: what a training would read, take and cost, by a few steps of a copy of it."""

import logging
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from datasets import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.bars import clock, phase
from sentemb.datasets import TrainingData
from sentemb.encoders.loading import load_report_hidden
from sentemb.encoders.prompts import prompt_of
from sentemb.evaluation import STS, Evaluator
from sentemb.method import Method
from sentemb.runs.publish import size_of
from sentemb.training.collator import Collator
from sentemb.training.forwards import forwards
from sentemb.training.mixed import collator_of, mixing_of, try_out_each
from sentemb.training.mixing import Mixing
from sentemb.training.preflight import first_texts, what_is_read
from sentemb.training.run import (
    rows_left_over,
    settled,
    steps_of,
    training_arguments,
)
from sentemb.training.settings import Settings
from sentemb.training.teaching import teach_few
from sentemb.training.tokenised_rows import TokenisedRows
from sentemb.training.trainer import ContrastiveTrainer

logger = logging.getLogger("sentemb")
WARM_UP, TIMED = 1, 3
"""Steps of the probe: the first ones are slower, and not counted."""
PATIENCE = 30.0
"""Seconds after which the probe takes no further step."""
AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True, repr=False)
class DryRun:
    """What a training would be; printing it says so in a few lines.

    Args:
        rows: Rows that would be trained on.
        held_out_rows: Rows kept aside for the held-out loss.
        empty_rows: Rows without text, left out.
        unlabelled_rows: Rows without a label or score, left out.
        texts: Texts of these rows that the views read.
        mean_tokens: Mean length of a text, special tokens included, before it is cut.
        longest_tokens: Length of the longest text.
        max_length: Tokens that a text is cut to.
        truncated_rows: Rows with a text that would be cut.
        unknown_tokens: Tokens that the tokenizer does not know.
        batch_size: Rows of a batch.
        batches: Whole batches of an epoch.
        rows_left_over: Rows of the incomplete last batch, left out of each epoch.
        steps: Optimizer steps of the run.
        evaluations: How often the run would be evaluated.
        micro_batch: Rows that the encoder takes at once; 0 for all.
        seconds_a_step: Measured.
        seconds_an_evaluation: Measured; 0 where nothing is evaluated.
        seconds: Of the whole run, as estimated from both.
        peak_memory_bytes: Measured: of the GPU, or of this process where there is none; None where
            the system does not tell.
        device: That was measured on.
    """

    rows: int
    held_out_rows: int
    empty_rows: int
    unlabelled_rows: int
    texts: int
    mean_tokens: float
    longest_tokens: int
    max_length: int
    truncated_rows: int
    unknown_tokens: int
    batch_size: int
    batches: int
    rows_left_over: int
    steps: int
    evaluations: int
    micro_batch: int
    seconds_a_step: float
    seconds_an_evaluation: float
    seconds: float
    peak_memory_bytes: int | None
    device: str

    def __repr__(self) -> str:
        memory = self.peak_memory_bytes
        rate = self.batch_size / self.seconds_a_step
        return "\n".join(
            [
                "dry run: nothing was written",
                f"rows    {self.rows:,}; left out: {self.empty_rows:,} empty, "
                f"{self.unlabelled_rows:,} without a label or score, {self.held_out_rows:,} held "
                "out",
                f"tokens  {self.mean_tokens:.1f} a text on average, {self.longest_tokens:,} the "
                f"longest; {self.truncated_rows:,} rows cut to {self.max_length}, "
                f"{self.unknown_tokens:,} tokens unknown",
                f"steps   {self.steps:,}; an epoch has {self.batches:,} batches of "
                f"{self.batch_size:,} rows, {self.rows_left_over:,} rows are left over",
                f"memory  {'unknown' if memory is None else f'{memory / 1e6:,.0f} MB'} at most, on "
                f"{self.device}",
                f"time    {self.seconds_a_step:.3g} s a step ({rate:,.0f} rows/s), "
                f"{self.seconds_an_evaluation:.3g} s an evaluation of {self.evaluations:,}; about "
                f"{clock(self.seconds)} in all",
            ]
        )

    @property
    def record(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        return asdict(self)


def dry_run(
    method: Method, data: TrainingData, settings: Settings, dev: STS | None = None
) -> DryRun:
    """Return what a training would be; nothing is written, and the method stays as it is.

    A copy of the method takes a few steps, and is evaluated once. One process is measured.

    Args:
        method: What would be trained.
        data: As of `sentemb.training.train`.
        settings: As of `sentemb.training.train`.
        dev: As of `sentemb.training.train`.

    Raises:
        SentembError: As `sentemb.training.train` before its first step.
    """
    method = deepcopy(method)
    settings = replace(settings, report_to="none")
    settings, rows, held_out = settled(method, data, settings, dev)
    mixing = mixing_of(data, settings.batch_size, settings.seed)
    collator = collator_of(method, settings, data)
    with phase("looking at the data"):
        read, tokens = what_is_read(rows, collator)
        lengths = _lengths(method, rows)
    with phase("trying out a few rows"):
        try_out_each(method, data, rows, collator)
    whole = len(rows) if mixing is None else mixing.total * mixing.batch
    batches, steps = steps_of(settings, whole)
    evaluators = [dev] if dev else data.evaluators(method.twin)
    with phase("taking a few steps of a copy"):
        a_step, an_evaluation, memory = _probe(
            method, rows, tokens, collator, settings, evaluators, held_out, mixing
        )
    texts = sum(n > 0 for column in lengths for n in column)
    evaluations = 0
    if evaluators or held_out:
        evaluations = 1 + math.ceil(steps / settings.eval_steps)
    return DryRun(
        rows=len(rows),
        held_out_rows=len(held_out or []),
        empty_rows=data.empty_rows,
        unlabelled_rows=data.unlabelled_rows,
        texts=texts,
        mean_tokens=round(sum(map(sum, lengths)) / max(1, texts), 2),
        longest_tokens=max(map(max, lengths), default=0),
        max_length=settings.max_length,
        truncated_rows=sum(max(row) > settings.max_length for row in zip(*lengths, strict=True)),
        unknown_tokens=read.unknown_tokens,
        batch_size=settings.batch_size,
        batches=batches,
        rows_left_over=rows_left_over(settings, len(rows), mixing),
        steps=steps,
        evaluations=evaluations,
        micro_batch=method.twin.micro_batch,
        seconds_a_step=a_step,
        seconds_an_evaluation=an_evaluation,
        seconds=round(steps * a_step + evaluations * an_evaluation, 1),
        peak_memory_bytes=memory,
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    )


def _lengths(method: Method, rows: Dataset) -> list[list[int]]:
    """Return how many tokens each row has in each column that the views read, uncut.

    0 where it has no text, as a negative that is missing.
    """
    found = []
    for column in sorted({view.column for view in method.views}):
        prompt, lengths = prompt_of(method.encoder, column), []
        for start in range(0, len(rows), AT_ONCE):
            given = rows[start : start + AT_ONCE][column]
            texts = [prompt + text for text in given]
            with load_report_hidden():  # it would warn of each text that is longer than its limit
                ids = method.encoder.tokenizer(texts, truncation=False)["input_ids"]
            lengths += [len(one) if text else 0 for one, text in zip(ids, given, strict=True)]
        found.append(lengths)
    return found


def _probe(
    method: Method,
    rows: Dataset,
    tokens: TokenisedRows,
    collator: Collator,
    settings: Settings,
    evaluators: Sequence[Evaluator],
    held_out: Dataset | None,
    mixing: Mixing | None,
) -> tuple[float, float, int | None]:
    """Return the seconds of a step and of an evaluation, and the bytes of memory at most."""
    needed = settings.batch_size * settings.accumulation * (WARM_UP + TIMED)
    few = rows if mixing else rows.select(range(min(len(rows), needed)))
    teach_few(method, few)
    short = replace(settings, max_steps=WARM_UP + TIMED, select="last")
    timer = _Timer()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with TemporaryDirectory(prefix="sentemb-") as folder, _quiet():
        arguments = training_arguments(
            short,
            Path(folder),
            len(few),
            evaluates=False,
            leaves_out=method.twin.find_unused_parameters,
        )
        arguments.save_strategy = "no"
        trainer = ContrastiveTrainer(
            method,
            arguments,
            few,
            collator,
            evaluators=evaluators,
            held_out=held_out,
            callbacks=[timer],
            tokens=tokens,
            mixing=mixing,
        )
        texts = list(map(collator.bounded, first_texts(method, few)))
        with forwards(method, settings, texts):
            trainer.train()
        memory = _peak_memory()
        began = time.monotonic()
        if evaluators or held_out:
            trainer.evaluate()
        an_evaluation = round(time.monotonic() - began, 4)
    copy = size_of(method)  # the run itself has none
    return timer.seconds_a_step, an_evaluation, None if memory is None else memory - copy


class _Timer(TrainerCallback):
    """Times steps, and ends a probe that takes long."""

    def __init__(self) -> None:
        self._ends: list[float] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start the clock."""
        self._ends = [time.monotonic()]

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Note when the step ended."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._ends.append(time.monotonic())
        control.should_training_stop |= self._ends[-1] - self._ends[0] > PATIENCE

    @property
    def seconds_a_step(self) -> float:
        """The mean, without the first steps where there are others."""
        counted = self._ends[WARM_UP:] if len(self._ends) > WARM_UP + 1 else self._ends
        return round((counted[-1] - counted[0]) / (len(counted) - 1), 4)


def _peak_memory() -> int | None:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@contextmanager
def _quiet() -> Iterator[None]:
    """Have the probe log warnings alone, and show no bar."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
