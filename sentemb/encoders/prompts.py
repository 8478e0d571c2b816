"""What an encoder puts before a text: in training the same as in encoding."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sentemb.errors import UsageError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ALSO_CALLED = {"anchor": "query", "positive": "document"}
"""What ``encode_query`` and ``encode_document`` of sentence-transformers look a prompt up by."""


def default_prompt(encoder: Any) -> str:
    """Return what an encoder puts before every text; empty where it puts nothing."""
    name = getattr(encoder, "default_prompt_name", None)
    return "" if name is None else str(encoder.prompts.get(name) or "")


def leaves_prompt_out(encoder: Any) -> bool:
    """Tell whether a pooling of an encoder reads the text alone, without the prompt before it."""
    return any(not getattr(module, "include_prompt", True) for module in encoder)


def prompt_of(encoder: Any, column: str) -> str:
    """Return what is put before the texts of a column: its own prompt, or the encoder's default."""
    prompts: Mapping[str, str] = getattr(encoder, "prompts", None) or {}
    if column in prompts:
        return prompts[column]
    if column.startswith("negative"):
        for same in ("negative", "positive"):
            if same in prompts:
                return prompts[same]
    return default_prompt(encoder)


def set_prompts(
    encoder: "SentenceTransformer", prompts: Mapping[str, str], columns: Sequence[str]
) -> None:
    """Give the texts of some columns prompts, which are saved with the encoder.

    The prompts of anchors and positives are also what ``encode_query`` and ``encode_document`` of
    sentence-transformers use. One prompt for all columns becomes the encoder's default.

    Args:
        encoder: A sentence-transformers model.
        prompts: By column.
        columns: Those that the views read.

    Raises:
        UsageError: When no view reads a column.
    """
    for column in prompts:
        if column not in columns:
            raise UsageError(
                f"No view reads the column '{column}' that a prompt is given for; the views read "
                f"{', '.join(dict.fromkeys(columns))}."
            )
    named = {ALSO_CALLED[column]: prompt for column, prompt in prompts.items()
             if column in ALSO_CALLED}  # fmt: skip
    encoder.prompts = {**encoder.prompts, **named, **prompts}
    used = {prompt_of(encoder, column) for column in columns}
    if prompts and len(used) == 1:
        encoder.default_prompt_name = next(iter(prompts))


def prompt_tokens(encoder: "SentenceTransformer", prompt: str) -> int:
    """Return how many tokens a prompt has, with the special tokens before it."""
    if not prompt:
        return 0
    found: Any = encoder.preprocess([""], prompt=prompt)
    return int(found.get("prompt_length") or 0)


def text_tokens(mask: Tensor, lengths: Tensor) -> Tensor:
    """Take the tokens of each row's prompt out of a mask that is padded on the right."""
    return mask * (torch.arange(mask.shape[1], device=mask.device) >= lengths.unsqueeze(1))


@contextmanager
def prompts_left_out(modules: Sequence[nn.Module], lengths: Tensor) -> Iterator[None]:
    """Have poolings that exclude prompts leave out each row's own, as they do in encoding.

    Args:
        modules: Of an encoder; poolings that include the prompt are left alone.
        lengths: Tokens of each row's prompt, ``[rows]``.
    """

    def leave_out(_module: nn.Module, args: tuple[dict[str, Any], ...]) -> Any:
        features = args[0]
        mask = text_tokens(features["attention_mask"], lengths)
        return ({**features, "attention_mask": mask}, *args[1:])

    with ExitStack() as hooks:
        for module in modules:
            if not getattr(module, "include_prompt", True):
                hooks.callback(module.register_forward_pre_hook(leave_out).remove)
        yield
