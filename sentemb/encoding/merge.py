"""Shards of one encoding into one file."""

import time
from collections.abc import Sequence
from glob import escape
from pathlib import Path

from sentemb.encoding.job import LOCK, assemble, job_folder, part_file
from sentemb.encoding.manifest import Counts, Manifest
from sentemb.encoding.parts import Parts
from sentemb.encoding.shards import Shard
from sentemb.encoding.summary import EncodeSummary, summary_of
from sentemb.encoding.writers import check_format
from sentemb.errors import InputError, UsageError
from sentemb.storage import locked, sha256


def merge(
    output: Path, folders: Sequence[Path] | None = None, overwrite: bool = False
) -> EncodeSummary:
    """Write the file that one run without shards would have written, to the byte.

    Args:
        output: The name that the shards were encoded for, or another of the same format.
        folders: Those of all shards; by default those beside the output. They stay.
        overwrite: Replace the output.

    Raises:
        UsageError: When the output exists or its format is another's.
        InputError: When a shard is missing, not finished or damaged, or was made of another input
            or with other options.
    """
    started = time.monotonic()
    check_format(output)
    if output.exists() and not overwrite:
        raise UsageError(f"Output '{output}' exists: give another, or overwrite it.")
    folders = list(folders or sorted(output.parent.glob(f"{escape(output.name)}.*-of-*.parts")))
    if not folders:
        raise InputError(f"There is no shard of '{output}': name their folders.")
    manifests = {folder: _read(folder) for folder in folders}
    counts = _agreed(manifests, output)
    parts = Parts()
    for window in range(counts.windows):
        folder = next((f for f in folders if window in manifests[f].done), None)
        if folder is None:
            raise InputError(f"Window {window} is in none of the {len(folders)} shards: encode it.")
        done, path = manifests[folder].done[window], part_file(folder, window)
        if not path.is_file() or sha256(path) != done.part:
            raise InputError(f"'{path}' is damaged or missing: give its shard's command again.")
        parts.add(path, done.new)
    place = job_folder(output, Shard())
    place.mkdir(exist_ok=True)
    with locked(place / LOCK, output):
        whole = Manifest(place, {"merged": [folder.name for folder in folders]})
        whole.add(counts)
        assembled = assemble(parts, whole, place, output)
    return summary_of(
        counts,
        assembled,
        kept_rows=counts.rows,
        halved_batches=sum(d.halved for m in manifests.values() for d in m.done.values()),
        seconds=time.monotonic() - started,
    )


def _read(folder: Path) -> Manifest:
    manifest = Manifest(folder)
    if manifest.options is None:
        raise InputError(f"'{folder}' holds no shard.")
    if manifest.counts is None:
        raise InputError(
            f"Shard {manifest.options['shard']} in '{folder}' is not finished: give its command "
            "again."
        )
    return manifest


def _agreed(manifests: dict[Path, Manifest], output: Path) -> Counts:
    """Return the counts of the input, on which all shards must agree as on their options."""
    first, *others = manifests
    for other in others:
        if manifests[other].counts != manifests[first].counts:
            raise InputError(f"'{first}' and '{other}' are shards of different inputs.")
        for name, value in (manifests[first].options or {}).items():
            theirs = (manifests[other].options or {}).get(name)
            if name != "shard" and theirs != value:
                raise InputError(
                    f"'{first}' and '{other}' were encoded differently: {name} {value!r} and "
                    f"{theirs!r}."
                )
    options = manifests[first].options or {}
    if options.get("format") != output.suffix:
        raise UsageError(
            f"'{first}' was encoded for {options.get('format')}, not for '{output.suffix}'."
        )
    counts = manifests[first].counts
    assert counts is not None  # noqa: S101 -- `_read` made sure
    return counts
