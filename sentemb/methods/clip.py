"""CLIP, SigLIP and LiT: a tower of pictures beside an encoder of texts."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from sentemb.encoders.linear import add_projection
from sentemb.errors import UsageError
from sentemb.losses import Loss, Sigmoid, SymmetricInfoNCE
from sentemb.method import Method
from sentemb.methods.network_options import is_from_folder, require_read
from sentemb.methods.recipe import Recipe
from sentemb.modalities.picture_views import PictureView
from sentemb.modalities.towers import Tower, TowerConfig, TowerPooling, new_tower, tower_config
from sentemb.twins import CrossModal
from sentemb.values import require_default, require_share
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Freeze = Literal["none", "text"]


def clip(
    encoder: "SentenceTransformer",
    columns: Sequence[str] = ("text",),
    temperature: float = 0.07,
    network: str = "cnn",
    size: int = 32,
    stem: int = 2,
    width: int = 32,
    depth: int = 3,
    tower_pooling: TowerPooling = "mean",
    dim: int = 128,
    freeze: Freeze = "none",
    text_rate: float = 0.15,
    outline: float = 0.0,
    control: bool = False,
) -> Method:
    """CLIP: pictures and texts find each other, both towers learn.

    The model folder is the encoder of texts, with its projection; ``picture`` in it is the tower.

    Args:
        encoder: Of the texts; it gets a projection without bias.
        columns: Of the texts; the pictures are beside them.
        temperature: τ at the start; it is learned, and stays between 0.01 and 1.
        network: Of the pictures: ``cnn``, ``vit``, transformers' ViT, or a folder of a model of
            transformers that reads pictures.
        size: Pixels a side that pictures are scaled to; a model that takes one size has its own.
        stem: Pixels, or frames, a step of the first convolution.
        width: Channels of the first stage of a ``cnn``, dimensions of a ``vit``.
        depth: Stages of a ``cnn``, layers of a ``vit``.
        tower_pooling: ``mean``, ``mean-max``, or ``attention`` of a learned query.
        dim: Dimensions of the vectors.
        freeze: ``text`` leaves the encoder of texts as it is.
        text_rate: Learning rate of its transformer, and of a network from a folder, as a share of
            the others'.
        outline: Rate of pictures that are seen as outlines in training.
        control: Whether texts are shuffled among the pictures, so that nothing is to be learned.

    Source: Radford et al., 2021, CLIP (arXiv:2103.00020).
    """
    _require_rate_read(network, freeze, text_rate)
    loss = SymmetricInfoNCE(temperature)
    new = tower_of_pictures(network, size, stem, width, depth, tower_pooling, dim, outline)
    return _method(encoder, columns, loss, dim, new, freeze, text_rate, control)


def siglip(
    encoder: "SentenceTransformer",
    columns: Sequence[str] = ("text",),
    temperature: float = 0.1,
    bias: float = -10.0,
    network: str = "cnn",
    size: int = 32,
    stem: int = 2,
    width: int = 32,
    depth: int = 3,
    tower_pooling: TowerPooling = "mean",
    dim: int = 128,
    freeze: Freeze = "none",
    text_rate: float = 0.15,
    outline: float = 0.0,
    control: bool = False,
) -> Method:
    """SigLIP: CLIP with a loss that judges every pair of picture and text alone.

    Args:
        encoder: As of `clip`.
        columns: As of `clip`.
        temperature: τ at the start; it is learned.
        bias: b at the start; it is learned, and begins so low that few pairs count as a match.
        network: Of the pictures: ``cnn``, ``vit``, transformers' ViT, or a folder of a model of
            transformers that reads pictures.
        size: Pixels a side that pictures are scaled to; a model that takes one size has its own.
        stem: Pixels, or frames, a step of the first convolution.
        width: Channels of the first stage of a ``cnn``, dimensions of a ``vit``.
        depth: Stages of a ``cnn``, layers of a ``vit``.
        tower_pooling: ``mean``, ``mean-max``, or ``attention`` of a learned query.
        dim: Dimensions of the vectors.
        freeze: ``text`` leaves the encoder of texts as it is.
        text_rate: Learning rate of its transformer, and of a network from a folder, as a share of
            the others'.
        outline: Rate of pictures that are seen as outlines in training.
        control: Whether texts are shuffled among the pictures, so that nothing is to be learned.

    Source: Zhai et al., 2023, SigLIP (arXiv:2303.15343).
    """
    _require_rate_read(network, freeze, text_rate)
    new = tower_of_pictures(network, size, stem, width, depth, tower_pooling, dim, outline)
    loss = Sigmoid(temperature, bias)
    return _method(encoder, columns, loss, dim, new, freeze, text_rate, control)


def lit(
    encoder: "SentenceTransformer",
    columns: Sequence[str] = ("text",),
    temperature: float = 0.07,
    network: str = "cnn",
    size: int = 32,
    stem: int = 2,
    width: int = 32,
    depth: int = 3,
    tower_pooling: TowerPooling = "mean",
    outline: float = 0.0,
    control: bool = False,
) -> Method:
    """LiT the other way round: the encoder of texts is frozen, pictures learn to be where it is.

    The vectors have the width of the encoder, which gets no projection.

    Args:
        encoder: Of the texts; it stays as it is.
        columns: As of `clip`.
        temperature: τ at the start; it is learned, and stays between 0.01 and 1.
        network: Of the pictures: ``cnn``, ``vit``, transformers' ViT, or a folder of a model of
            transformers that reads pictures.
        size: Pixels a side that pictures are scaled to; a model that takes one size has its own.
        stem: Pixels, or frames, a step of the first convolution.
        width: Channels of the first stage of a ``cnn``, dimensions of a ``vit``.
        depth: Stages of a ``cnn``, layers of a ``vit``.
        tower_pooling: ``mean``, ``mean-max``, or ``attention`` of a learned query.
        outline: Rate of pictures that are seen as outlines in training.
        control: Whether texts are shuffled among the pictures, so that nothing is to be learned.

    Source: Zhai et al., 2022, LiT (arXiv:2111.07991), which freezes the pictures' tower.
    """
    loss = SymmetricInfoNCE(temperature)
    dim = int(encoder.get_embedding_dimension() or 1)
    new = tower_of_pictures(network, size, stem, width, depth, tower_pooling, dim, outline)
    return _method(encoder, columns, loss, dim, new, "text", 1.0, control)


def pictures_of(_model: object, options: Mapping[str, Any]) -> list[TowerConfig]:
    """Return the config of the tower of pictures, for how they are read."""
    require_read(clip, options["network"], options)
    return [tower_config("picture", options["network"], options["size"], depth=1)]


def tower_of_pictures(
    network: str,
    size: int,
    stem: int,
    width: int,
    depth: int,
    pooling: TowerPooling,
    dim: int,
    outline: float,
) -> Callable[[], Tower]:
    """Return what makes the tower of pictures, once its options are known to be allowed."""
    numbers: dict[str, Any] = {"stem": stem, "width": width, "depth": depth, "dim": dim}
    require_read(clip, network, numbers)
    config = tower_config("picture", network, size, pooling=pooling, **numbers)
    return partial(new_tower, config, network, PictureView(outline=outline))


def _require_rate_read(network: str, freeze: str, text_rate: float) -> None:
    """Raise where a learning rate is given to what was pretrained, and all of that is frozen."""
    if freeze == "text" and not is_from_folder(network):
        require_default(clip, f"with frozen texts and network {network}", text_rate=text_rate)


def _method(
    encoder: "SentenceTransformer",
    columns: Sequence[str],
    loss: Loss,
    dim: int,
    new: Callable[[], Tower],
    freeze: str,
    text_rate: float,
    control: bool,
) -> Method:
    """Put a tower beside an encoder; a frozen one has no projection, so their widths must agree."""
    if freeze not in ("none", "text"):
        raise UsageError(f"freeze must be none or text, got {freeze!r}.")
    require_share(text_rate=text_rate)
    if freeze == "none":
        add_projection(encoder, dim)
    elif (width := encoder.get_embedding_dimension()) != dim:
        raise UsageError(
            f"A frozen encoder of texts has no projection: give `dim={width}`, its own width."
        )
    twin = CrossModal(encoder, new(), "picture", freeze, text_rate, control)
    text = next((name for name in columns if name != "picture"), "text")
    return Method((View(text),), twin, loss)


CLIP = Recipe(
    clip,
    citation="Radford et al., 2021, CLIP (arXiv:2103.00020)",
    layouts=(("picture", "text"),),
    bundled_data="pictures.parquet",
    beside="picture",
    towers_of=pictures_of,
    batch_size=64,
    learning_rate=2e-3,
    epochs=40,
    weight_decay=0.1,
    warmup=0.1,
)
SIGLIP = Recipe(
    siglip,
    citation="Zhai et al., 2023, SigLIP (arXiv:2303.15343)",
    layouts=(("picture", "text"),),
    bundled_data="pictures.parquet",
    beside="picture",
    towers_of=pictures_of,
    batch_size=64,
    learning_rate=2e-3,
    epochs=40,
    weight_decay=0.1,
    warmup=0.1,
)
LIT = Recipe(
    lit,
    citation="Zhai et al., 2022, LiT (arXiv:2111.07991)",
    layouts=(("picture", "text"),),
    bundled_data="pictures.parquet",
    beside="picture",
    towers_of=pictures_of,
    batch_size=64,
    learning_rate=2e-3,
    epochs=40,
    weight_decay=0.1,
    warmup=0.1,
)
