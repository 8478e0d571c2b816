"""From the content of a row to what a tower reads, whatever the modality."""

import os
from typing import Any

from numpy.typing import NDArray

from sentemb.modalities.cells import Modality
from sentemb.modalities.picture_files import decode, require_pillow
from sentemb.modalities.sound_files import HEADS, fitted, log_mel, stored
from sentemb.modalities.towers import TowerConfig


def read_signal(content: str | os.PathLike[str] | bytes, config: TowerConfig) -> NDArray[Any]:
    """Return a file, or what is in it, as a tower takes it.

    Raises:
        InputError: Says what is wrong with it.
    """
    if config.modality == "picture":
        return decode(content, config.size)
    if isinstance(content, bytes) and not content.startswith(HEADS):
        return fitted(stored(content), config.size)
    return log_mel(content, config.size)


def require_reader(modality: Modality) -> None:
    """Raise unless what decodes a modality is installed."""
    if modality == "picture":
        require_pillow()
    # of sounds, soundfile is asked for by the first that is no log-mel
