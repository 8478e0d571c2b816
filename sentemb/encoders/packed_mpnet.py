"""MPNet without padding: its attention is not pluggable, and adds a bias of positions."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor

from sentemb.encoders.packed_attention import attend
from sentemb.encoders.packing import Packing

Bias = Callable[[Tensor], Tensor]


@contextmanager
def mpnet_packed(stack: Any) -> Iterator[None]:
    """Let the layers of an MPNet attend within each sentence of a packed batch.

    Its stack computes the bias of positions over all packed tokens; here each layer computes it
    for the longest sentence instead.
    """
    bias: Bias = stack.compute_position_bias
    with ExitStack() as undo:
        stack.compute_position_bias = lambda _hidden: None
        undo.callback(delattr, stack, "compute_position_bias")
        for layer in stack.layer:
            attention = layer.attention.attn
            attention.forward = partial(_forward, attention, bias)
            undo.callback(delattr, attention, "forward")
        yield


def _forward(
    attention: Any, bias: Bias, hidden: Tensor, packing: Packing, *_args: object, **_kw: object
) -> tuple[Tensor]:
    """Query, key, value, attention with the bias, and the output's linear layer, as MPNet's."""
    heads: tuple[int, int] = (attention.num_attention_heads, attention.attention_head_size)
    q, k, v = (
        linear(hidden[0]).unflatten(1, heads).transpose(0, 1)
        for linear in (attention.q, attention.k, attention.v)
    )
    of_longest = bias(hidden[:, : packing.runs[-1].length])[0]
    dropout = attention.dropout.p if attention.training else 0.0
    attended = attend(q, k, v, packing, dropout, bias=of_longest)
    return (attention.o(attended.flatten(1)).unsqueeze(0),)
