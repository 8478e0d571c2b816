"""Shards of one encoding into one file."""

import os
import time
from collections.abc import Sequence
from glob import escape
from pathlib import Path

from sentemb.encoding.chunks import Chunks, DamagedPartError
from sentemb.encoding.job import EncodingJob
from sentemb.encoding.job_folder import job_folder, job_held, part_file, remove
from sentemb.encoding.manifest import Counts, Manifest
from sentemb.encoding.output_file import check_output, exists, in_place
from sentemb.encoding.shards import Shard
from sentemb.encoding.summary import EncodeSummary, summary_of
from sentemb.errors import InputError, UsageError


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
    check_output(output)
    beside = output.parent.glob(f"{escape(output.name)}.*-of-*.parts")
    folders = sorted(folders or beside)
    if not folders:
        raise InputError(f"Found no shard beside '{output}': give the folders of its shards.")
    manifests = {folder: _read(folder) for folder in folders}
    counts = _agreed(manifests, output)
    place, options = job_folder(output, Shard()), {"merged": [folder.name for folder in folders]}
    with job_held(place, output):
        job = EncodingJob(place, output.suffix, options, overwrite=overwrite)
        assembled = None if overwrite else in_place(job.manifest, output)
        if assembled and job.manifest.counts == counts:
            remove(place)
        elif os.path.lexists(output) and not overwrite:
            raise exists(output)
        else:
            job.finish(counts)
            try:
                assembled = job.assemble(_parts(manifests, counts.windows), output)
            except DamagedPartError as error:
                remove(place)
                raise InputError(
                    f"'{error.file}' is damaged or missing: give its shard's command again."
                ) from error
    return summary_of(
        counts,
        assembled,
        kept_rows=counts.rows,
        halved_batches=sum(d.halved for m in manifests.values() for d in m.done.values()),
        seconds=time.monotonic() - started,
    )


def _parts(manifests: dict[Path, Manifest], windows: int) -> Chunks:
    parts = Chunks()
    for window in range(windows):
        folder = next(folder for folder, manifest in manifests.items() if window in manifest.done)
        parts.add(part_file(folder, window), manifests[folder].done[window])
    return parts


def _read(folder: Path) -> Manifest:
    if not folder.is_dir():
        raise InputError(f"No folder '{folder}'.")
    manifest = Manifest(folder)
    if manifest.options is None or "shard" not in manifest.options:
        raise InputError(f"Folder '{folder}' holds no shard.")
    if manifest.counts is None:
        raise InputError(
            f"Shard {manifest.options['shard']} in '{folder}' is not finished: give its command "
            "again."
        )
    return manifest


def _agreed(manifests: dict[Path, Manifest], output: Path) -> Counts:
    """Return the counts of the input, on which all shards must agree as on their options."""
    first, *others = manifests
    numbers = {str((one.options or {})["shard"]).partition("/")[2] for one in manifests.values()}
    if len(numbers) > 1:
        found = ", ".join(f"'{folder}'" for folder in manifests)
        raise InputError(
            f"There are shards of {' and of '.join(sorted(numbers))}: {found}. Name the folders "
            "that belong together, or remove the others."
        )
    for other in others:
        if manifests[other].counts != manifests[first].counts:
            raise InputError(
                f"'{first}' and '{other}' are shards of different inputs, or their invalid rows "
                "were treated differently."
            )
        ours, others_own = manifests[first].options or {}, manifests[other].options or {}
        for name in {**ours, **others_own}:
            value, theirs = ours.get(name), others_own.get(name)
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
    have = {str((manifest.options or {})["shard"]) for manifest in manifests.values()}
    of = int(str(options["shard"]).partition("/")[2])
    missing = [shard for number in range(of) if (shard := f"{number + 1}/{of}") not in have]
    if missing:
        raise InputError(f"Shard {', '.join(missing)} is missing: encode it, or name its folder.")
    counts = manifests[first].counts
    assert counts is not None  # noqa: S101 -- `_read` made sure
    return counts
