"""The standard streams, also where the shell has closed them (``>&-``) or their reader has left."""

import os
import sys

UNREADABLE, UNWRITABLE = os.O_WRONLY, os.O_RDONLY
STREAMS = (("stdin", UNREADABLE, "r"), ("stdout", UNWRITABLE, "w"), ("stderr", os.O_WRONLY, "w"))
"""What stands in the place of a closed stream, by its number.

Reading from a closed stdin or writing to a closed stdout stays an error, while what would go to a
closed stderr is dropped: there is no place to report it. Without this the next file that is opened
would get the number, and what a library prints would go into that file.
"""


def open_missing() -> None:
    """Put something in the place of the standard streams that are closed."""
    for number, (name, mode, direction) in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, direction, encoding="utf-8", closefd=False))  # noqa: SIM115


def drop_unwritten() -> None:
    """Drop what stdout still holds if it cannot be written, or Python would fail at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
