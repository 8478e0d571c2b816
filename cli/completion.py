"""Values that a shell completes: names are read from the source, so that no library is imported."""

import os
import re
from collections.abc import Callable, Iterable, Sequence

from sentemb.bundled import BUNDLED_ENCODERS

from . import source

ASKED = "_SENTEMB_COMPLETE"
"""Set by a shell that asks what can be typed."""
WORDS = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")
"""What was typed so far: for bash, and for the other shells."""
TERM = re.compile(r"(?:.*\+)?\s*(?:[0-9.]+\*)?")
"""What stands before the last name of a sum, as ``infonce+0.1*``."""
Complete = Callable[[str], list[str]]


def typed_words(args: Sequence[str]) -> list[str]:
    """Return the words after the program's name, also where a shell asks what can follow on them.

    Args:
        args: Those that the program was started with.
    """
    if ASKED not in os.environ:
        return list(args)
    return next((os.environ[name] for name in WORDS if name in os.environ), "").split()[1:]


def one_of(names: Iterable[str]) -> Complete:
    """Return a completion for an option that takes one of these names."""
    known = list(names)

    def complete(incomplete: str) -> list[str]:
        return [name for name in known if name.startswith(incomplete)]

    return complete


def methods(incomplete: str) -> list[str]:
    """Complete the name of a method."""
    return one_of(source.METHODS)(incomplete)


def methods_and_models(incomplete: str) -> list[str]:
    """Complete what ``sentemb compare`` takes."""
    return one_of([*source.METHODS, *BUNDLED_ENCODERS])(incomplete)


def models(incomplete: str) -> list[str]:
    """Complete the name of a bundled encoder; for a folder the shell completes files."""
    return one_of(BUNDLED_ENCODERS)(incomplete)


def poolings(incomplete: str) -> list[str]:
    """Complete the name of a pooling."""
    return one_of(source.choices("sentemb.encoders.poolings", "PoolingName"))(incomplete)


def suites(incomplete: str) -> list[str]:
    """Complete the name of a suite."""
    return one_of(source.keys("sentemb.suites.catalogue", "SUITES"))(incomplete)


def losses(incomplete: str) -> list[str]:
    """Complete the last name in a sum of losses."""
    from .spec import LOSSES

    return _last_of_sum(LOSSES, incomplete)


def views(incomplete: str) -> list[str]:
    """Complete the last name in a view, or in views joined by +."""
    from .spec import CLEAN, STAGES

    return _last_of_sum([CLEAN, *(name for stage in STAGES.values() for name in stage)], incomplete)


def _last_of_sum(names: Iterable[str], incomplete: str) -> list[str]:
    before = TERM.match(incomplete)
    start = before[0] if before else ""
    return [start + name for name in names if name.startswith(incomplete.removeprefix(start))]
