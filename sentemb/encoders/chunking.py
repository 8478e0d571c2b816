"""A long text in chunks: windows of tokens that overlap, and what characters they are of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from sentemb.errors import UsageError

EXAMPLE = "tokens=256,overlap=32"


@dataclass(frozen=True)
class Chunk:
    """How texts are cut into chunks, each of which gets a vector.

    Args:
        tokens: Of a chunk, special ones and those of a prompt not counted.
        overlap: Tokens that a chunk shares with the one before it, at most.
        late: Whether the whole text is read first, and each chunk's tokens are averaged after:
            late chunking. Without, each chunk is read by itself.

    Raises:
        UsageError: When a chunk would have no token, or not one that is new.

    Source: Günther et al., 2024, Late Chunking (arXiv:2409.04701).
    """

    tokens: int
    overlap: int = 0
    late: bool = False

    def __post_init__(self) -> None:
        if self.tokens < 1 or not 0 <= self.overlap < self.tokens:
            raise UsageError(
                "`chunk` needs tokens of at least 1, and an overlap from 0 to less than these; got "
                f"tokens={self.tokens},overlap={self.overlap}."
            )

    @classmethod
    def parse(cls, words: str) -> Self:
        """Read ``tokens=256,overlap=32``, ``overlap`` being 0 where left out, or with ``,late``.

        Raises:
            UsageError: When it is something else.

        Example:
            >>> Chunk.parse("tokens=256,overlap=32")
            Chunk(tokens=256, overlap=32, late=False)
        """
        numbers: dict[str, int] = {}
        parts = [part.strip() for part in words.split(",")]
        late = parts[-1] == "late"
        for part in parts[: len(parts) - late]:
            name, _, value = part.partition("=")
            if name not in ("tokens", "overlap") or name in numbers or not _is_whole(value):
                raise UsageError(f"`chunk` takes {EXAMPLE}, and ,late behind it; got '{words}'.")
            numbers[name] = int(value)
        if "tokens" not in numbers:
            raise UsageError(f"`chunk` needs the tokens of a chunk, as {EXAMPLE}; got '{words}'.")
        return cls(**numbers, late=late)


def _is_whole(value: str) -> bool:
    return value.removeprefix("-").isascii() and value.removeprefix("-").isdecimal()


def windows(tokens: int, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Cut a number of tokens into windows, from a place to before another.

    Each begins ``overlap`` tokens before the one before it ends; the last ends with the tokens.

    Example:
        >>> list(windows(20, size=8, overlap=2))
        [(0, 8), (6, 14), (12, 20)]
    """
    start = 0
    while start + size < tokens:
        yield start, start + size
        start += size - overlap
    yield start, tokens


def chunks_of(words: Sequence[int | None], chunk: Chunk) -> Iterator[tuple[int, int]]:
    """Cut a text into windows of tokens that begin and end with its words, as far as they can.

    A word is cut where it is longer than the new part of a chunk. So that a chunk's characters,
    tokenised alone, have the chunk's tokens, it may be shorter than asked for, and so may the
    overlap.

    Args:
        words: For each token of a text, the number of its word.
        chunk: How long, and how much they overlap.

    Yields:
        First token, and the one behind the last; one chunk of none for a text without tokens.

    Example:
        >>> list(chunks_of([0, 1, 2, 2, 2, 3, 4], Chunk(3)))
        [(0, 2), (2, 5), (5, 7)]
        >>> list(chunks_of(range(20), Chunk(8, overlap=2))) == list(windows(20, 8, 2))
        True
    """
    count, start = len(words), 0

    def begins(place: int) -> bool:
        return place in (0, count) or words[place] is None or words[place] != words[place - 1]

    while start + chunk.tokens < count:
        most = start + chunk.tokens
        ends = range(most, start + chunk.overlap, -1)
        end = next(filter(begins, ends), most)
        yield start, end
        start = next(filter(begins, range(end - chunk.overlap, end)), end)
    yield start, count
