"""A folder of plain transformers: tokenizer and classifier, in float32."""

import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)

from sentemb.encoders.build import locate
from sentemb.encoders.vocabulary import require_vocabulary
from sentemb.safety import code_is_trusted


def load_classifier(
    model: str | os.PathLike[str], **labels: Any
) -> tuple[PreTrainedTokenizerBase, Any, set[str]]:
    """Load an encoder with its classifier.

    Args:
        model: An embedded encoder, a folder or a hub id.
        labels: What a config says of labels; by default what the folder's own does.

    Returns:
        The tokenizer, the model, and the names of weights that the folder lacks: drawn afresh.

    Raises:
        InputError: When the model cannot be found, is unsafe, or has no vocabulary.
    """
    path = locate(model)
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=code_is_trusted())
    require_vocabulary(tokenizer, model)
    classifier, loading = AutoModelForSequenceClassification.from_pretrained(
        path,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=code_is_trusted(),
        output_loading_info=True,
        **labels,
    )
    return tokenizer, classifier, set(loading["missing_keys"])


def fits(classifier: Any, checkpoint: Path) -> bool:
    """Tell whether the weights of a checkpoint have the names and shapes of a classifier's."""
    own = {name: tensor.shape for name, tensor in classifier.state_dict().items()}
    saved = load_file(checkpoint / "model.safetensors")
    return all(own.get(name) == tensor.shape for name, tensor in saved.items())
