"""What an encoding came to, in words and as JSON."""

from typing import TYPE_CHECKING, Any

from . import console

if TYPE_CHECKING:
    from sentemb.encoding import EncodeSummary, Shard

FAULTS = {
    "long": "rows longer than 1 MiB, cut",
    "nul": "rows with NUL characters, kept",
    "blank_lines": "blank lines, which are no rows",
}
INVALID = {
    "replace": "rows no valid UTF-8, replaced where they were none",
    "skip": "rows no valid UTF-8, left out",
}


def content(summary: "EncodeSummary") -> dict[str, Any]:
    """Return all counts, as JSON takes them."""
    from dataclasses import asdict

    found: dict[str, Any] = asdict(summary)
    for name, value in found.pop("faults").items():
        if isinstance(value, dict):
            kind = name if name.endswith("_lines") else f"{name}_rows"
            found |= {kind: value["rows"], f"first_{kind}": value["first"]}
        else:
            found[name] = value
    return found


def tell(
    summary: "EncodeSummary",
    output: str,
    max_length: int | None = None,
    shard: "Shard | None" = None,
) -> None:
    """Log what became of every row."""
    if summary.kept_rows and summary.kept_rows < summary.rows:
        console.log(f"{summary.kept_rows:,} rows were encoded by an earlier run")
    if shard is not None and shard.of > 1:
        console.log(f"shard {shard} is done; sentemb merge {output} joins all {shard.of}")
    else:
        cut = summary.truncated_rows
        limit = f" at {max_length} tokens" if max_length else ""
        truncated = "truncation not known" if cut is None else f"{cut:,} truncated{limit}"
        console.log(
            f"{summary.rows:,} rows x {summary.dim} in {summary.seconds:.1f} s; "
            f"{summary.rows - summary.distinct_texts:,} repeated, {summary.empty_rows:,} empty, "
            f"{truncated}{_unknown(summary.unknown_rows)}: {output}"
        )
    if (reading := summary.reading) and reading.is_mostly_unknown:
        console.log(
            "warning: most of the texts is unknown to the model's tokenizer "
            f"({reading.share_words()}), so their vectors say little: use a --model of their "
            "language and script"
        )
    words = FAULTS | {"invalid": INVALID.get(summary.faults.get("errors", ""), "")}
    for name, what in words.items():
        found = summary.faults.get(name, {"rows": 0})
        if found["rows"]:
            shown = ", ".join(f"{number:,}" for number in found["first"])
            more = ", …" if found["rows"] > len(found["first"]) else ""
            console.log(f"{found['rows']:,} {what}: {shown}{more}")
    if (encoding := summary.faults.get("encoding", "utf-8")) != "utf-8":
        console.log(f"the input was read as {encoding.upper()}")
    if separator := summary.faults.get("separator"):
        console.log(f"the input was read as {separator}")
    if summary.halved_batches:
        console.log(f"{summary.halved_batches:,} batches halved: memory did not suffice")


def _unknown(rows: int | None) -> str:
    return "" if rows is None else f", {rows:,} with unknown tokens"
