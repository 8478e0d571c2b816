"""How many tokens an encoder has room for: its learned positions, where it has a table of them."""

from torch import nn

TABLES = ("embed_positions", "position_embedding", "position_embeddings", "positions_embed", "wpe")
"""What families of transformers call it. Relative and rotary positions have other names."""
OTHER_SENSES = ("vision", "visual", "image", "audio")


def places(model: nn.Module) -> int | None:
    """Return the most tokens that a model has positions for; None where it has no table of them.

    RoBERTa and its like begin counting behind the padding token's id, BART two places later, so
    their tables have rows that no token can take.
    """
    rooms = [
        module.num_embeddings - _unused(module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding)
        and name.rpartition(".")[2] in TABLES
        and not any(sense in name for sense in OTHER_SENSES)
    ]
    return min((room for room in rooms if room > 0), default=None)


def _unused(table: nn.Embedding) -> int:
    if table.padding_idx is not None:
        return table.padding_idx + 1
    return int(getattr(table, "offset", 0))
