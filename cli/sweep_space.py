"""What a sweep searches: ``temperature=0.01..0.5``, ``pooling=cls,mean``."""

from collections.abc import Mapping, Sequence

from sentemb.errors import UsageError

from .jobs import Job
from .varied import Option, Value, find_option, read_values

Space = Mapping[str, tuple[Option, Sequence[Value]]]
"""Options by name, with their values: two ends of a range (a tuple) or choices (a list)."""


def space_of(search: Sequence[str], job: Job) -> Space:
    """Read the words of ``--search``.

    Raises:
        UsageError: When an option is unknown or given twice, or its values are none.
    """
    space: dict[str, tuple[Option, Sequence[Value]]] = {}
    for words in search:
        flag, equals, written = words.partition("=")
        if not (equals and written):
            raise UsageError(f"--search takes OPTION=LOW..HIGH or OPTION=A,B,C; got '{words}'.")
        option = find_option(flag.strip(), job, [job.loss] if job.loss else [])
        if option.name in space:
            raise UsageError(f"--search: {option.flag} is given twice.")
        low, dots, high = written.partition("..")
        if not dots:
            space[option.name] = option, read_values(option, written)
            continue
        ends = option.read(low), option.read(high)
        if option.kind not in (int, float) or not float(ends[0]) < float(ends[1]):
            raise UsageError(
                f"--search: a range needs two numbers, the lower first; got '{words}'."
            )
        space[option.name] = option, ends
    return space
