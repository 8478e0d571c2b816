"""``manifest.jsonl``: what a job is, and which of its windows are done."""

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from sentemb.encoders.lengths import Reading
from sentemb.errors import UsageError
from sentemb.storage import sync

logger = logging.getLogger("sentemb")
FILE = "manifest.jsonl"
SCHEMA = "sentemb.encoding/1"


@dataclass(frozen=True)
class Done:
    """A window whose part is written.

    Args:
        window: Its number.
        rows: How many it has.
        new: How many texts were embedded with it.
        texts: Hash of its texts.
        part: Hash of the part's bytes.
        halved: How often a batch was halved because memory did not suffice.
    """

    window: int
    rows: int
    new: int
    texts: str
    part: str
    halved: int


@dataclass(frozen=True)
class Batches:
    """How texts are batched, where no option says it.

    Args:
        batch_tokens: Tokens of a forward.
    """

    batch_tokens: int


@dataclass(frozen=True)
class Counts:
    """What was counted over all rows of the input, whoever encodes them.

    Args:
        windows: How many there are.
        rows: Of the input.
        distinct: Texts among them.
        empty: Rows without text.
        texts: Hash of the hashes of all windows' texts.
        faults: What the reader of the texts counted.
    """

    windows: int
    rows: int
    distinct: int
    empty: int
    texts: str
    faults: dict[str, Any]


@dataclass(frozen=True)
class Assembled:
    """The output, whole.

    Args:
        sha256: Of its bytes; None of a stream.
        truncated: Rows that were longer than the encoder's maximum; None where it does not tell.
        dim: Width of the embeddings.
        unknown: Rows and tokens that the tokenizer does not know; None where it does not tell.
        chunks: Vectors, where a row may have several.
    """

    sha256: str | None
    truncated: int | None
    dim: int
    unknown: dict[str, int] | None = None
    chunks: int | None = None

    @classmethod
    def of(
        cls, sha256: str | None, reading: Reading | None, dim: int, chunks: int | None = None
    ) -> Self:
        """Note what was read of the rows, where it is known."""
        if reading is None:
            return cls(sha256, None, dim, chunks=chunks)
        unknown = {
            "unknown_rows": reading.unknown_texts,
            "unread_rows": reading.unread_texts,
            "unknown_tokens": reading.unknown_tokens,
            "known_tokens": reading.known_tokens,
        }
        return cls(sha256, reading.truncated, dim, unknown, chunks)


Entry = Batches | Done | Counts | Assembled
KINDS: dict[str, type[Entry]] = {
    "batches": Batches,
    "done": Done,
    "counts": Counts,
    "assembled": Assembled,
}


class Manifest:
    """Lines of JSON: options, windows, and the end. All but those of windows are synced.

    Each line holds a hash of itself, so that what a bad disk made of it is not taken for true.

    Args:
        folder: Of the job.
        options: What the vectors depend on. They must be those that the job was begun with.

    Attributes:
        batches: Where no option says how large they are.
        done: By window.
        counts: Of the input, once its end was seen.
        assembled: The output, once it is whole.

    Raises:
        UsageError: When the folder's job was begun with other options.
    """

    def __init__(self, folder: Path, options: dict[str, Any] | None = None) -> None:
        self.path = folder / FILE
        self.batches: Batches | None = None
        self.done: dict[int, Done] = {}
        self.counts: Counts | None = None
        self.assembled: Assembled | None = None
        lines = self._whole_lines()
        self.options = lines[0] if lines else None
        for line in lines[1:]:
            for kind, content in line.items():
                self._take(KINDS[kind](**content))
        if options is None:
            return
        options = {"schema": SCHEMA, **options}
        if self.options is None:
            self._append(options)
            self.options = options
        elif self.options != options:
            raise UsageError(_difference(folder, self.options, options))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is done."""
        return not self.done and self.counts is None

    def add(self, entry: Entry) -> None:
        """Write how texts are batched, that a window is done, or that all is."""
        kind = next(name for name, class_ in KINDS.items() if isinstance(entry, class_))
        self._append({kind: asdict(entry)}, synced=not isinstance(entry, Done))
        self._take(entry)

    def _take(self, entry: Entry) -> None:
        if isinstance(entry, Done):
            self.done[entry.window] = entry
        elif isinstance(entry, Batches):
            self.batches = entry
        elif isinstance(entry, Counts):
            self.counts = entry
        else:
            self.assembled = entry

    def _whole_lines(self) -> list[dict[str, Any]]:
        """Read the lines; from one that a crash or a bad disk left damaged on, they are cut off."""
        if not self.path.exists():
            return []
        data, lines, read = self.path.read_bytes(), [], 0
        for line in data.splitlines(keepends=True):
            if not line.endswith(b"\n") or (content := _object(line)) is None:
                break
            lines.append(content)
            read += len(line)
        if read < len(data):
            logger.warning("%s: damaged from byte %d on; the work it recorded there is done again.",
                           self.path, read)  # fmt: skip
            with self.path.open("r+b") as file:
                file.truncate(read)
        return lines

    def _append(self, content: dict[str, Any], *, synced: bool = True) -> None:
        is_new = not self.path.exists()
        with self.path.open("ab") as file:
            file.write(json.dumps({**content, "check": _check(content)}).encode() + b"\n")
            file.flush()
            if synced:
                os.fsync(file.fileno())
        if is_new:
            sync(self.path.parent)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    if isinstance(content, dict) and content.pop("check", None) == _check(content):
        return content
    return None


def _check(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _shown(options: dict[str, Any], name: str) -> str:
    value = options.get(name)
    return "not given" if value in (None, False) else "given" if value is True else repr(value)


def _difference(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> str:
    changed = [
        f"{name} {_shown(before, name)}, now {_shown(now, name)}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    return (
        f"'{folder}' holds a job that was begun otherwise: {'; '.join(changed)}. Give the same "
        "options to resume it, or `overwrite=True` to start afresh."
    )
