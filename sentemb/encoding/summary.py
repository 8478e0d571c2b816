"""What an encoding came to."""

from dataclasses import dataclass
from typing import Any

from sentemb.encoding.manifest import Assembled, Counts


@dataclass(frozen=True)
class EncodeSummary:
    """What an encoding came to; every row of the input is a row of the output.

    Args:
        rows: Rows of the input.
        distinct_texts: Texts among them; each was encoded once.
        empty_rows: Rows without text.
        truncated_rows: Rows cut to the encoder's maximum length; None for a shard, which does not
            see them all, and where the encoder does not tell.
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
    dim: int | None
    kept_rows: int
    halved_batches: int
    sha256: str | None
    seconds: float
    faults: dict[str, Any]


def summary_of(
    counts: Counts,
    assembled: Assembled | None,
    *,
    kept_rows: int,
    halved_batches: int,
    seconds: float,
) -> EncodeSummary:
    """Put a summary together."""
    return EncodeSummary(
        rows=counts.rows,
        distinct_texts=counts.distinct,
        empty_rows=counts.empty,
        truncated_rows=assembled.truncated if assembled else None,
        dim=assembled.dim if assembled else None,
        kept_rows=kept_rows,
        halved_batches=halved_batches,
        sha256=assembled.sha256 if assembled else None,
        seconds=round(seconds, 2),
        faults=counts.faults,
    )
