"""What an encoder puts before a text: in training the same as in encoding."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from sentemb.errors import UsageError, unknown

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ALSO_CALLED = {"anchor": "query", "positive": "document"}
"""What ``encode_query`` and ``encode_document`` of sentence-transformers look a prompt up by."""
Side = Literal["query", "document"]
NAMES: dict[Side, tuple[str, ...]] = {
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
}
"""By which names these two look it up, the first that there is."""


def default_prompt(encoder: Any) -> str:
    """Return what an encoder puts before every text; empty where it puts nothing."""
    name = getattr(encoder, "default_prompt_name", None)
    return "" if name is None else str(encoder.prompts.get(name) or "")


def prompt_names(encoder: Any) -> list[str]:
    """Return the names of an encoder's prompts; none where all of them are empty."""
    prompts: Mapping[str, str] = getattr(encoder, "prompts", None) or {}
    return list(prompts) if any(prompts.values()) else []


def prompt_named(encoder: Any, name: str) -> str:
    """Return the prompt that an encoder has under a name.

    Raises:
        UsageError: When it has none of that name; names those there are.
    """
    known = prompt_names(encoder)
    if not known:
        raise UsageError(f"The model has no prompts, so none is called '{name}'.")
    if name not in known:
        raise UsageError(unknown("prompt", name, known))
    return encoder.prompts[name] or ""


def prompt_given(encoder: Any, prompt: str | None, name: str | None = None) -> str:
    """Return a prompt that is given, or the one of a name, or else the encoder's default.

    Raises:
        UsageError: When the encoder has none of that name, names those there are; when both are
            given.
    """
    if prompt is not None and name is not None:
        raise UsageError("`prompt` and `prompt_name` both say what is put before texts: give one.")
    if prompt is not None:
        return prompt
    return default_prompt(encoder) if name is None else prompt_named(encoder, name)


def prompt_of_side(encoder: Any, side: Side, name: str | None = None) -> str:
    """Return what is put before queries, or before the documents that they find.

    That is the prompt that ``encode_query`` and ``encode_document`` of sentence-transformers put.

    Args:
        encoder: Any encoder; one without prompts puts nothing.
        side: Which.
        name: Of another prompt.

    Raises:
        UsageError: When the encoder has none of that name; names those there are.
    """
    if name is not None:
        return prompt_named(encoder, name)
    prompts: Mapping[str, str] = getattr(encoder, "prompts", None) or {}
    known = (prompts[name] or "" for name in NAMES[side] if name in prompts)
    return next(known, default_prompt(encoder))


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
    encoder: "SentenceTransformer",
    prompts: Mapping[str, str],
    columns: Sequence[str],
    include_prompt: bool | None = None,
) -> None:
    """Give the texts of some columns prompts, which are saved with the encoder.

    The prompts of anchors and positives are also what ``encode_query`` and ``encode_document`` of
    sentence-transformers use. One prompt for all columns becomes the encoder's default.

    Args:
        encoder: A sentence-transformers model.
        prompts: By column.
        columns: Those that the views read.
        include_prompt: Whether the encoder pools the tokens of prompts too; None leaves it as it
            is.

    Raises:
        UsageError: When no view reads a column; when there is no prompt to include or leave out, or
            no pooling that can.
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
    if include_prompt is None:
        return
    poolings: list[Any] = [module for module in encoder if hasattr(module, "include_prompt")]
    if not (any(used) and poolings):
        lacking = "pooling that can leave one out" if any(used) else "prompt: give `prompt`"
        raise UsageError(f"`include_prompt` has no effect without a {lacking}.")
    for pooling in poolings:
        pooling.include_prompt = include_prompt


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
