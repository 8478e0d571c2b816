"""Where an output may be written."""

from pathlib import Path

from sentemb.encoding.manifest import Assembled, Manifest
from sentemb.encoding.writers import WRITERS
from sentemb.errors import UsageError
from sentemb.storage import sha256


def check_output(path: Path) -> None:
    """Raise unless a file of this name can be written.

    Raises:
        UsageError: When its suffix names no format, its folder is not there, or it is one.
    """
    if path.suffix not in WRITERS:
        raise UsageError(f"Cannot write '{path}'; allowed endings: {', '.join(WRITERS)}.")
    if not path.parent.is_dir():
        raise UsageError(f"No folder '{path.parent}' to write '{path.name}' into.")
    if path.is_dir():
        raise UsageError(f"Output '{path}' is a folder: give the name of a file.")


def exists(path: Path) -> UsageError:
    """Return what is said of an output that is there already."""
    return UsageError(f"Output '{path}' exists: give another --output, or --overwrite.")


def in_place(manifest: Manifest, output: Path) -> Assembled | None:
    """Return an output that is whole, where a run ended before it had removed its job."""
    assembled = manifest.assembled
    if assembled and output.is_file() and sha256(output) == assembled.sha256:
        return assembled
    return None
