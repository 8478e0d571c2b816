"""The stock forward of an encoder without its padding: hooks around its stack of layers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sentemb.encoders import packed_attention
from sentemb.encoders.first_tokens import first_tokens_last, last_attention
from sentemb.encoders.packed_modernbert import modernbert_packed
from sentemb.encoders.packed_mpnet import mpnet_packed
from sentemb.encoders.packing import Packing

if TYPE_CHECKING:
    from transformers import PreTrainedModel

STACKS = {
    "albert": "encoder",
    "bert": "encoder",
    "camembert": "encoder",
    "distilbert": "transformer",
    "electra": "encoder",
    "modernbert": "layers",
    "mpnet": "encoder",
    "roberta": "encoder",
    "xlm-roberta": "encoder",
}
"""Encoders whose forward was shown equal, and what they call the stack of their layers."""


def can_be_packed(model: "PreTrainedModel") -> bool:
    """Tell whether an encoder is of a family whose layers can run without padding."""
    config = model.config
    return (
        config.model_type in STACKS
        and isinstance(getattr(model, STACKS[config.model_type], None), nn.Module)
        and not getattr(config, "is_decoder", False)
        and config._attn_implementation in ("sdpa", "eager")
    )


def stack_of(model: "PreTrainedModel") -> nn.Module:
    """Return the stack of layers of an encoder that `can_be_packed`."""
    stack: nn.Module = getattr(model, STACKS[model.config.model_type])
    return stack


@contextmanager
def packed(model: "PreTrainedModel", *, first_only: bool = False) -> Iterator[None]:
    """Run an encoder's layers on the tokens of a batch alone, laid end to end.

    Embeddings are looked up as usual, padding included, so positions, and views that shuffle or
    perturb, are untouched; the stack of layers gets ``[1, tokens, dim]`` and attends within each
    sentence; its output is spread over the padded shape again, zeros where padding was. Nothing in
    the model is replaced: linear layers, LayerNorms and dropouts are its own.

    Args:
        model: An encoder that `can_be_packed`.
        first_only: Compute the last layer's output for the first token of each row alone, for
            pooling by [CLS], where the layers are BERT's.
    """
    stack = stack_of(model)
    packed_attention.register()
    given = model.config._attn_implementation
    with ExitStack() as undo:
        undo.callback(setattr, model.config, "_attn_implementation", given)
        model.config._attn_implementation = packed_attention.NAME
        if model.config.model_type == "modernbert":
            undo.enter_context(modernbert_packed(model))
            yield
            return
        for handle in (
            stack.register_forward_pre_hook(_pack, with_kwargs=True),
            stack.register_forward_hook(_unpack, with_kwargs=True),
        ):
            undo.callback(handle.remove)
        if model.config.output_hidden_states:
            model.forward = partial(_layers_unpacked, model.forward)
            undo.callback(delattr, model, "forward")
        if first_only and (attention := last_attention(stack)) is not None:
            undo.enter_context(first_tokens_last(attention))
        if model.config.model_type == "mpnet":
            undo.enter_context(mpnet_packed(stack))
        yield


def _pack(stack: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Hand the stack packed tokens, and the packing in the place of the mask."""
    names = ("hidden_states", "attention_mask")
    given = dict(zip(names, args, strict=False)) | kwargs
    hidden, mask = given["hidden_states"], given["attention_mask"]
    if mask is None:
        mask = torch.ones(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
    packing = Packing.of(mask)
    return args[2:], given | {"hidden_states": packing.pack(hidden), "attention_mask": packing}


def _unpack(_stack: nn.Module, _args: object, kwargs: dict[str, Any], output: Any) -> Any:
    output["last_hidden_state"] = kwargs["attention_mask"].unpack(output["last_hidden_state"])
    return output


def _layers_unpacked(forward: Callable[..., Any], **inputs: Any) -> Any:
    """Spread the output of each layer, where a pooling reads several."""
    output, mask = forward(**inputs), inputs["attention_mask"]
    packing = Packing.of(mask)
    output["hidden_states"] = tuple(
        layer if layer.shape[:2] == mask.shape else packing.unpack(layer)
        for layer in output["hidden_states"]
    )
    return output
