"""Where rows come from: a file, a data set of the hub, or memory."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from sentemb.datasets.faults import Faults
from sentemb.datasets.files import READERS, read_rows
from sentemb.datasets.in_memory import Container, InMemory, undecoded
from sentemb.datasets.lines import Row
from sentemb.datasets.omitted import tell_faults
from sentemb.errors import InputError

Source = str | os.PathLike[str] | InMemory
"""A path, ``owner/name`` or ``owner/name:split`` of the hub, or rows in memory."""


def as_source(
    data: Source | Container, layouts: Sequence[tuple[str, ...]] = (), name: str = "data"
) -> Source:
    """Return data of any kind as what readers take; a path or a hub id stays what it is.

    Args:
        data: A path, a hub id, or rows of the kinds that `InMemory` takes.
        layouts: The roles of a tuple's values, by its length.
        name: The parameter that rows in memory were given as, which messages call them by.

    Raises:
        InputError: When it is something else.
    """
    if isinstance(data, str | os.PathLike | InMemory):
        return data
    return InMemory(data, tuple(map(tuple, layouts)), name)


def as_sources(
    data: Source | Container, layouts: Sequence[tuple[str, ...]] = (), name: str = "data"
) -> list[Source]:
    """Return one or several pieces of data as what readers take.

    Args:
        data: What `as_source` takes; or a list of paths, or of tables (a `datasets.Dataset`, a
            `pandas.DataFrame`), each of which is a source.
        layouts: As in `as_source`.
        name: As in `as_source`.

    Raises:
        InputError: As `as_source`.
    """
    each = list(data) if isinstance(data, list | tuple) else []
    if isinstance(data, list | tuple) and all(map(_is_source, each)):
        numbered = [f"{name}[{place}]" for place in range(len(each))]
        return [as_source(one, layouts, n) for one, n in zip(each, numbered, strict=True)]
    return [as_source(data, layouts, name)]


def _is_source(one: object) -> bool:
    is_table = hasattr(one, "iterrows") or hasattr(one, "column_names")
    return is_table or isinstance(one, str | os.PathLike | InMemory)


def read_source(
    source: Source, split: str | None = "train", faults: Faults | None = None
) -> tuple[list[str], Iterator[Row]]:
    """Return the column names and the rows of a file, of a hub data set, or of rows in memory.

    Args:
        source: A path, or ``owner/name`` or ``owner/name:split`` of the hub; or what `as_source`
            made of rows in memory.
        split: Of a hub data set that names none; with None it must name one.
        faults: As in `read_rows`; by default blank lines, which are not rows, are reported in the
            log.

    Raises:
        InputError: When there is no such file, no row in it, or no hub in reach.
    """
    told, name = faults or Faults(), str(source)
    if isinstance(source, InMemory):
        rows = source.rows(told)
    elif looks_like_hub_id(name):
        rows = _read_hub(name, split)
    else:
        rows = read_rows(Path(name), told)
    if faults is None:
        rows = _telling(rows, name, told)
    first = next(rows, None)
    if first is None:
        raise InputError(f"{name} holds no row.")
    return list(first[1]), chain([first], rows)


def _telling(rows: Iterator[Row], name: str, faults: Faults) -> Iterator[Row]:
    yield from rows
    tell_faults(name, faults)


def looks_like_hub_id(name: str) -> bool:
    """Tell whether a name can only be a data set of the hub."""
    path = Path(name)
    known_suffix = any(suffix.lower() in READERS for suffix in path.suffixes)
    return (
        name.count("/") == 1
        and " " not in name
        and not (known_suffix or path.is_absolute() or path.exists())
    )


def _read_hub(name: str, default_split: str | None) -> Iterator[Row]:
    from datasets import load_dataset

    hub_id, _, named_split = name.partition(":")
    split = named_split or default_split
    if split is None:
        raise InputError(f"No file '{name}'; of a hub data set, name the split: {name}:test.")
    try:
        rows = undecoded(load_dataset(hub_id, split=split))
    except Exception as error:  # the hub raises a dozen unrelated types
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"No file '{name}', and the hub gives no data set: {reason}") from error
    yield from enumerate(rows, start=1)
