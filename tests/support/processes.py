"""Processes of their own, and some that die on purpose; forked, so that nothing is imported again.

A fork has a process id, signals, an environment, a working directory and random numbers of its
own, as a process has that is started anew.
"""

import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from sentemb_cli.main import main
from tqdm import tqdm

CALLS = ("fsync", "link", "mkdir", "open", "remove", "rename", "replace", "rmdir", "unlink")
"""What changes files, in Python; `write` is not among them, `strace` sees it."""

NEEDS_STRACE = pytest.mark.skipif(
    not shutil.which("strace"),
    reason="strace, which kills at a system call from outside, is not installed; calls of Python "
    "are killed at without it",
)


def forked(work: Callable[[], object], dies_at: int = 0) -> int:
    """Start a child that does some work.

    Args:
        work: What it does; its exit code is 1 where that raises.
        dies_at: The call that changes files before which it is killed, from 1; 0 for none.

    Returns:
        Its process id.
    """
    child = os.fork()
    if child:
        return child
    try:
        if dies_at:
            _die_at(dies_at)
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def exit_code(child: int) -> int:
    """Wait for a child; returns its exit code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_after(seconds: float, work: Callable[[], object]) -> bool:
    """Kill a child after a time; tells whether it had come to its end before that."""
    child = forked(work)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return True
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return exit_code(child) == 0


def killed_at_call(call: str, number: int, work: Callable[[], object]) -> bool:
    """Have strace kill a child at a system call, whatever library makes it.

    Args:
        call: As `write`.
        number: Before which of them, from 1, counted in each thread.
        work: What the child does.

    Returns:
        Whether the child came to its end before that.
    """
    ready, go = os.pipe()

    def waiting() -> None:
        os.close(go)
        os.read(ready, 1)
        work()

    child = forked(waiting)
    command = ["strace", "-f", "-o", os.devnull, "-p", str(child), f"--trace={call}",
               f"--inject={call}:signal=SIGKILL:when={number}"]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert "attached" in tracer.stderr.readline()
        os.write(go, b"1")
        code = exit_code(child)
    os.close(ready)
    os.close(go)
    assert code in (0, -signal.SIGKILL)
    return code == 0


def _die_at(number: int) -> None:
    count = 0

    def dying(call):
        def counted(*args, **kwargs):
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return counted

    for name in CALLS:
        setattr(os, name, dying(getattr(os, name)))


def as_started() -> None:
    """Have a forked child hold nothing that a process just started would not."""
    torch.set_num_threads(1)  # torch makes its pool anew after a fork: here, not in two threads
    tqdm.set_lock(threading.RLock())  # theirs is shared, and a child that is killed may hold it
    AcceleratorState._reset_state(reset_partial_state=True)
    warnings.resetwarnings()


def started(work: Callable[[], object], output: Path, **environment: str) -> BaseProcess:
    """Start a forked process; what it writes to stdout and stderr comes into a file."""
    process = multiprocessing.get_context("fork").Process(
        target=_alone, args=(work, output, environment), daemon=True
    )
    process.start()
    return process


def sentemb_in(folder: Path, *words: object) -> Callable[[], None]:
    """Return the work of a process that runs the command line in a folder."""
    return partial(_sentemb, folder, [str(word) for word in words])


def started_twice(work: Callable[[], object], folder: Path) -> tuple[list[BaseProcess], list[Path]]:
    """Start two processes that know of each other, as torchrun would.

    Returns:
        Both, and the files that hold what they wrote.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    outputs = [folder / f"rank-{rank}.txt" for rank in range(2)]
    running = [
        started(work, output, **shared, RANK=str(rank), LOCAL_RANK=str(rank))
        for rank, output in enumerate(outputs)
    ]
    return running, outputs


def run_twice(work: Callable[[], object], folder: Path) -> list[str]:
    """Run two processes to their end; returns what each wrote."""
    running, outputs = started_twice(work, folder)
    for process in running:
        process.join(timeout=300)
    written = [output.read_text() for output in outputs]
    assert [process.exitcode for process in running] == [0, 0], "\n".join(written)
    return written


def _alone(work: Callable[[], object], output: Path, environment: dict[str, str]) -> None:
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    os.environ |= environment
    as_started()
    work()


def _sentemb(folder: Path, words: list[str]) -> None:
    os.chdir(folder)
    sys.argv = ["sentemb", *words]
    main()
