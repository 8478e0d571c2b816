"""A file that is kept beside an output until the output is whole."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentemb.storage import sha256, write_json


@dataclass(frozen=True)
class Beside:
    """A file of work that is done, with a record of what it was made of and of its bytes.

    Args:
        file: Where it is.
        made_of: What it depends on, as JSON has it; None where it is to be removed alone.
    """

    file: Path
    made_of: Mapping[str, Any] | None = None

    @property
    def record(self) -> Path:
        """The file that vouches for it."""
        return self.file.with_suffix(".json")

    def is_whole(self) -> bool:
        """Tell whether the file is there, undamaged, and made of the same."""
        try:
            known = json.loads(self.record.read_text(encoding="utf-8"))
            digest = known.pop("sha256")
        except (OSError, ValueError, LookupError, AttributeError):
            return False
        return bool(known == self.made_of and self.file.is_file() and sha256(self.file) == digest)

    def vouch(self) -> None:
        """Record that the file is whole."""
        write_json(self.record, {**(self.made_of or {}), "sha256": sha256(self.file)})

    def remove(self) -> None:
        """Remove the file and its record."""
        for one in (self.file, self.record):
            one.unlink(missing_ok=True)
