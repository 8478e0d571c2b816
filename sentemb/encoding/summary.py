"""What an encoding came to."""

from dataclasses import dataclass
from typing import Any

from sentemb.encoders.lengths import Reading
from sentemb.encoding.manifest import Assembled, Counts

UNKNOWN = ("unknown_rows", "unread_rows", "unknown_tokens", "known_tokens")


@dataclass(frozen=True)
class EncodeSummary:
    """What an encoding came to; every row of the input is a row of the output.

    Args:
        rows: Rows of the input.
        distinct_texts: Texts among them; each was encoded once.
        empty_rows: Rows without text.
        truncated_rows: Rows cut to the encoder's maximum length; None for a shard, which does not
            see them all, and where the encoder does not tell.
        unknown_rows: Rows with a token that the tokenizer does not know; None as above, like the
            next three.
        unread_rows: Rows with text of which the tokenizer knows nothing.
        unknown_tokens: Tokens that the tokenizer does not know.
        known_tokens: Tokens that it knows, without special tokens and prompt.
        dim: Width of the embeddings; None for a shard.
        kept_rows: Rows that an earlier run had encoded.
        halved_batches: Batches that memory did not suffice for, in any run.
        sha256: Of the output's bytes; None where it is a stream or a shard's parts.
        seconds: Wall-clock time of this run.
        faults: What the reader of the texts counted.
    """

    rows: int
    distinct_texts: int
    empty_rows: int
    truncated_rows: int | None
    unknown_rows: int | None
    unread_rows: int | None
    unknown_tokens: int | None
    known_tokens: int | None
    dim: int | None
    kept_rows: int
    halved_batches: int
    sha256: str | None
    seconds: float
    faults: dict[str, Any]

    @property
    def reading(self) -> Reading | None:
        """How much of the rows was read and known; None where that is not known."""
        if self.unknown_tokens is None:
            return None
        return Reading(
            self.rows,
            self.truncated_rows or 0,
            self.unknown_rows or 0,
            self.unread_rows or 0,
            self.unknown_tokens,
            self.known_tokens or 0,
        )


def summary_of(
    counts: Counts,
    assembled: Assembled | None,
    *,
    kept_rows: int,
    halved_batches: int,
    seconds: float,
) -> EncodeSummary:
    """Put a summary together."""
    unknown = (assembled.unknown if assembled else None) or dict.fromkeys(UNKNOWN)
    return EncodeSummary(
        rows=counts.rows,
        distinct_texts=counts.distinct,
        empty_rows=counts.empty,
        truncated_rows=assembled.truncated if assembled else None,
        **unknown,
        dim=assembled.dim if assembled else None,
        kept_rows=kept_rows,
        halved_batches=halved_batches,
        sha256=assembled.sha256 if assembled else None,
        seconds=round(seconds, 2),
        faults=counts.faults,
    )
