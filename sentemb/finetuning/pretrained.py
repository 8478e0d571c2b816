"""A folder of plain transformers: tokenizer and classifier, in float32."""

import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)

from sentemb.encoders.inspection import settle_padding
from sentemb.encoders.loading import loading
from sentemb.encoders.padding import pad_right
from sentemb.encoders.vocabulary import require_rows, require_vocabulary
from sentemb.locate import locate, transformer_folder
from sentemb.safety import code_is_trusted

NEEDED = (
    "A classifier needs a folder of transformers whose family has a classification head, such as "
    "BERT, not only an encoder without its decoder, or a model of words."
)


def load_classifier(
    model: str | os.PathLike[str], **labels: Any
) -> tuple[PreTrainedTokenizerBase, Any, set[str]]:
    """Load an encoder with its classifier.

    Args:
        model: A bundled encoder, a folder or a hub id.
        labels: What a config says of labels; by default what the folder's own does.

    Returns:
        The tokenizer, the model, and the names of weights that were drawn afresh: the folder lacks
        them, or has them for other labels.

    Raises:
        InputError: When the model cannot be found, is unsafe, or has no vocabulary.
    """
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


def fits(classifier: Any, checkpoint: Path) -> bool:
    """Tell whether the weights of a checkpoint have the names and shapes of a classifier's."""
    own = classifier.state_dict()
    try:
        saved = load_file(checkpoint / "model.safetensors")
    except (OSError, SafetensorError):
        return False
    shared = {own[name].data_ptr() for name in saved if name in own}  # is saved once
    return all(tensor.data_ptr() in shared for tensor in own.values()) and all(
        name in own and own[name].shape == tensor.shape for name, tensor in saved.items()
    )
