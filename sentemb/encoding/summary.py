"""The summary of an encoding."""

from dataclasses import asdict, dataclass
from typing import Any

from sentemb.encoders.lengths import Reading
from sentemb.encoding.manifest import Assembled, Counts
from sentemb.encoding.shards import Shard

UNKNOWN = ("unknown_rows", "unread_rows", "unknown_tokens", "known_tokens")
FAULTS = {
    "long": "rows longer than 1 MiB, cut",
    "nul": "rows with NUL characters, kept",
    "blank_lines": "blank lines, which are not rows",
}
INVALID = {
    "replace": "rows contained invalid UTF-8; the invalid bytes were replaced",
    "skip": "rows contained invalid UTF-8 and were skipped",
}


@dataclass(frozen=True)
class EncodeSummary:
    """The summary of an encoding; every row of the input is a row of the output.

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
        chunks: Vectors of the output, where a row may have several.
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
    chunks: int | None = None

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

    def to_dict(self) -> dict[str, Any]:
        """Return all counts, as JSON takes them."""
        found: dict[str, Any] = asdict(self)
        for name, value in found.pop("faults").items():
            if isinstance(value, dict):
                kind = name if name.endswith("_lines") else f"{name}_rows"
                found |= {kind: value["rows"], f"first_{kind}": value["first"]}
            else:
                found[name] = value
        return found

    def lines(
        self, output: str, max_length: int | None = None, shard: Shard | None = None
    ) -> list[str]:
        """Say what became of every row."""
        lines = []
        has_tokens = self.unknown_tokens or self.known_tokens
        unknown = f", {self.unknown_rows:,} with unknown tokens" if has_tokens else ""
        if shard is not None and shard.of > 1:
            lines.append(
                f"shard {shard} is done; sentemb merge {output} joins all {shard.of} "
                "once each is done"
            )
        else:
            cut = self.truncated_rows
            limit = f" at {max_length} tokens" if max_length else ""
            truncated = "truncation not known" if cut is None else f"{cut:,} truncated{limit}"
            of = "" if self.chunks is None else f" in {self.chunks:,} chunks"
            lines.append(
                f"{self.rows:,} rows{of} x {self.dim} in {self.seconds:.1f} s; "
                f"{self.rows - self.distinct_texts:,} repeated, {self.empty_rows:,} empty, "
                f"{truncated}{unknown}: {output}"
            )
        if (reading := self.reading) and reading.is_mostly_unknown:
            lines.append(
                "warning: the model's tokenizer does not know most of the texts "
                f"({reading.share_words()}), so their vectors mean little: use a `model` of their "
                "language and script"
            )
        words = FAULTS | {"invalid": INVALID.get(self.faults.get("errors", ""), "")}
        for name, what in words.items():
            found = self.faults.get(name, {"rows": 0})
            if found["rows"]:
                shown = ", ".join(f"{number:,}" for number in found["first"])
                more = ", …" if found["rows"] > len(found["first"]) else ""
                lines.append(f"{found['rows']:,} {what}: {shown}{more}")
        if (encoding := self.faults.get("encoding", "utf-8")) != "utf-8":
            lines.append(f"the input was read as {encoding.upper()}")
        if separator := self.faults.get("separator"):
            lines.append(f"the input was read as {separator}")
        if self.halved_batches:
            lines.append(f"{self.halved_batches:,} batches were halved because memory ran out")
        return lines


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
        chunks=assembled.chunks if assembled else None,
    )
