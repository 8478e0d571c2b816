"""SimCLR on pictures, as its paper has it: a tower learns from two views of each, without texts."""

from collections.abc import Mapping
from typing import Any, Literal

import torch

from sentemb.losses import NTXent
from sentemb.method import Method
from sentemb.methods.network_options import require_read
from sentemb.methods.recipe import Recipe
from sentemb.modalities.picture_views import PictureView
from sentemb.modalities.tower_encoder import TowerEncoder, tower_to_start_from
from sentemb.modalities.towers import TowerConfig, TowerPooling, new_tower, tower_config
from sentemb.twins import TwoViews
from sentemb.twins.heads import between
from sentemb.values import require_default

PICTURE: Literal["picture"] = "picture"
NEW = "a new tower"
OF_TOWER = ("network", "size", "stem", "width", "depth", "tower_pooling", "dim")
"""Options that say what a new tower is."""


def simclr_pictures(
    encoder: TowerEncoder | None = None,
    temperature: float = 0.1,
    projection: int = 128,
    network: str = "cnn",
    size: int = 32,
    stem: int = 2,
    width: int = 32,
    depth: int = 3,
    tower_pooling: TowerPooling = "mean",
    dim: int = 128,
    crop: float = 0.5,
    outline: float = 0.0,
) -> Method:
    """SimCLR on pictures: two views of each through a tower and a projector of two layers.

    The model folder holds the tower alone, in ``picture``; it reads no texts.

    Args:
        encoder: A tower to continue with, whose network and sizes stay; by default a new one.
        temperature: τ; raising it weighs easy negatives more.
        projection: Dimensions that are contrasted.
        network: ``cnn``, ``vit``, transformers' ViT, or a folder of a model of transformers that
            reads pictures.
        size: Pixels a side that pictures are scaled to; a model that takes one size has its own.
        stem: Pixels, or frames, a step of the first convolution.
        width: Channels of the first stage of a ``cnn``, dimensions of a ``vit``.
        depth: Stages of a ``cnn``, layers of a ``vit``.
        tower_pooling: ``mean``, ``mean-max``, or ``attention`` of a learned query.
        dim: Dimensions of the vectors.
        crop: How much nearer or farther pictures are taken, as the logarithm of the factor.
        outline: Rate of pictures that are seen as outlines.

    Source: Chen et al., 2020, SimCLR (arXiv:2002.05709). Deviations: views are one affine map and
        one change of colours, without blur; the projector reads vectors of length 1.
    """
    view = PictureView(crop=crop, outline=outline)
    numbers: dict[str, Any] = {"stem": stem, "width": width, "depth": depth, "dim": dim}
    of_tower = {"network": network, "size": size, "tower_pooling": tower_pooling, **numbers}
    _require_read(of_tower, continued=encoder is not None)
    if encoder is None:
        config = tower_config(PICTURE, network, size, pooling=tower_pooling, **numbers)
        encoder = TowerEncoder(new_tower(config, network), NEW)
        encoder.to("cuda" if torch.cuda.is_available() else "cpu")
    encoder.tower.view = view
    dim = encoder.get_embedding_dimension()
    head = between(dim, dim, projection).to(encoder.device)
    return Method((), TwoViews(encoder, head), NTXent(temperature))


def pictures_of(model: object, options: Mapping[str, Any]) -> list[TowerConfig]:
    """Return the config of the tower, for how pictures are read."""
    start = tower_to_start_from(model)
    _require_read(options, continued=start is not None)
    if start is not None:
        return [start.tower.config]
    return [tower_config(PICTURE, options["network"], options["size"], depth=1)]


def _require_read(options: Mapping[str, Any], *, continued: bool) -> None:
    """Raise where an option of the tower has no effect, as of one that is there already."""
    require_read(simclr_pictures, options["network"], options)
    if continued:
        known = {name: options[name] for name in OF_TOWER}
        require_default(simclr_pictures, "with a tower of `model`, which stays what it is", **known)


SIMCLR_PICTURES = Recipe(
    simclr_pictures,
    citation="Chen et al., 2020, SimCLR (arXiv:2002.05709)",
    layouts=(("picture",),),
    bundled_data="pictures.parquet",
    beside="picture",
    towers_of=pictures_of,
    reads_texts=False,
    batch_size=64,
    learning_rate=2e-3,
    epochs=40,
    weight_decay=0.1,
    warmup=0.1,
)
