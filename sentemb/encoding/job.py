"""What is done of an encoding: parts, and the manifest that vouches for them."""

import hashlib
import logging
import os
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.encoders.lengths import Reading
from sentemb.encoders.tokenising import TextCounts
from sentemb.encoding.chunks import Chunks, part_of
from sentemb.encoding.job_folder import clear, part_file, remove
from sentemb.encoding.manifest import Assembled, Counts, Done, Manifest
from sentemb.encoding.output_file import exists, spans_file
from sentemb.encoding.windows import Window
from sentemb.encoding.writers import NAMES_COLUMNS, SHOWS_TEXTS, WRITERS, SpansWriter, Writer
from sentemb.errors import UsageError
from sentemb.storage import sha256, sync, written
from sentemb.types import Vectors

if TYPE_CHECKING:
    from sentemb.inference.chunked import ChunkTokens

logger = logging.getLogger("sentemb")


class EncodingJob:
    """What is done of an encoding.

    Args:
        folder: Of the job.
        suffix: Of the output's name: its format.
        options: What the vectors depend on.
        overwrite: Whether a job begun otherwise, or from other texts, makes way.

    Raises:
        UsageError: When there is such a job, and it is not to make way.
    """

    def __init__(
        self, folder: Path, suffix: str, options: dict[str, Any], *, overwrite: bool
    ) -> None:
        self.folder = folder
        self.overwrite = overwrite
        self.suffix = suffix
        try:
            self.manifest = Manifest(folder, {**options, "format": suffix})
        except UsageError:
            if not overwrite:
                raise
            clear(folder)
            self.manifest = Manifest(folder, {**options, "format": suffix})

    def part(self, window: int) -> Path:
        """Return the file of a window's part."""
        return part_file(self.folder, window)

    def has(self, window: Window) -> bool:
        """Tell whether a window's part is there, whole.

        Raises:
            UsageError: When other texts were encoded in its place.
        """
        done = self.manifest.done.get(window.number)
        if done is None:
            return False
        if done.texts != window.digest:
            appended = (
                window.number == max(list(self.manifest.done))
                and done.rows < len(window.texts)
                and done.texts == window.digest_of(done.rows)
            )
            if not (appended or self.overwrite):
                last = window.first_row + done.rows - 1
                raise UsageError(
                    f"Texts {window.first_row:,} to {last:,} of the input are not those that "
                    f"'{self.folder}' has encoded: restore them to resume, or give "
                    "`overwrite=True` to start afresh."
                )
            return False
        part = self.part(window.number)
        if part.is_file() and sha256(part) == done.part:
            return True
        logger.warning("%s is damaged or missing: its rows are encoded again.", part)
        return False

    def commit(
        self,
        window: Window,
        vectors: Vectors,
        counts: TextCounts | None,
        halved: int,
        chunks: "ChunkTokens | None" = None,
    ) -> None:
        """Write a window's part, and then that it is there.

        The part is synced, the line that vouches for it with a later one: a power cut costs the
        windows whose lines it takes.
        """
        path = self.part(window.number)
        part = part_of(window, vectors, counts, chunks, keeps_texts=self.suffix in SHOWS_TEXTS)
        with written(path) as file:
            file.write(part)
        self.manifest.add(
            Done(
                window=window.number,
                rows=len(window.texts),
                new=len(window.new),
                texts=window.digest,
                part=hashlib.sha256(part).hexdigest(),
                halved=halved,
            )
        )

    def finish(self, counts: Counts) -> None:
        """Write that the input is at its end.

        Raises:
            UsageError: When it had more rows before.
        """
        beyond = [window for window in self.manifest.done if window >= counts.windows]
        if beyond and not self.overwrite:
            raise UsageError(
                f"The input has {counts.rows:,} texts, fewer than '{self.folder}' has encoded: "
                "restore it to resume, or give `overwrite=True` to start afresh."
            )
        if self.manifest.counts is None or asdict(self.manifest.counts) != asdict(counts):
            self.manifest.add(counts)

    def parts(self) -> Chunks:
        """Return the parts of all windows, which must be done."""
        assert self.manifest.counts is not None  # noqa: S101 -- `finish` was called
        parts = Chunks()
        for window in range(self.manifest.counts.windows):
            parts.add(self.part(window), self.manifest.done[window])
        return parts

    def assemble(self, parts: Chunks, output: Path) -> Assembled:
        """Write an output from its parts; put it in place when it is whole, and remove the job.

        Args:
            parts: Of all windows.
            output: Its suffix is the format.

        Raises:
            DamagedPartError: When a part is not as it was written.
            UsageError: When something of the output's name appeared meanwhile.
        """
        whole, spans = self.folder / f"assembled{output.suffix}", self.folder / "assembled.spans"
        beside = spans_file(output)
        try:
            assembled = self._written(parts, whole, spans)
            self.manifest.add(assembled)
            if os.path.lexists(output) and not self.overwrite:
                raise exists(output)
            if spans.exists():
                if beside.exists() and not self.overwrite and sha256(beside) != sha256(spans):
                    raise exists(beside)
                os.replace(spans, beside)
            os.replace(whole, output)
        finally:
            for file in (whole, spans):
                file.unlink(missing_ok=True)  # half of it would keep the room of a full disk
        sync(output.parent)
        remove(self.folder)
        return assembled

    def _written(self, parts: Chunks, whole: Path, spans: Path) -> Assembled:
        assert self.manifest.counts is not None  # noqa: S101 -- `finish` was called
        reading = Reading()
        with whole.open("w+b") as file:
            columns = parts.written_columns() if whole.suffix in NAMES_COLUMNS else {}
            vectors = parts.vectors() if parts.chunked else self.manifest.counts.rows
            with ExitStack() as writers:
                to: list[Writer] = [WRITERS[whole.suffix](file, (vectors, parts.dim), columns)]
                if parts.chunked and whole.suffix == ".npy":
                    to.append(SpansWriter(writers.enter_context(spans.open("w+b")), vectors))
                for writer in to:
                    writers.callback(writer.close)
                for rows in parts:
                    for writer in to:
                        writer.write(rows.columns, rows.vectors)
                    reading += rows.reading
            file.flush()
            os.fsync(file.fileno())
        chunks = vectors if parts.chunked else None
        return Assembled.of(sha256(whole), parts.known(reading), parts.dim, chunks)
