"""One run of a job over its texts."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.datasets.faults import Faults
from sentemb.datasets.texts import TextRow
from sentemb.encoders.chunking import Chunk
from sentemb.encoders.tokenising import Tokens
from sentemb.encoding.counters import Counters
from sentemb.encoding.distinct_texts import DistinctTexts
from sentemb.encoding.job import EncodingJob
from sentemb.encoding.job_folder import SEEN
from sentemb.encoding.kept_columns import EMBEDDING, SPAN
from sentemb.encoding.manifest import Assembled, Batches
from sentemb.encoding.options import EncodeOptions
from sentemb.encoding.pipeline import ahead, behind
from sentemb.encoding.summary import EncodeSummary, summary_of
from sentemb.encoding.windows import Window, windows
from sentemb.errors import (
    InputError,
    InterruptedRunError,
    NumericError,
    OutOfMemoryError,
    TextError,
)
from sentemb.inference.chunked import ChunkTokens, chunk_embedder
from sentemb.inference.embedder import Embedder
from sentemb.inference.shaping import shaped
from sentemb.inference.token_encoder import TokenEncoder
from sentemb.interruption import Interruption
from sentemb.modalities.tower_encoder import TowerEmbedder, TowerEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")


class EncodingRun:
    """Does what a job has left to do.

    Args:
        encoder: Of the texts.
        options: How.
        job: What is done already.
        faults: Where the reader of the texts counts what was wrong with them.
        advice: What to do when the run was interrupted.
    """

    def __init__(
        self,
        encoder: "TokenEncoder | TowerEncoder | SentenceTransformer",
        options: EncodeOptions,
        job: EncodingJob,
        faults: Faults | None = None,
        advice: str = "give the same command to resume",
    ) -> None:
        self.started = time.monotonic()
        how: Any = (options.batch_tokens, options.precision, options.prompt_of(encoder))
        how = (encoder, *how, options.batch_size)
        chunk = None if options.chunk is None else Chunk.parse(options.chunk)
        self.embedder: Embedder | TowerEmbedder
        if isinstance(encoder, TowerEncoder):
            self.embedder = encoder.embedder()
        else:
            self.embedder = Embedder(*how) if chunk is None else chunk_embedder(chunk, *how)
        self.options = options
        self.job = job
        self.faults = faults
        self.advice = advice
        self.kept_rows = 0

    def over(self, texts: Iterable[str | TextRow]) -> Iterator[Window]:
        """Yield every window once it is done, or is another shard's.

        Raises:
            InputError, NumericError, OutOfMemoryError: Name the text.
            InterruptedRunError: When SIGINT or SIGTERM came; what was embedded is kept.
        """
        interruption, keep = Interruption(), self.options.keep_columns
        if before := sum(done.rows for done in self.job.manifest.done.values()):
            logger.info("%s rows were encoded by an earlier run and are kept", f"{before:,}")
        tally, seen = Counters(self.faults), DistinctTexts(self.job.folder / SEEN)
        self._choose_batch_tokens()
        taken = (EMBEDDING, *SPAN) if self.options.chunk else (EMBEDDING,)
        cut = windows(texts, seen, keep_columns=keep, taken=taken)
        try:
            with interruption.listening(), self.embedder:
                for window in behind(self._embedded(cut, interruption)):
                    tally.add(window)
                    yield window
            if interruption.received:
                raise InterruptedRunError(
                    f"Interrupted after text {tally.rows:,}; everything up to it is saved: "
                    f"{self.advice}.",
                    interruption.received,
                )
            if not tally.rows:
                raise InputError("There is no row to encode.")
            self.job.finish(tally.counts(seen.count))
        finally:
            seen.close()

    def _choose_batch_tokens(self) -> None:
        """Keep what the job's first run chose: on a GPU it depends on the memory that is free."""
        given = self.options.batch_tokens or self.options.batch_size
        if given or isinstance(self.embedder, TowerEmbedder):
            return
        manifest = self.job.manifest
        batches = manifest.batches or Batches(self.embedder.batch_tokens)
        if manifest.batches is None:
            manifest.add(batches)
        self.embedder.batch_tokens = batches.batch_tokens

    def summary(self, assembled: Assembled | None) -> EncodeSummary:
        """Return the summary of the job."""
        counts = self.job.manifest.counts
        assert counts is not None  # noqa: S101 -- `over` came to its end
        return summary_of(
            counts,
            assembled,
            kept_rows=self.kept_rows,
            halved_batches=sum(done.halved for done in self.job.manifest.done.values()),
            seconds=time.monotonic() - self.started,
        )

    def _prepared(self, found: Iterator[Window]) -> Iterator[tuple[Window, Tokens | None]]:
        """Tokenise what is to be embedded of each window; None where nothing is."""
        for window in found:
            if self.options.empty == "error" and window.empty_rows:
                blank = next(text for text in window.texts if not text.strip())
                raise InputError(f"{self._named(window, blank)} is empty.")
            is_here = window.number in self.options.shard
            if not is_here or self.job.has(window):
                self.kept_rows += len(window.texts) if is_here else 0
                if isinstance(self.embedder, TowerEmbedder):
                    self.embedder.skip()
                yield window, None
            else:
                with self._rows_named(window):
                    tokens = self._tokens(window)
                yield window, tokens

    def _embedded(
        self, found: Iterator[Window], interruption: Interruption
    ) -> Iterator[tuple[Window, Callable[[], object]]]:
        """Embed windows until a signal comes; beside each, what puts its vectors away."""
        for window, tokens in ahead(self._prepared(found)):
            yield window, (lambda: None) if tokens is None else self._do(window, tokens)
            if interruption.received:
                return

    def _do(self, window: Window, tokens: Tokens) -> Callable[[], object]:
        """Embed a window's new texts; return what commits them."""
        halved = self.embedder.halved
        vectors = np.empty((0, 0), dtype=np.float32)
        if window.new:
            with self._rows_named(window):
                vectors = self.embedder.embed(tokens)
            vectors = shaped(vectors, self.options.dims, normalize=self.options.normalize)
        chunks = tokens if isinstance(tokens, ChunkTokens) and window.new else None
        vectors_of = 1 if chunks is None else np.diff(chunks.ends)
        texts = np.repeat(np.arange(len(window.new)), vectors_of)
        blank = np.array([not text.strip() for text in window.new], dtype=bool)[texts]
        finite = np.isfinite(vectors).all(axis=1)
        if self.options.empty == "nan":
            vectors[blank], finite = np.nan, finite | blank
        if not finite.all():
            text = window.new[texts[int(finite.argmin())]]
            raise NumericError(f"{self._named(window, text)} has no finite embedding.")
        halved = self.embedder.halved - halved
        return partial(self.job.commit, window, vectors, tokens.counts, halved, chunks)

    def _tokens(self, window: Window) -> Tokens:
        """Tokenise the new texts; where blank ones become NaN, they need not have tokens."""
        tokens = self.embedder.tokenise(window.new)
        if isinstance(self.embedder, TowerEmbedder) or self.options.empty != "nan":
            return tokens
        if all(map(len, tokens.ids)):
            return tokens
        known = list(zip(tokens.texts, tokens.read, tokens.ids, strict=True))
        other = next((one for one in known if len(one[2])), ("a", "a", [0]))
        texts, read, ids = zip(*(one if len(one[2]) else other for one in known), strict=True)
        return replace(tokens, texts=list(texts), read=list(read), ids=list(ids))

    @contextmanager
    def _rows_named(self, window: Window) -> Iterator[None]:
        """Name the row of a text that cannot be tokenised or embedded."""
        try:
            yield
        except TextError as error:
            raise InputError(f"{self._named(window, error.text)}: {error.reason}") from error
        except OutOfMemoryError as error:
            text = window.new[0] if error.text is None else error.text
            raise OutOfMemoryError(f"{self._named(window, text)}: {error}", error.text) from error

    def _named(self, window: Window, text: str) -> str:
        """Name a text, or a chunk of one, by its row, where the reader tells, and how it begins."""
        whole = text if text in window.texts else next(t for t in window.texts if text in t)
        place = window.place_of(whole)
        where = f"Row {self.faults.row_of(place):,}" if self.faults else f"Text {place:,}"
        return f"{where} ('{text[:30]}')" if text.strip() else where
