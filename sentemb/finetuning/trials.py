"""What a classifier is tried on before anything is written."""

from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from sentemb.encoders.places import places
from sentemb.errors import InputError, UsageError, is_out_of_memory
from sentemb.finetuning.r_drop import require_two_passes
from sentemb.training.randomness import random_state_kept


def try_longest(classifier: Any, tokenizer: PreTrainedTokenizerBase, tokens: Dataset) -> None:
    """Raise where the longest row does not fit.

    Raises:
        UsageError: When it is too long; says how many places the model has.
        InputError: When the model fails for another reason.
    """
    longest = max(tokens["input_ids"][:], key=len)
    inputs = tokenizer.pad({"input_ids": [longest]}, return_tensors="pt").to(classifier.device)
    classifier.eval()
    try:
        with torch.no_grad():
            classifier(**inputs)
    except Exception as error:  # a model raises whatever its parts raise
        if is_out_of_memory(error):
            raise
        most, name = places(classifier), type(classifier).__name__
        if most is not None and len(longest) > most:
            raise UsageError(
                f"A row has {len(longest)} tokens, which do not fit into a {name} of {most} "
                "places: give a smaller max_length."
            ) from error
        first_line = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{name} fails on a row of {len(longest)} tokens ({type(error).__name__}: "
            f"{first_line}). Its config, weights and tokenizer do not fit together."
        ) from error


def try_two_passes(classifier: Any, tokenizer: PreTrainedTokenizerBase, rows: Dataset) -> None:
    """Raise where dropout makes no difference.

    Raises:
        IdenticalViewsError: Says what to set.
    """
    inputs = _few(tokenizer, rows)
    classifier.train()
    with random_state_kept(), torch.no_grad():
        require_two_passes(classifier, classifier(**inputs).logits, classifier(**inputs).logits)


def try_contrast(classifier: Any, tokenizer: PreTrainedTokenizerBase, rows: Dataset) -> None:
    """Raise where the first token's embedding is not one of the text.

    Raises:
        UsageError: When the model gives none, or sees no token after the first from there.
    """
    inputs = _few(tokenizer, rows)
    classifier.eval()
    with torch.no_grad():
        hidden = classifier(**inputs, output_hidden_states=True).get("hidden_states")
    name = type(classifier).__name__
    instead = "leave supcon and contrast out, or take an encoder as BERT"
    if hidden is None:
        raise UsageError(f"{name} gives no hidden states to contrast: {instead}.")
    first = hidden[-1][:, 0]
    texts = {tuple(ids) for ids in inputs["input_ids"].tolist()}
    if len(texts) > 1 and bool((first == first[0]).all()):
        raise UsageError(f"{name} gives the first token of all texts one embedding: {instead}.")


def _few(tokenizer: PreTrainedTokenizerBase, rows: Dataset) -> Any:
    few = rows.select(range(min(4, len(rows)))).remove_columns("labels")
    return tokenizer.pad(few[:], return_tensors="pt")
