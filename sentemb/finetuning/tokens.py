"""Rows of texts into token ids."""

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from sentemb.encoders.bounded import Bounded
from sentemb.encoders.lengths import Reading, of_counts
from sentemb.encoders.panics import failing_text_named
from sentemb.encoders.tokenising import TextCounts
from sentemb.encoders.unknown import unknown_id
from sentemb.errors import UsageError

TEXTS = ("text", "sentence1", "sentence2")


def tokenised(
    rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[Dataset, Reading]:
    """Return token ids, labels where there are any, and how much of the rows was read and known.

    Raises:
        UsageError: When ``max_length`` has no room for words.
    """
    least = tokenizer.num_special_tokens_to_add(pair=True) + 2
    if max_length < least:
        raise UsageError(f"max_length must be at least {least}, got {max_length}.")
    texts = _bounded([rows[name][:] for name in TEXTS if name in rows.column_names],
                     Bounded(tokenizer, max_length + 1))  # fmt: skip
    with failing_text_named(tokenizer, [text for column in texts for text in column]):
        tokens = tokenizer(*texts, truncation=True, max_length=max_length)
    longer = tokenizer(*texts, truncation=True, max_length=max_length + 1, return_length=True)
    cut = [length > max_length for length in longer["length"]]
    labels = {"labels": rows["label"][:]} if "label" in rows.column_names else {}
    special = tokenizer.num_special_tokens_to_add(pair=len(texts) > 1)
    reading = _reading(tokens["input_ids"], cut, unknown_id(tokenizer), special)
    return Dataset.from_dict({**tokens, **labels}), reading


def _bounded(columns: list[list[str]], bounded: Bounded) -> list[list[str]]:
    """Cut long texts to what can reach the limit; of two over it the longer must be known."""
    rows = [_bounded_row(texts, bounded) for texts in zip(*columns, strict=True)]
    return [list(column) for column in zip(*rows, strict=True)] or columns


def _bounded_row(texts: tuple[str, ...], bounded: Bounded) -> tuple[str, ...]:
    parts = tuple(map(bounded, texts))
    any_of_two_cut = len(texts) > 1 and parts != texts
    return texts if any_of_two_cut and all(map(bounded.is_over, parts)) else parts


def _reading(rows: list[list[int]], cut: list[bool], unknown: int | None, special: int) -> Reading:
    counts = [row.count(-1 if unknown is None else unknown) for row in rows]
    known = [max(0, len(row) - n - special) for row, n in zip(rows, counts, strict=True)]
    return of_counts(TextCounts(cut, counts, known, [not n for n in known]))
