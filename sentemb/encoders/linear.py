"""A linear map at the end of an encoder, as stock modules."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sentemb.errors import InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def end_in_identity(encoder: "SentenceTransformer") -> None:
    r"""Add a linear layer L that changes nothing yet; it has no bias, and trains.

    The dot product of two embeddings is then :math:`x^\top A y` with :math:`A = L^\top L`.

    Args:
        encoder: Changed in place.

    Raises:
        InputError: When its vectors are cut on their way out, so that no module can follow.
    """
    append_linear(encoder, torch.eye(int(encoder.get_embedding_dimension() or 0)), None)


def append_linear(encoder: "SentenceTransformer", weight: Tensor, bias: Tensor | None) -> None:
    r"""Have an encoder's vectors mapped.

    .. math:: x \mapsto x W + b

    An encoder whose vectors have length 1 keeps that: a ``Normalize`` follows again.

    Args:
        encoder: Changed in place; gets a ``Dense`` without activation.
        weight: W, shape ``[dim, out]``.
        bias: b, shape ``[out]``; None for none.

    Raises:
        InputError: When its vectors are cut on their way out, so that no module can follow.
    """
    from sentence_transformers.base.modules import Dense
    from sentence_transformers.sentence_transformer.modules import Normalize

    if encoder.truncate_dim is not None:
        raise InputError(
            f"The model cuts its vectors to {encoder.truncate_dim} numbers behind its last module "
            "(truncate_dim); no module can follow: take it out of its config."
        )
    ends_in_unit_length = isinstance(encoder[-1], Normalize)
    dense = Dense(
        in_features=weight.shape[0],
        out_features=weight.shape[1],
        activation_function=nn.Identity(),
        init_weight=weight.T.float().contiguous(),
        bias=bias is not None,
        init_bias=None if bias is None else bias.float(),
    )
    encoder.append(dense.to(encoder.device))
    if ends_in_unit_length:
        encoder.append(Normalize())


def add_projection(encoder: "SentenceTransformer", dim: int) -> None:
    """Put a linear map without bias, and a scaling to length 1, behind an encoder's modules.

    The map begins as orthogonal as its shape allows, so that distances begin as they were.

    Args:
        encoder: Changed in place.
        dim: Dimensions of the vectors then.
    """
    from sentence_transformers.base.modules import Dense
    from sentence_transformers.sentence_transformer.modules import Normalize

    width = int(encoder.get_embedding_dimension() or 1)
    dense = Dense(width, dim, bias=False, activation_function=nn.Identity())
    nn.init.orthogonal_(dense.linear.weight)
    encoder.append(dense.to(encoder.device))
    encoder.append(Normalize())


def ends_in_unit_length(encoder: "SentenceTransformer", dim: int) -> bool:
    """Tell whether an encoder's vectors have so many dimensions, and length 1 by its modules."""
    from sentence_transformers.sentence_transformer.modules import Normalize

    return encoder.get_embedding_dimension() == dim and isinstance(encoder[-1], Normalize)
