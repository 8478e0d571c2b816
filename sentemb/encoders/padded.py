"""The stock forward of an encoder with its padding, without a look at the mask."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "sentemb_padded"
"""What transformers knows this attention by."""


def register() -> None:
    """Make this attention known to transformers: its own, and a mask that is always there."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def mask(**given: Any) -> Any:
        return sdpa_mask(**given | {"allow_is_bidirectional_skip": False})

    AttentionInterface.register(NAME, sdpa_attention_forward)
    AttentionMaskInterface.register(NAME, mask)


@contextmanager
def mask_unseen(model: "PreTrainedModel") -> Iterator[None]:
    """Have an encoder mask padding for a while whether there is any or not.

    transformers leaves a mask out that masks nothing, and waits for the device to know.

    Args:
        model: Left as it is unless its attention is torch's.
    """
    given = model.config._attn_implementation
    if given != "sdpa":
        yield
        return
    register()
    model.config._attn_implementation = NAME
    try:
        yield
    finally:
        model.config._attn_implementation = given
