"""Rows of texts into token ids."""

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from sentemb.encoders.panics import failing_text_named
from sentemb.errors import UsageError

TEXTS = ("text", "sentence1", "sentence2")


def tokenised(
    rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[Dataset, int]:
    """Return token ids, labels where there are any, and how many rows were cut.

    Raises:
        UsageError: When ``max_length`` has no room for words.
    """
    least = tokenizer.num_special_tokens_to_add(pair=True) + 2
    if max_length < least:
        raise UsageError(f"max_length must be at least {least}, got {max_length}.")
    texts = [rows[name][:] for name in TEXTS if name in rows.column_names]
    with failing_text_named(tokenizer, [text for column in texts for text in column]):
        tokens = tokenizer(*texts, truncation=True, max_length=max_length)
    whole = tokenizer(*texts, truncation=False, return_length=True, verbose=False)["length"]
    labels = {"labels": rows["label"][:]} if "label" in rows.column_names else {}
    return Dataset.from_dict({**tokens, **labels}), sum(length > max_length for length in whole)
