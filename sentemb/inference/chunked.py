"""Long texts to several vectors each, of their chunks: read by themselves, or with their text."""

from abc import ABCMeta, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding
from torch import Tensor

from sentemb.encoders.chunking import Chunk, chunks_of, windows
from sentemb.encoders.panics import failing_text_named
from sentemb.encoders.tokenising import TextCounts, Tokenising, Tokens, batches_of
from sentemb.encoders.truncating import NO_LIMIT
from sentemb.errors import InputError, UsageError
from sentemb.inference.batches import by_tokens
from sentemb.inference.capabilities import same_tokens
from sentemb.inference.embedder import Done, Embedder
from sentemb.inference.refused_texts import model_named
from sentemb.inference.token_encoder import TokenEncoder
from sentemb.inference.torch_only import PlainEncoder
from sentemb.types import Embeddings, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Spans = NDArray[np.int64]


@dataclass(frozen=True)
class ChunkTokens(Tokens):
    """Chunks of texts in tokens.

    Args:
        spans: Of each chunk, its first character, the one behind its last, and its tokens,
            ``[chunks, 3]``; a text's chunks together.
        ends: How many chunks the texts before each have, and last all, ``[texts + 1]``.
        pieces: Of each row of tokens, where it gives to chunks; only where texts are read whole.
    """

    spans: Spans
    ends: Spans
    pieces: "list[list[_Piece]]"


@dataclass(frozen=True)
class _Piece:
    """Tokens of a row that belong to a chunk: from a place to before another, special ones counted.

    Args:
        chunk: Its number.
        start: Of its tokens in the row.
        end: Behind them.
    """

    chunk: int
    start: int
    end: int


class ChunkEmbedder(Embedder, metaclass=ABCMeta):
    """Embeds the chunks of texts; arguments and errors are those of `Embedder`.

    Args:
        chunk: How texts are cut.

    Raises:
        InputError: When the encoder has no fast tokenizer.
    """

    def __init__(self, chunk: Chunk, encoder: "TokenEncoder | SentenceTransformer", *how: Any):
        super().__init__(encoder, *how)
        self.chunk = chunk
        self._whole = Tokenising(encoder.tokenizer)
        if self._whole.own is None:
            raise InputError("This encoder has no fast tokenizer, and chunks need one.")
        limit = encoder.max_seq_length
        self._room: int | None = None  # for the tokens of a text, beside special ones and a prompt
        if limit is not None and limit <= NO_LIMIT:
            around = len(self._whole.own.encode("").ids)
            prompt = self._whole.own.encode(self._prompt)
            self._room = int(limit) - around - len(prompt.ids[_text_of(prompt)])

    def tokenise(self, texts: Sequence[str]) -> ChunkTokens:
        """Return the chunks of each text, which must be distinct."""
        assert self._whole.own is not None  # noqa: S101 -- the constructor has looked
        own, read, spans, ends = self._whole.own, [], [], [0]
        for some in batches_of(texts):
            with failing_text_named(own.encode, some), model_named(self.encoder):
                read += own.encode_batch(list(some))
        cut: list[list[tuple[int, int]]] = []
        for text in read:
            place = _text_of(text)
            offsets, words = text.offsets[place], text.word_ids[place]
            cut.append(list(chunks_of(words, self.chunk)))
            spans += [(*_characters(offsets[a:b]), b - a) for a, b in cut[-1]]
            ends.append(len(spans))
        counts = self._whole.counted(texts, [text.ids for text in read], [False] * len(read))
        tokens = self._tokens_of(texts, read, cut, np.array(spans), np.array(ends))
        return replace(tokens, counts=self._counts(counts, tokens))

    @abstractmethod
    def _tokens_of(
        self,
        texts: Sequence[str],
        read: list[Encoding],
        cut: list[list[tuple[int, int]]],
        spans: Spans,
        ends: Spans,
    ) -> ChunkTokens:
        """Return what is embedded for the chunks of texts."""

    def _counts(self, counts: TextCounts, tokens: ChunkTokens) -> TextCounts:
        """Return what is counted of each text."""
        return counts


class ApartEmbedder(ChunkEmbedder):
    """Embeds each chunk as a text by itself.

    Raises:
        UsageError: When a chunk has more tokens than the encoder reads.
    """

    def __init__(self, chunk: Chunk, encoder: "TokenEncoder | SentenceTransformer", *how: Any):
        super().__init__(chunk, encoder, *how)
        if self._room is not None and chunk.tokens > self._room:
            raise UsageError(
                f"Chunks of {chunk.tokens:,} tokens do not fit this model, which reads "
                f"{encoder.max_seq_length:,} with special ones and those of a prompt: give "
                f"`chunk` at most tokens={self._room}."
            )

    def _tokens_of(
        self,
        texts: Sequence[str],
        read: list[Encoding],
        cut: list[list[tuple[int, int]]],
        spans: Spans,
        ends: Spans,
    ) -> ChunkTokens:
        homes = np.repeat(np.arange(len(texts)), np.diff(ends))
        parts = [texts[i][a:b] for i, (a, b, _) in zip(homes.tolist(), spans.tolist(), strict=True)]
        return ChunkTokens(**vars(super(ChunkEmbedder, self).tokenise(parts)),
                           spans=spans, ends=ends, pieces=[])  # fmt: skip

    def _counts(self, counts: TextCounts, tokens: ChunkTokens) -> TextCounts:
        """Count a text as cut where a chunk by itself has more tokens than in its text."""
        if tokens.counts is None:
            return counts
        cut = np.array([tokens.counts.cut[row] for row in tokens.rows], dtype=bool)
        each = np.logical_or.reduceat(cut, tokens.ends[:-1]) if len(cut) else cut
        return counts._replace(cut=each.tolist())


class LateEmbedder(ChunkEmbedder):
    r"""Reads each text whole, and averages the last layer over the tokens of each chunk.

    .. math:: v_c = \mathrm{head}\Big(\frac{1}{|c|} \sum_{t \in c} h_t\Big)

    ``h`` are the states of the text's tokens, special ones and those of a prompt left out, and
    ``head`` is what follows the encoder's pooling. A text with more tokens than the encoder reads
    is read in windows that overlap as chunks do; of each but the first, the states of the overlap
    are dropped.

    Raises:
        UsageError: When the encoder does not pool by the mean, or the overlap leaves a window
            nothing new.

    Source: Günther et al., 2024, Late Chunking (arXiv:2409.04701), algorithms 1 and 2.
    """

    def __init__(self, chunk: Chunk, encoder: "TokenEncoder | SentenceTransformer", *how: Any):
        super().__init__(chunk, encoder, *how)
        self._states, self._head = _parts_of(encoder)
        if self._room is not None and chunk.overlap >= self._room:
            raise UsageError(
                f"`chunk` overlaps by {chunk.overlap:,} tokens, and the model reads "
                f"{self._room:,} at a time: give an overlap below that."
            )

    def _tokens_of(
        self,
        texts: Sequence[str],
        read: list[Encoding],
        cut: list[list[tuple[int, int]]],
        spans: Spans,
        ends: Spans,
    ) -> ChunkTokens:
        named, ids, pieces = [], [], []
        before, after = self._around
        for text, tokens, chunks, first in zip(texts, read, cut, ends[:-1], strict=True):
            own, behind = tokens.ids[_text_of(tokens)], 0
            for a, b in windows(len(own), self._room or max(1, len(own)), self.chunk.overlap):
                named.append(text)
                ids.append([*before, *own[a:b], *after])
                shift = len(before) - a
                pieces.append([
                    _Piece(int(first) + n, max(start, behind) + shift, min(end, b) + shift)
                    for n, (start, end) in enumerate(chunks)
                    if max(start, behind) < min(end, b)
                ])  # fmt: skip
                behind = b
            if not own:  # the vector of no text
                pieces[-1] = [_Piece(int(first), 0, len(ids[-1]))]
        return ChunkTokens(
            named, named, ids, None, list(range(len(ids))), spans=spans, ends=ends, pieces=pieces
        )

    @cached_property
    def _around(self) -> tuple[list[int], list[int]]:
        """Return the ids before a text, those of the prompt among them, and behind it."""
        own = self._whole.own
        assert own is not None  # noqa: S101 -- the constructor has looked
        found = own.encode("a")
        mask = found.special_tokens_mask
        first = mask.index(0) if 0 in mask else len(mask)
        after = len(mask) - first - mask.count(0)
        prompt = own.encode(self._prompt, add_special_tokens=False).ids if self._prompt else []
        return found.ids[:first] + prompt, found.ids[len(mask) - after :] if after else []

    def embed(self, tokens: Tokens, done: Done = lambda texts: None) -> Vectors:
        """Return a vector for each chunk of what was tokenised, ``[chunks, dim]``."""
        assert isinstance(tokens, ChunkTokens)  # noqa: S101 -- `tokenise` makes no other
        if not all(tokens.ids):
            blank = next(t for t, ids in zip(tokens.texts, tokens.ids, strict=True) if not ids)
            raise InputError(f"'{blank[:30]}' has no token, so late chunking has no vector for it.")
        lengths = [len(ids) for ids in tokens.ids]
        batches = list(by_tokens(lengths, self.batch_tokens, self.batch_size))
        if self.takes_tokens and not isinstance(self.encoder, TokenEncoder):
            self._leave_padding_out()
        sums: Tensor | None = None
        with model_named(self.encoder):
            parts = self._pool.map(lambda batch: self._fitting(tokens, batch), batches)
            for batch, part in zip(batches, parts, strict=True):
                if sums is None:
                    sums = torch.zeros(len(tokens.spans), part.shape[1], device=part.device)
                chunks = [piece.chunk for row in batch for piece in tokens.pieces[row]]
                sums.index_add_(0, torch.tensor(chunks, device=part.device), part.float())
                done(len(batch))
        assert sums is not None  # noqa: S101 -- there is a text
        counts = torch.zeros(len(sums), 1)
        for row in tokens.pieces:
            for piece in row:
                counts[piece.chunk] += piece.end - piece.start
        means = sums / counts.to(sums.device)
        with torch.inference_mode():
            vectors = [self._head(some).float().cpu().numpy() for some in torch.split(means, 4096)]
        return np.concatenate(vectors)

    def _batch(self, tokens: Tokens, batch: list[int]) -> Embeddings:
        """Return the sums of the states of each piece of a batch, ``[pieces, width]``."""
        assert isinstance(tokens, ChunkTokens)  # noqa: S101 -- `tokenise` makes no other
        half = self.dtype != torch.float32
        autocast = torch.autocast(self.encoder.device.type, self.dtype, enabled=half)
        with torch.inference_mode(), autocast:
            states = self._states(*self._padded([tokens.ids[i] for i in batch])).float()
            return torch.stack([
                row[piece.start : piece.end].sum(dim=0)
                for row, i in zip(states, batch, strict=True)
                for piece in tokens.pieces[i]
            ])  # fmt: skip


def chunk_embedder(
    chunk: Chunk, encoder: "TokenEncoder | SentenceTransformer", *how: Any
) -> ChunkEmbedder:
    """Return what embeds chunks; further arguments are those of `Embedder`."""
    return (LateEmbedder if chunk.late else ApartEmbedder)(chunk, encoder, *how)


def _text_of(read: Encoding) -> slice:
    """Return where the tokens of a text are: between special ones, of two copies the first."""
    mask = [*read.special_tokens_mask, 1]
    first = mask.index(0) if 0 in mask else len(mask)
    return slice(first, mask.index(1, first) if 0 in mask else first)


def _characters(offsets: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return (offsets[0][0], offsets[-1][1]) if offsets else (0, 0)


def _parts_of(encoder: "TokenEncoder | SentenceTransformer") -> tuple[Any, Any]:
    """Return what gives the states of tokens, and what makes a vector of their mean.

    Raises:
        UsageError: When the encoder does not pool by the mean.
    """
    if isinstance(encoder, PlainEncoder) and encoder.pooling == "mean":
        return encoder.states, encoder.head
    modules: Iterator[Any] = iter(() if isinstance(encoder, TokenEncoder) else encoder)
    before: list[Any] = []
    for module in modules:
        if hasattr(module, "pooling_mode"):
            break
        before.append(module)
    else:
        raise _not_the_mean()
    if any(type(each).__name__ == "WordWeights" for each in before):
        raise _not_the_mean()
    if module.pooling_mode != "mean" or getattr(encoder, "truncate_dim", None) is not None:
        raise _not_the_mean()
    if not same_tokens(cast("SentenceTransformer", encoder)):
        raise UsageError("Late chunking needs an encoder whose tokens are its tokenizer's.")
    after = list(modules)

    def states(ids: Tensor, mask: Tensor) -> Tensor:
        features = {"input_ids": ids, "attention_mask": mask}
        for each in before:
            features = each(features)
        return features["token_embeddings"]

    def head(means: Tensor) -> Tensor:
        features = {"sentence_embedding": means}
        for each in after:
            features = each(features)
        return features["sentence_embedding"]

    return states, head


def _not_the_mean() -> UsageError:
    return UsageError(
        "Late chunking averages tokens, so it needs an encoder that pools by the mean: leave late "
        "out of `chunk`, or name another model."
    )
