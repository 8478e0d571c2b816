"""Networks of towers: from a row as a tower hands it on to the vectors of its places."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sentemb.modalities.pretrained import Pretrained

GROUPS = 8
"""Of channels that are normalised together: no row sees another's, whatever the batch."""


class SmallCNN(nn.Module):
    """Stages of residual blocks; each halves the side and doubles the channels, up to eight times.

    The bands of a sound are its channels, and convolutions go along the frames: a word may be
    spoken sooner or later, but not in other bands.

    Args:
        config: A `TowerConfig`; its ``modality``, ``stem``, ``width`` and ``depth`` are used.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.of_sounds = config.modality == "sound"
        channels, kernel = (config.shape[0], (1, 5)) if self.of_sounds else (3, (3, 3))
        widths = [config.width * 2 ** min(stage, 3) for stage in range(config.depth)]
        step, odd = config.stem, config.stem % 2
        self.stem = nn.Conv2d(
            channels,
            widths[0],
            moved(kernel, 2 * step + odd, 1),
            moved(kernel, step, 1),
            moved(kernel, step // 2 + odd, 0),
            bias=False,
        )
        stages = zip([widths[0], *widths[:-1]], widths, strict=True)
        self.blocks = nn.Sequential(
            *(
                Block(before, after, 1 if n == 0 else 2, kernel)
                for n, (before, after) in enumerate(stages)
            )
        )
        self.norm = nn.GroupNorm(GROUPS, widths[-1])
        self.dim = widths[-1]

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the places, ``[rows, places, dim]``."""
        if self.of_sounds:
            inputs = inputs.transpose(1, 2)
        x = self.norm(self.blocks(self.stem(inputs.contiguous(memory_format=torch.channels_last))))
        return F.relu(x).flatten(2).transpose(1, 2)


class Block(nn.Module):
    """Two convolutions beside a shortcut, normalised before each (He et al., 2016).

    Args:
        before: Channels in.
        after: Channels out.
        stride: Of the first convolution, and of the mean on the shortcut.
        kernel: Of both convolutions; nothing moves along a side of 1.
    """

    def __init__(self, before: int, after: int, stride: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        steps, padding = moved(kernel, stride, 1), (kernel[0] // 2, kernel[1] // 2)
        self.first_norm = nn.GroupNorm(GROUPS, before)
        self.first = nn.Conv2d(before, after, kernel, stride=steps, padding=padding, bias=False)
        self.second_norm = nn.GroupNorm(GROUPS, after)
        self.second = nn.Conv2d(after, after, kernel, padding=padding, bias=False)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(steps, ceil_mode=True), nn.Conv2d(before, after, 1, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return what comes out, ``[rows, after, height, width]``."""
        inner = self.first(F.relu(self.first_norm(x)))
        inner = self.second(F.relu(self.second_norm(inner)))
        added: Tensor = self.shortcut(x) + inner
        return added


def moved(kernel: tuple[int, int], number: int, still: int) -> tuple[int, int]:
    """Return a number for each side that a kernel moves along, and another for one of 1."""
    height, width = kernel
    return number if height > 1 else still, number if width > 1 else still


class ViT(nn.Module):
    """transformers' ``ViTModel`` over patches of an eighth of the side.

    Args:
        config: A `TowerConfig`; its ``width`` and ``depth`` are used; heads are 32 wide.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        from transformers import ViTConfig, ViTModel

        height, width = config.shape[:2]
        self.dim = config.width
        settings = ViTConfig(
            image_size=[height, width],
            patch_size=max(1, min(height, width) // 8),
            num_channels=config.channels,
            hidden_size=config.width,
            num_hidden_layers=config.depth,
            num_attention_heads=max(1, config.width // 32),
            intermediate_size=4 * config.width,
        )
        self.model = ViTModel(settings, add_pooling_layer=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the places, ``[rows, places, dim]``, the class token first."""
        places: Tensor = self.model(pixel_values=inputs).last_hidden_state
        return places


CLASSES: dict[str, type[SmallCNN | ViT | Pretrained]] = {
    "cnn": SmallCNN,
    "vit": ViT,
    "auto": Pretrained,
}
