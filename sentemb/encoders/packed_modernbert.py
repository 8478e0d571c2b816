"""ModernBERT without padding: rotary positions of each sentence, local and global layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from sentemb.encoders.packing import Packing


@contextmanager
def modernbert_packed(model: Any) -> Iterator[None]:
    """Run a ModernBERT's layers on the tokens of a batch alone, laid end to end.

    No module holds its layers alone, so its forward is replaced for a while: the same embeddings,
    layers and norm, in the same order. A token's position is its place in its sentence.

    Args:
        model: Whose attention is `sentemb.encoders.packed_attention`.
    """
    model.forward = forward_of(model)
    try:
        yield
    finally:
        del model.forward


def forward_of(model: Any) -> Any:
    """Return the forward of a model without padding."""
    from transformers.modeling_outputs import BaseModelOutput

    def forward(
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **_: object,
    ) -> BaseModelOutput:
        embedded = model.embeddings(input_ids=input_ids, inputs_embeds=inputs_embeds)
        if attention_mask is None:
            attention_mask = torch.ones(
                embedded.shape[:2], dtype=torch.bool, device=embedded.device
            )
        packing = Packing.of(attention_mask)
        states = [packing.pack(embedded)]
        places = packing.tokens.remainder(embedded.shape[1]).unsqueeze(0)
        positions = {
            kind: model.rotary_emb(states[0], places, kind)
            for kind in set(model.config.layer_types)
        }
        for layer in model.layers:
            rotated = positions[layer.attention_type]
            states.append(layer(states[-1], attention_mask=packing, position_embeddings=rotated))
        states[-1] = model.final_norm(states[-1])
        kept = states if model.config.output_hidden_states else []
        return BaseModelOutput(
            last_hidden_state=packing.unpack(states[-1]),
            hidden_states=tuple(map(packing.unpack, kept)) or None,
        )

    return forward
