"""Encoding on several devices of one machine: a process each, one file."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import Empty
from typing import Any

from sentemb import errors as known_errors
from sentemb.datasets.faults import Errors, Faults
from sentemb.datasets.texts import read_text_rows, read_texts
from sentemb.encoding.job_folder import job_folder, remove
from sentemb.encoding.merging import merge
from sentemb.encoding.options import EncodeOptions
from sentemb.encoding.output_file import check_output, exists, spans_file
from sentemb.encoding.shards import Shard
from sentemb.encoding.summary import EncodeSummary
from sentemb.errors import InterruptedRunError, OutOfMemoryError, SentembError, UsageError
from sentemb.interruption import Interruption
from sentemb.storage import sha256

WAIT = 0.2
"""Seconds between two looks at the processes."""


@dataclass(frozen=True)
class _Work:
    """What a process does.

    Args:
        model: A bundled encoder, a folder or a hub id.
        source: File of texts.
        output: File that all shards are of.
        device: Where.
        options: How; the shard is its own.
        column: Of the source.
        errors: What is done with rows that are not UTF-8.
        threads: On a CPU.
        overwrite: Whether a shard begun otherwise makes way.
    """

    model: str
    source: str
    output: Path
    device: str
    options: EncodeOptions
    column: str
    errors: Errors
    threads: int
    overwrite: bool


def encode_on_devices(
    model: str | os.PathLike[str],
    source: str | os.PathLike[str],
    output: Path,
    devices: Sequence[str],
    options: EncodeOptions | None = None,
    column: str = "text",
    errors: Errors = "replace",
    overwrite: bool = False,
    progress: Callable[[int], object] = lambda rows: None,
) -> EncodeSummary:
    """Encode a file with a process for each device; the bytes are those that one process writes.

    Each process encodes one shard. Called again with the same devices, the function resumes an
    interrupted job.

    Args:
        model: A bundled encoder, a folder or a hub id.
        source: A file of texts.
        output: As of `encode_file`, but no stream.
        devices: As ``["cuda:0", "cuda:1"]``; one may be named more than once.
        options: How; each process gets its own shard.
        column: Of the source.
        errors: What is done with rows that are not UTF-8.
        overwrite: As of `encode_file`.
        progress: Called with the rows that are done, now and then.

    Raises:
        UsageError: When a device is named by no one, or the output exists.
        OutOfMemoryError: When a process was killed; memory is nearly always the reason.
        InterruptedRunError: When SIGINT or SIGTERM came; what was embedded is kept.
        SentembError: As of `encode_file`.
    """
    options = options or EncodeOptions()
    if not devices:
        raise UsageError("devices must name one or more, as cuda:0 and cuda:1.")
    check_output(output, keep_columns=options.keep_columns)
    shards = [Shard(number, len(devices)) for number in range(1, len(devices) + 1)]
    folders = [job_folder(output, shard) for shard in shards]
    begun = any(folder.exists() for folder in folders)
    if os.path.lexists(output) and not (overwrite or begun):
        raise exists(output)
    threads = max(1, (os.cpu_count() or 1) // len(devices))
    given = os.fspath(model), os.fspath(source), output
    work = [
        _Work(*given, device, replace(options, shard=shard), column, errors, threads, overwrite)
        for device, shard in zip(devices, shards, strict=True)
    ]
    started = time.monotonic()
    kept_rows = _Processes(work, progress).run()
    summary = _merged(output, folders, overwrite=overwrite)
    for folder in folders:
        remove(folder)
    return replace(summary, kept_rows=kept_rows, seconds=time.monotonic() - started)


def _merged(output: Path, folders: Sequence[Path], *, overwrite: bool) -> EncodeSummary:
    """Join the shards; a file that is there already may be theirs, from before a kill."""
    if overwrite or not os.path.lexists(output):
        return merge(output, folders, overwrite)
    again = output.with_name(f"{output.stem}.merged{output.suffix}")
    summary = merge(again, folders, overwrite=True)
    if sha256(again) != sha256(output):
        again.unlink()
        spans_file(again).unlink(missing_ok=True)
        raise exists(output)
    if spans_file(again).exists():
        os.replace(spans_file(again), spans_file(output))
    os.replace(again, output)
    return summary


class _Processes:
    """Processes that encode shards, and what they say.

    Args:
        work: Of each.
        progress: Called with the rows that are done.
    """

    def __init__(self, work: Sequence[_Work], progress: Callable[[int], object]) -> None:
        context = get_context("spawn")  # CUDA does not survive a fork
        self._said = context.Queue()
        self._work = work
        self._processes: list[BaseProcess] = [
            context.Process(target=_encode_shard, args=(number, one, self._said))
            for number, one in enumerate(work)
        ]
        self._rows = [0] * len(work)
        self._kept_rows: dict[int, int] = {}
        self._raised: dict[int, SentembError] = {}
        self._progress = progress

    def run(self) -> int:
        """Wait until all have ended; return how many rows were done by an earlier run.

        Raises:
            SentembError: What the first that failed raised; the others end after their windows.
        """
        interruption, stopping = Interruption(), False
        with interruption.listening():
            for process in self._processes:
                process.start()
            while any(process.is_alive() for process in self._processes):
                self._listen()
                if (interruption.received or self._failed()) and not stopping:
                    stopping = True
                    self._stop()
            self._listen()
        failed = [error for error in self._failed() if not isinstance(error, InterruptedRunError)]
        if failed:
            raise failed[0]
        if interruption.received or self._failed():
            raise InterruptedRunError(
                "Interrupted: give the same command to resume.",
                interruption.received or signal.SIGTERM,
            )
        return sum(self._kept_rows.values())

    def _failed(self) -> list[SentembError]:
        """Return the errors of processes that ended with one, or without a word."""
        found = []
        for number, process in enumerate(self._processes):
            if number in self._raised:
                found.append(self._raised[number])
            elif process.exitcode:
                found.append(
                    OutOfMemoryError(
                        f"The process on {self._work[number].device} died (exit code "
                        f"{process.exitcode}), most likely because memory ran out. Give the same "
                        "command to resume, or fewer devices."
                    )
                )
        return found

    def _stop(self) -> None:
        for process in self._processes:
            if process.is_alive() and process.pid is not None:
                os.kill(process.pid, signal.SIGTERM)

    def _listen(self) -> None:
        """Read the messages of the processes; wait a moment if there are none."""
        try:
            while True:
                number, what, said = self._said.get(timeout=WAIT)
                if what == "rows":
                    self._rows[number] = said
                    self._progress(sum(self._rows) // len(self._rows))
                elif what == "kept":
                    self._kept_rows[number] = said
                else:
                    self._raised[number] = _error(*said)
        except Empty:
            return


def _encode_shard(number: int, work: _Work, said: Any) -> None:
    """Encode a shard, and say how far it is and how it ended."""
    import torch

    from sentemb.encoding.encode import encode_file
    from sentemb.inference.torch_only import load_encoder

    torch.set_num_threads(work.threads)
    faults = Faults(work.errors)
    read = read_text_rows if work.options.keep_columns else read_texts
    try:
        summary = encode_file(
            load_encoder(work.model, work.device),
            read(work.source, work.column, faults),
            work.output,
            work.options,
            work.overwrite,
            lambda rows: said.put((number, "rows", rows)),
            faults,
        )
    except SentembError as error:
        said.put((number, "error", (type(error).__name__, str(error), error.exit_code)))
    else:
        said.put((number, "kept", summary.kept_rows))


def _error(kind: str, message: str, exit_code: int) -> SentembError:
    """Return an error of another process."""
    if kind == InterruptedRunError.__name__:
        return InterruptedRunError(message, exit_code - 128)
    error: SentembError = getattr(known_errors, kind)(message)
    return error
