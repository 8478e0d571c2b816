"""Attention within each sentence of a packed batch on a GPU: one launch, whatever the lengths."""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from sentemb.encoders.packing import Packing


def attend_varlen(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, scaling: float | None
) -> Tensor:
    """Attend by torch's attention for sequences of any length; in half precision, without dropout.

    Args and Returns: as `sentemb.encoders.packed_attention.attend`.
    """
    from torch.nn.attention import varlen

    total = packing.first.new_full((1,), len(packing.tokens))
    ends = torch.cat([packing.first, total]).int()
    longest = packing.runs[-1].length
    q, k, v = (tensor.transpose(0, 1).contiguous() for tensor in (query, key, value))
    attended = varlen.varlen_attn(q, k, v, ends, ends, longest, longest, scale=scaling)
    if not isinstance(attended, Tensor):
        raise TypeError(f"varlen_attn returned {type(attended).__name__}, not a tensor.")
    return attended


def attend_padded(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    packing: Packing,
    dropout: float,
    scaling: float | None,
    bias: Tensor | None,
) -> Tensor:
    """Attend over rows padded to the longest; the linear layers around it stay without padding.

    Args and Returns: as `sentemb.encoders.packed_attention.attend`.
    """
    real, where = packing.padded
    longest = packing.runs[-1].length
    shape = (query.shape[0], len(real) * longest, query.shape[2])
    q, k, v = (
        tensor.new_zeros(shape).index_copy(1, where, tensor).view(shape[0], -1, longest, shape[2])
        .transpose(0, 1)
        for tensor in (query, key, value)
    )  # fmt: skip
    mask = real[:, None, None, :]
    if bias is not None:
        mask = bias.to(q.dtype).masked_fill(~mask, float("-inf"))
    attended = scaled_dot_product_attention(q, k, v, mask, dropout_p=dropout, scale=scaling)
    return attended.transpose(1, 2).flatten(0, 1).index_select(0, where)
