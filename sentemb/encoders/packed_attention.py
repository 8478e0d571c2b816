"""Attention within each sentence of a packed batch.

On a CPU rows of one length at a time, without padding or mask; a GPU takes all in one launch.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from sentemb.encoders.packed_attention_cuda import attend_padded, attend_varlen
from sentemb.encoders.packing import Packing

HALF = (torch.float16, torch.bfloat16)
NAME = "sentemb_packed"
"""What transformers knows this attention by."""


def register() -> None:
    """Make this attention known to transformers; the mask goes through it as it is."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, packed_attention)
    AttentionMaskInterface.register(NAME, _mask_as_it_is)


def _mask_as_it_is(*_args: object, attention_mask: Tensor | None = None, **_kw: object) -> Any:
    return attention_mask


def packed_attention(
    _module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Packing,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_kw: object,
) -> tuple[Tensor, None]:
    """Attend within each sentence, in the form that transformers calls.

    Args:
        query: ``[1, heads, packed tokens, dim]``.
        key: The same.
        value: The same.
        attention_mask: The packing, in the mask's place.
        dropout: Rate of dropout on the attention.
        scaling: Of the products; ``dim ** -0.5`` where it is not given.
        sliding_window: Of a local layer: a token attends to those that are fewer places away.

    Returns:
        ``[1, packed tokens, heads, dim]``.
    """
    packing = attention_mask
    attended = attend(
        query[0],
        key[0],
        value[0],
        packing,
        dropout,
        scaling,
        first_only=packing.first_only,
        reach=None if sliding_window is None else sliding_window - 1,
    )
    return attended.unsqueeze(0), None


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    packing: Packing,
    dropout: float = 0.0,
    scaling: float | None = None,
    bias: Tensor | None = None,
    first_only: bool = False,
    reach: int | None = None,
) -> Tensor:
    r"""Return :math:`\mathrm{softmax}(q k^\top s + b) v` within each sentence.

    Args:
        query: ``[heads, packed tokens, dim]``.
        key: The same.
        value: The same.
        packing: Which tokens are a sentence's.
        dropout: Rate of dropout on the attention.
        scaling: s; ``dim ** -0.5`` where it is not given.
        bias: b ``[heads, tokens, tokens]``, by the places in a sentence.
        first_only: The first token of each sentence is all that is read; what the others are is
            left open.
        reach: Places to either side that a token attends to; None for all.

    Returns:
        ``[packed tokens, heads, dim]``.
    """
    if reach is not None and packing.runs[-1].length <= reach + 1:
        reach = None
    if query.is_cuda:
        if reach is not None:
            bias = outside(packing.runs[-1].length, reach, query.device)
        if query.dtype in HALF and not dropout and bias is None:
            return attend_varlen(query, key, value, packing, scaling)
        return attend_padded(query, key, value, packing, dropout, scaling, bias)
    sizes = [run.rows * run.length for run in packing.runs]
    attended = []
    of_runs = (torch.split(tensor, sizes, dim=1) for tensor in (query, key, value))
    for run, *parts in zip(packing.runs, *of_runs, strict=True):
        q, k, v = (part.unflatten(1, run).transpose(0, 1) for part in parts)
        if first_only:
            q = q[:, :, :1]
        if reach is not None and run.length > reach + 1:
            out = attend_near(q, k, v, reach, dropout, scaling)
        else:
            b = None if bias is None else bias[:, : q.shape[2], : run.length]
            out = scaled_dot_product_attention(q, k, v, b, dropout_p=dropout, scale=scaling)
        attended.append(out.transpose(1, 2).flatten(0, 1))
    if not first_only:
        return torch.cat(attended)
    every = query.new_zeros(query.shape[1], query.shape[0], query.shape[2])
    return every.index_copy(0, packing.first, torch.cat(attended).to(every.dtype))


def attend_near(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    reach: int,
    dropout: float = 0.0,
    scaling: float | None = None,
) -> Tensor:
    """Attend to the tokens near each, in blocks of queries with the keys that they reach.

    Args:
        query: ``[rows, heads, tokens, dim]``, rows of one length.
        key: The same.
        value: The same.
        reach: Places to either side.
        dropout: Rate of dropout on the attention.
        scaling: Of the products.

    Returns:
        ``[rows, heads, tokens, dim]``.
    """
    length, size = query.shape[2], max(2 * reach, 1)
    places, found = torch.arange(length, device=query.device), []
    for start in range(0, length, size):
        end = min(start + size, length)
        low, high = max(start - reach, 0), min(end + reach, length)
        near = (places[start:end, None] - places[None, low:high]).abs() <= reach
        parts = query[:, :, start:end], key[:, :, low:high], value[:, :, low:high]
        found.append(scaled_dot_product_attention(*parts, near, dropout_p=dropout, scale=scaling))
    return torch.cat(found, dim=2)


def outside(length: int, reach: int, device: torch.device) -> Tensor:
    """Return a bias ``[1, length, length]`` that is -inf where places are too far apart."""
    places = torch.arange(length, device=device)
    far = (places[:, None] - places).abs() > reach
    return torch.zeros_like(far, dtype=torch.float).masked_fill(far, float("-inf")).unsqueeze(0)
