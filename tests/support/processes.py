"""Child processes that die on purpose; forked, so that nothing is imported again."""

import os
import shutil
import signal
import subprocess
import time
import traceback
from collections.abc import Callable

import pytest

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
