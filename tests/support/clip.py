"""A small CLIP model in a folder, untrained."""

from pathlib import Path

import torch

from sentemb.methods import clip
from tests.support import encoders


def save_clip(folder: Path, scale: float = 20.0) -> Path:
    """Write the model, whose weights are the same every time, and return its folder."""
    torch.manual_seed(0)
    method = clip(encoders.mini(), size=8, width=8, depth=2, dim=12)
    method.encoder.save_pretrained(str(folder))
    method.twin.tower.save(folder / "picture", scale=scale)
    return folder
