"""Commands whose stderr is a terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    code: int
    stdout: str
    stderr: str
    first_cpu_seconds: float
    """Of the command, until it showed anything: other work on the machine does not count."""


def in_a_terminal(command, folder, environment):
    """Run a command with a terminal of 100 columns as its stderr, and a file as its stdout."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    with (folder / "stdout").open("w+") as out:
        running = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=theirs,
            stdin=subprocess.DEVNULL,
        )
        os.close(theirs)
        shown, first = b"", None
        while part := _read(ours):
            first = _cpu_seconds(running.pid) if first is None else first
            shown += part
        os.close(ours)
        code = running.wait()
        out.seek(0)
        return Shown(code, out.read(), shown.decode(), first)


def _read(terminal):
    try:
        return os.read(terminal, 2**16)
    except OSError:  # it was closed at the other end
        return b""


def _cpu_seconds(process):
    with open(f"/proc/{process}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
