"""From the content of a row to what a tower reads, whatever the modality."""

import logging
import os
from typing import Any

from numpy.typing import NDArray

from sentemb.modalities.cells import Modality
from sentemb.modalities.picture_files import decode, require_pillow
from sentemb.modalities.sound_files import HEADS, HOP, RATE, fitted, mel_of, samples_of, stored
from sentemb.modalities.towers import TowerConfig

logger = logging.getLogger("sentemb")


def read_signal(
    content: str | os.PathLike[str] | bytes, config: TowerConfig, cut: list[bool] | None = None
) -> NDArray[Any]:
    """Return a file, or what is in it, as a tower takes it.

    Args:
        content: A file, or what is in it.
        config: Of the tower.
        cut: Gets whether it is a sound longer than the tower hears.

    Raises:
        InputError: Says what is wrong with it.
    """
    is_longer = False
    if config.modality == "picture":
        read: NDArray[Any] = decode(content, config.size)
    else:
        if isinstance(content, bytes) and not content.startswith(HEADS):
            mel = stored(content)
        else:
            samples, is_longer = samples_of(content)
            mel = mel_of(samples)
        read, is_longer = fitted(mel, config.size), is_longer or mel.shape[1] > config.size
    if cut is not None:
        cut.append(is_longer)
    return read


def warn_of_cut(source: object, rows: int, config: TowerConfig) -> None:
    """Warn of sounds that are longer than a tower hears.

    Args:
        source: They are from.
        rows: How many.
        config: Of the tower.
    """
    if rows:
        logger.warning(
            "%s: sounds that are longer than %.2f s, all that the tower hears, were cut: %s. To "
            "hear more, train it with more `frames`, of %s ms each.",
            *(source, config.size * HOP / RATE, f"{rows:,}", 1000 * HOP // RATE),
        )  # fmt: skip


def require_reader(modality: Modality) -> None:
    """Raise unless what decodes a modality is installed."""
    if modality == "picture":
        require_pillow()
    # of sounds, soundfile is asked for by the first that is no log-mel
