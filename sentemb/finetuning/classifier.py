"""A folder of plain transformers: tokenizer and classifier, in float32."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from safetensors import SafetensorError
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)

from sentemb.encoders.build import require_sentence_transformer
from sentemb.encoders.inspection import settle_padding
from sentemb.encoders.loading import bars_hidden, load_report_hidden, loading
from sentemb.encoders.lora import save_merged
from sentemb.encoders.padding import pad_right
from sentemb.encoders.places import places
from sentemb.encoders.vocabulary import require_rows, require_vocabulary
from sentemb.errors import InputError, UsageError, is_out_of_memory
from sentemb.finetuning.r_drop import require_two_passes
from sentemb.locate import locate, transformer_folder
from sentemb.runs.random_state import random_state_kept
from sentemb.safety import code_is_trusted

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

NEEDED = (
    "A classifier needs a folder of transformers whose family has a classification head, such as "
    "BERT, not only an encoder without its decoder, or a model of words."
)


def load_classifier(
    model: "str | os.PathLike[str] | SentenceTransformer", **labels: Any
) -> tuple[PreTrainedTokenizerBase, Any, set[str]]:
    """Load an encoder with its classifier.

    Args:
        model: A bundled encoder, a folder, a hub id or a `SentenceTransformer`, whose
            transformer is copied.
        labels: What a config says of labels; by default what the folder's own does.

    Returns:
        The tokenizer, the model, and the names of weights that were drawn afresh: the folder lacks
        them, or has them for other labels.

    Raises:
        InputError: When the model cannot be found, is unsafe, or has no vocabulary.
    """
    if not isinstance(model, str | os.PathLike):
        require_sentence_transformer(model)
        with TemporaryDirectory() as saved:
            save_merged(model, Path(saved))
            return load_classifier(saved, **labels)
    path = transformer_folder(locate(model))
    with loading(model, NEEDED):
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=code_is_trusted())
        classifier, report = AutoModelForSequenceClassification.from_pretrained(
            path,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=code_is_trusted(),
            output_loading_info=True,
            ignore_mismatched_sizes=bool(labels),
            **labels,
        )
    require_vocabulary(tokenizer, model)
    table = classifier.get_input_embeddings()
    require_rows(tokenizer, table, model)
    pad_right(tokenizer)
    settle_padding(tokenizer, model, table)
    if classifier.config.pad_token_id is None:  # GPT-2's classifier looks for it in a batch
        classifier.config.pad_token_id = tokenizer.pad_token_id
    fresh = set(report["missing_keys"]) | {key for key, *_ in report["mismatched_keys"]}
    if labels and not fresh:
        own = AutoConfig.from_pretrained(path, trust_remote_code=code_is_trusted())
        if own.id2label != classifier.config.id2label:
            fresh = _draw_afresh(classifier)
    return tokenizer, classifier, fresh


def _draw_afresh(classifier: Any) -> set[str]:
    """Draw what is not the encoder's: it was trained for other labels."""
    drawn = set()
    for part, module in classifier.named_children():
        if part == classifier.base_model_prefix:
            continue
        for name, parameter in module.named_parameters():
            parameter._is_hf_initialized = False
            drawn.add(f"{part}.{name}")
        module.apply(classifier._init_weights)
    return drawn


def saved_weights(classifier: Any, checkpoint: Path) -> dict[str, Tensor] | None:
    """Return the weights of a checkpoint under the names that a classifier has for them.

    The file may have others: transformers saves weights as it found them, such as BERT's older
    ``LayerNorm.gamma``.

    Returns:
        The weights, or None where they are not of this classifier.
    """
    try:
        with random_state_kept(), load_report_hidden(), bars_hidden():
            saved, report = type(classifier).from_pretrained(
                checkpoint, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
    except (OSError, RuntimeError, SafetensorError):
        return None
    own, state = classifier.state_dict(), saved.state_dict()
    differ = report["missing_keys"] or report["unexpected_keys"] or own.keys() != state.keys()
    fit = not differ and all(own[name].shape == state[name].shape for name in own)
    return state if fit else None


def fits(classifier: Any, checkpoint: Path) -> bool:
    """Tell whether the weights of a checkpoint have the names and shapes of a classifier's."""
    return saved_weights(classifier, checkpoint) is not None


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
                "places: give a smaller `max_length`."
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
