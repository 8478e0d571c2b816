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

    ends = torch.cat([packing.first, packing.first.new_tensor([len(packing.tokens)])]).int()
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
    counts, lengths = (
        torch.tensor(x, device=query.device) for x in zip(*packing.runs, strict=True)
    )
    lengths = lengths.repeat_interleave(counts)
    longest = packing.runs[-1].length
    places = torch.arange(longest, device=query.device)
    real = places < lengths.unsqueeze(1)
    shape = (query.shape[0], len(lengths) * longest, query.shape[2])
    where = real.flatten().nonzero()[:, 0]
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
