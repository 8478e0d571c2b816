"""Matryoshka over layers: early layers, cut short, are to be embeddings too."""

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from sentemb.encoders.hooks import name_of
from sentemb.encoders.packed import can_be_packed, stack_of
from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.heads import width
from sentemb.twins.twin import EncoderTwin, need_views_of_pairs, paired
from sentemb.types import Features
from sentemb.values import is_whole
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Size = tuple[int, int]
"""A layer, counted from 1, and the first dimensions of its mean that are an embedding."""


class Layered(EncoderTwin):
    r"""Embed each view at several sizes: the mean of the tokens of a layer, its first dimensions.

    Each size has its own pairs, and the loss is the mean over them. `first_layers` cuts the
    trained encoder to a size.

    Args:
        encoder: What is deployed; ends in mean pooling. Its config then has the transformer give
            all layers, which `first_layers` takes back.
        sizes: The last one is to be the whole encoder.

    Raises:
        UsageError: When the encoder ends otherwise, or a size is none of it.

    Source: Zhuang et al., 2024, Starbucks (arXiv:2410.13230), whose pairs of layer and width are
        fixed; Li et al., 2024, 2D Matryoshka (arXiv:2402.14776).
    """

    takes_hard_negatives: ClassVar[bool] = True

    def __init__(self, encoder: "SentenceTransformer", sizes: Sequence[Size]) -> None:
        transformer: Any = encoder[0]
        layers, dim = transformer.config.num_hidden_layers, width(encoder)
        _need_mean(encoder)
        wrong = [size for size in sizes if not (_within(size[0], layers) and _within(size[1], dim))]
        if wrong or not sizes or tuple(sizes[-1]) != (layers, dim):
            raise UsageError(
                f"sizes are layers of {layers} with dimensions of {dim}, the last of them "
                f"({layers}, {dim}); got {[*sizes]!r}."
            )
        transformer.config.output_hidden_states = True
        super().__init__(encoder, MeansOfLayers(encoder[1], [layer for layer, _ in sizes]))
        self.sizes = tuple(sizes)

    def forward(
        self, features: Sequence[Features], views: Sequence[View] = ()
    ) -> tuple[Pairs, ...]:
        """Return the pairs of a batch of two or more views at each size, the whole one first.

        Raises:
            UsageError: When there are fewer views.
        """
        need_views_of_pairs(self, features)
        by_view = [view.chunk(len(self.sizes), dim=1) for view in self.embed(features, views)]
        by_size = zip(self.sizes, zip(*by_view, strict=True), strict=True)
        found = [paired([z[:, :dim] for z in some], features) for (_, dim), some in by_size]
        return tuple(reversed(found))

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f"sizes={self.sizes}"


class MeansOfLayers(nn.Module):
    """The mean of the tokens of several layers, one after the other.

    Args:
        mean: Pooling of one layer.
        layers: Which, counted from 1.
    """

    def __init__(self, mean: nn.Module, layers: Sequence[int]) -> None:
        super().__init__()
        self.mean = mean
        self.layers = tuple(layers)

    @property
    def include_prompt(self) -> bool:
        """Whether tokens of a prompt are pooled."""
        return bool(getattr(self.mean, "include_prompt", True))

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        """Return the features with ``sentence_embedding``, shape ``[rows, layers * dim]``."""
        hidden = features["all_layer_embeddings"]
        means = [
            self.mean({**features, "token_embeddings": hidden[layer]})["sentence_embedding"]
            for layer in self.layers
        ]
        return {**features, "sentence_embedding": torch.cat(means, dim=1)}


def fixed_sizes(layers: int, dim: int, count: int = 6) -> tuple[Size, ...]:
    """Return sizes: evenly spaced layers, each with half the dimensions of the next.

    All dimensions but the last are powers of two.

    Raises:
        UsageError: When the count is not positive.

    Source: Zhuang et al., 2024, Starbucks (arXiv:2410.13230).

    Example:
        >>> fixed_sizes(12, 768)
        ((2, 32), (4, 64), (6, 128), (8, 256), (10, 512), (12, 768))
    """
    if not (is_whole(count) and count >= 1):
        raise UsageError(f"sizes must be a whole number, 1 or more, got {count!r}.")
    count = min(count, layers)
    largest = 2 ** max(0, (dim - 1).bit_length() - 1)
    dims = [dim, *(max(1, largest >> step) for step in range(count - 1))]
    return tuple((layers * step // count, dims[count - step]) for step in range(1, count + 1))


WHOLE = ("albert", "modernbert")
"""Encoders whose layers are one, or end in a norm that those in the middle lack."""


def first_layers(encoder: "SentenceTransformer", layer: int, dim: int) -> "SentenceTransformer":
    """Return an encoder of its first layers, whose vectors are cut to their first dimensions.

    It is a plain model: ``save`` and sentence-transformers' own loading keep it.

    Args:
        encoder: Trained by `Layered`; it is left as it is.
        layer: How many layers are kept.
        dim: How many dimensions.

    Raises:
        UsageError: When the encoder does not end in mean pooling, or has fewer.

    Source: Zhuang et al., 2024, Starbucks (arXiv:2410.13230).
    """
    _need_mean(encoder)
    config: Any = encoder[0].config
    if not (_within(layer, config.num_hidden_layers) and _within(dim, width(encoder))):
        raise UsageError(
            f"The encoder has {config.num_hidden_layers} layers and {width(encoder)} dimensions; "
            f"got {layer!r} and {dim!r}."
        )
    small = deepcopy(encoder)
    transformer: Any = small[0]
    stack: Any = stack_of(transformer.auto_model)
    stack.layer = stack.layer[:layer]
    transformer.config.num_hidden_layers = layer
    transformer.config.output_hidden_states = False
    small.truncate_dim = dim
    return small


def _within(number: object, most: int) -> bool:
    return is_whole(number) and 1 <= number <= most


def _need_mean(encoder: "SentenceTransformer") -> None:
    if len(encoder) != 2 or getattr(encoder[1], "pooling_mode", None) != "mean":
        raise UsageError(
            "Each layer is pooled by itself: take an encoder that ends in mean pooling "
            "(pooling mean)."
        )
    model: Any = getattr(encoder[0], "auto_model", None)
    if model is None or not can_be_packed(model) or model.config.model_type in WHOLE:
        raise UsageError(
            f"{name_of(encoder)} cannot be cut to its first layers: take BERT or a relative of it."
        )
