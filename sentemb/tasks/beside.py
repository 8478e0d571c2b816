"""A file that is kept beside an output until the output is whole."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.storage import sha256, write_json
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentemb.encoder import Encoder


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
        known = self._known()
        return bool(known and self.file.is_file() and sha256(self.file) in known)

    def vouch(self) -> None:
        """Record that the file is whole."""
        self._write([sha256(self.file)])

    def replace(self, new: Path) -> None:
        """Put a new file in the place of what is there; at any moment one of both is vouched for.

        Args:
            new: On the same disk; it is moved.
        """
        self._write([*self._known()[-1:], digest := sha256(new)])
        os.replace(new, self.file)
        self._write([digest])

    def _known(self) -> list[str]:
        """Return the digests of files that are vouched for, the newest last."""
        try:
            known = json.loads(self.record.read_text(encoding="utf-8"))
            digests = known.pop("sha256")
        except (OSError, ValueError, LookupError, AttributeError):
            return []
        if known != self.made_of:
            return []
        return digests if isinstance(digests, list) else [digests]

    def _write(self, digests: list[str]) -> None:
        write_json(self.record, {**(self.made_of or {}), "sha256": digests})

    def remove(self) -> None:
        """Remove the file and its record."""
        for one in (self.file, self.record):
            one.unlink(missing_ok=True)


def encoded_beside(
    texts: Sequence[str], encoder: "Encoder", file: Path, how: Mapping[str, Any]
) -> Vectors:
    """Encode texts into a file that is kept until its user is done, unless it is there.

    Args:
        texts: What to encode.
        encoder: Makes the vectors, of length 1.
        file: A .npy file; a record of what it was made of stands beside it.
        how: Options of `Encoder.encode_file`; ``dims``, ``prompt`` and ``chunk`` among them.
    """
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\n")
    made_of: dict[str, Any] = {"texts": digest.hexdigest(), "model": encoder.fingerprint}
    made_of |= {name: how.get(name) for name in ("dims", "prompt", "chunk")}
    return vectors_beside(
        file,
        made_of,
        lambda: encoder.encode_file(texts, file, normalize=True, overwrite=True, **how),
    )


def vectors_beside(file: Path, made_of: Mapping[str, Any], encode: Callable[[], object]) -> Vectors:
    """Return vectors from a file that is kept until its user is done.

    Args:
        file: A .npy file; a record of what it was made of stands beside it.
        made_of: What the vectors depend on, as JSON has it.
        encode: Writes the file, where it is not there or is of something else.
    """
    kept = Beside(file, made_of)
    if not kept.is_whole():
        kept.record.unlink(missing_ok=True)
        encode()
        kept.vouch()
    vectors: Vectors = np.load(file, mmap_mode="r")
    return vectors
