"""`FinetuneRun`: what a fine-tuning run came to."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FinetuneRun:
    """What a fine-tuning run came to.

    Args:
        output: The model folder.
        steps: Optimizer steps taken.
        best_step: The step whose weights became the model.
        metrics: Of the model, on the dev set.
        rows: Rows trained on.
        dev_rows: Rows of the dev set.
        empty_rows: Rows without text, left out.
        truncated_rows: Rows cut to the maximum length.
        unknown_rows: Rows with a token that the tokenizer does not know.
        unknown_tokens: Tokens that it does not know.
        known_tokens: Tokens that it knows, without special tokens.
        skipped_steps: Steps whose loss or gradient was no number, and that changed nothing.
        seconds: Wall-clock time of the training, of all parts of a resumed run.
    """

    output: Path
    steps: int
    best_step: int
    metrics: dict[str, float]
    rows: int
    dev_rows: int
    empty_rows: int
    truncated_rows: int
    unknown_rows: int
    unknown_tokens: int
    known_tokens: int
    skipped_steps: int
    seconds: float
