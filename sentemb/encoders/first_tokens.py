"""The last layer of BERT for the first token of each sentence alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from sentemb.encoders.packing import Packing


def last_attention(stack: nn.Module) -> nn.Module | None:
    """Return the attention of the last layer where it is built as BERT's, else None."""
    layers: Any = getattr(stack, "layer", None)
    attention: nn.Module | None = getattr(layers[-1], "attention", None) if layers else None
    own_output = isinstance(getattr(attention, "output", None), nn.Module)
    return attention if own_output else None


@contextmanager
def first_tokens_last(attention: nn.Module) -> Iterator[None]:
    """Let the last layer's queries, residual and feed-forward be those of first tokens alone.

    Keys and values are of every token, so the first tokens' output is what it would have been.

    Args:
        attention: Of the last layer of a packed stack, as BERT's: attention, then ``output``, which
            adds the layer's input.
    """
    now = threading.local()  # which tokens are first, for the forward of this thread

    def ask_for_first(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        packing = next(x for x in (*args, *kwargs.values()) if isinstance(x, Packing))
        now.first = packing.first
        first_only = replace(packing, first_only=True)
        args = tuple(first_only if x is packing else x for x in args)
        return args, {k: first_only if x is packing else x for k, x in kwargs.items()}

    def first_rows(_module: nn.Module, args: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        return tuple(every.index_select(1, now.first) for every in args)

    output: Any = attention.output
    handles = (
        attention.register_forward_pre_hook(ask_for_first, with_kwargs=True),
        output.register_forward_pre_hook(first_rows),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
