"""A tower: a network from a row of another kind than text to a vector."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sentemb.errors import InputError, UsageError
from sentemb.modalities.cells import Modality
from sentemb.modalities.picture_views import PictureView
from sentemb.modalities.pretrained import Pretrained, described, size_of
from sentemb.modalities.sound_views import SoundView
from sentemb.modalities.tower_networks import CLASSES, GROUPS, SmallCNN, ViT
from sentemb.modalities.tower_poolings import AttentionPooling, Mean, MeanAndMax
from sentemb.storage import write_json
from sentemb.views import Draws

Network = Literal["cnn", "vit", "auto"]
TowerPooling = Literal["mean", "attention", "mean-max"]
CONFIG, WEIGHTS = "tower.json", "model.safetensors"


@dataclass(frozen=True)
class TowerConfig:
    """What a tower is; its folder has it as ``tower.json``.

    Args:
        modality: ``picture`` or ``sound``.
        network: ``cnn``, a small convolutional one, ``vit``, transformers' ``ViTModel``, or
            ``auto``, the model that ``model`` describes.
        size: Pixels a side of a picture; frames of a sound.
        stem: Pixels or frames a step of the first convolution of a ``cnn``.
        width: Channels of the first stage of a ``cnn``, dimensions of a ``vit``.
        depth: Stages of a ``cnn``, each of half the side and twice the channels of the one before;
            layers of a ``vit``.
        pooling: Of the places that the network gives: their ``mean``, ``mean-max``, that and their
            greatest values, or ``attention`` of learned queries.
        queries: Of the attention; their outputs are averaged.
        dim: Dimensions of the vectors.
        dropout: Before the projection.
        scale: What cosines were multiplied by at the end of training, 1/τ.
        model: Of ``auto``, as `sentemb.modalities.pretrained.described` returns it.

    Raises:
        UsageError: When a number is out of its range.
    """

    modality: Modality = "picture"
    network: Network = "cnn"
    size: int = 64
    stem: int = 2
    width: int = 32
    depth: int = 4
    pooling: TowerPooling = "mean"
    queries: int = 1
    dim: int = 128
    dropout: float = 0.0
    scale: float = 1.0
    model: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("size", "stem", "width", "depth", "queries", "dim"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} of a tower is 1 or more, got {getattr(self, name)!r}.")
        if self.width % GROUPS:
            raise UsageError(f"width of a tower is a multiple of {GROUPS}, got {self.width}.")
        if self.network == "cnn" and self.size < self.stem * 2 ** (self.depth - 1):
            raise UsageError(
                f"A cnn with a stem of {self.stem} and {self.depth} stages needs a size of "
                f"{self.stem * 2 ** (self.depth - 1)} or more, got {self.size}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a row as it is stored: pixels ``[size, size, 3]``, or bands by frames."""
        return (self.size, self.size, 3) if self.modality == "picture" else (BANDS, self.size)

    @property
    def dtype(self) -> type[np.generic]:
        """Of the numbers of a row as it is stored."""
        return np.uint8 if self.modality == "picture" else np.float16

    @property
    def channels(self) -> int:
        """Of the network's input."""
        return 3 if self.modality == "picture" else 1


BANDS = 64
"""Mel bands of a sound."""


class Tower(nn.Module):
    r"""A vector of length 1 of each row: a network, a pooling, a projection without bias.

    .. math:: z = W\,p(f(x)) / \lVert W\,p(f(x)) \rVert

    Args:
        config: What it is.
        view: How a row is seen in training; by default as `PictureView` or `SoundView` has it.
    """

    def __init__(self, config: TowerConfig, view: PictureView | SoundView | None = None) -> None:
        super().__init__()
        self.config = config
        default = PictureView() if config.modality == "picture" else SoundView()
        self.view = default if view is None else view
        self.network: SmallCNN | ViT | Pretrained = CLASSES[config.network](config)
        width = self.network.dim
        self.pooling: nn.Module
        if config.pooling == "attention":
            self.pooling = AttentionPooling(width, config.queries)
        else:
            self.pooling = Mean() if config.pooling == "mean" else MeanAndMax()
        self.dropout = nn.Dropout(config.dropout)
        self.projection = nn.Linear(width, config.dim, bias=False)

    def forward(self, rows: Tensor, draws: Draws | None = None) -> Tensor:
        """Return the vectors, ``[rows, dim]``, of length 1.

        Args:
            rows: As they are stored, ``[rows, *shape]``.
            draws: In training, of the rows; without them they are seen as they are.
        """
        return self.of_places(self.places(rows, draws))

    def places(self, rows: Tensor, draws: Draws | None = None) -> Tensor:
        """Return what the network makes of each place, ``[rows, places, width]``.

        Args:
            rows: As they are stored, ``[rows, *shape]``.
            draws: As of `forward`.
        """
        inputs = self.inputs(rows)
        if draws is not None:
            inputs = self.view(inputs, draws)
        inputs = 4 * inputs - 2 if self.config.modality == "picture" else inputs
        places: Tensor = self.network(inputs)
        return places

    def of_places(self, places: Tensor) -> Tensor:
        """Return the vectors of what `places` returned, ``[rows, dim]``, of length 1."""
        return F.normalize(self.projection(self.dropout(self.pooling(places))), dim=1)

    def inputs(self, rows: Tensor) -> Tensor:
        """Return rows as the network takes them, ``[rows, channels, height, width]``."""
        dtype = self.projection.weight.dtype
        if self.config.modality == "picture":
            return rows.permute(0, 3, 1, 2).to(dtype) / 255
        return (rows.to(dtype).unsqueeze(1) - SOUND_MEAN) / SOUND_DEVIATION

    def pretrained(self) -> list[nn.Parameter]:
        """Return the parameters of a network from a folder; none of another."""
        return list(self.network.parameters()) if isinstance(self.network, Pretrained) else []

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.projection.weight.device

    def save(self, folder: Path, scale: float = 1.0) -> None:
        """Write the folder that `load` reads: ``tower.json`` and ``model.safetensors``.

        Args:
            folder: Is made.
            scale: As of `TowerConfig`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / CONFIG, asdict(replace(self.config, scale=scale)))
        weights = {name: t.detach().cpu().contiguous() for name, t in self.state_dict().items()}
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; nothing in the folder is run.

        Raises:
            InputError: When it is not a tower's folder, or its weights do not fit.
        """
        try:
            given: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            tower = cls(TowerConfig(**given))
            tower.load_state_dict(load_file(folder / WEIGHTS))
        except Exception as error:  # a damaged folder raises whatever its parts raise
            said = " ".join(str(error).split())[:200]
            raise InputError(f"'{folder}' holds no tower: {said}") from error
        return tower.eval()


SOUND_MEAN, SOUND_DEVIATION = -2.4, 5.6
"""Of log-mels of speech, over all bands and frames."""


def tower_config(modality: Modality, network: str, size: int, **numbers: Any) -> TowerConfig:
    """Return the config of a tower of a named network, or of the model in a folder.

    Args:
        modality: What it reads.
        network: ``cnn``, ``vit``, or a folder of a model of transformers, or its hub id.
        size: Pixels a side, or frames; a model that takes one size alone has its own.
        numbers: Further arguments of `TowerConfig`.

    Raises:
        InputError: When there is no such model, or it reads something else.
    """
    if network in ("cnn", "vit"):
        return TowerConfig(modality, cast("Network", network), size, **numbers)
    known = described(network, modality, BANDS)
    of_any = {name: numbers[name] for name in ("pooling", "dim") if name in numbers}
    return TowerConfig(modality, "auto", size_of(known, size), model=known, **of_any)


def new_tower(
    config: TowerConfig, network: str, view: PictureView | SoundView | None = None
) -> Tower:
    """Return a tower to be trained, with the weights of a folder where its network is from one.

    Args:
        config: As `tower_config` returns it.
        network: As of `tower_config`.
        view: As of `Tower`.
    """
    if config.network != "auto":
        return Tower(config, view)
    try:
        tower = Tower(config, view)
    except InputError:
        raise
    except Exception as error:  # a model raises whatever its parts raise
        why = str(error).strip().partition("\n")[0]
        raise InputError(f"'{network}' does not work as a tower ({why}).") from error
    cast(Pretrained, tower.network).read(network)
    return tower
