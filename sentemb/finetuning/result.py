"""`FinetuneRun`: what a fine-tuning run came to."""

from dataclasses import dataclass

from sentemb.runs.result import RunResult


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class FinetuneRun(RunResult):
    """What a fine-tuning run came to; further arguments as in `RunResult`.

    Args:
        dev_rows: Rows of the dev set, which ``metrics`` are measured on.
        truncated_rows: Rows cut to the maximum length.
        unknown_rows: Rows with a token that the tokenizer does not know.
    """

    dev_rows: int
    truncated_rows: int
    unknown_rows: int
