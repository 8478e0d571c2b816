"""Thumbnails: small pictures of pictures, for a page that holds them all."""

import io
from pathlib import Path

from sentemb.datasets.source import Source
from sentemb.modalities.cells import naming
from sentemb.modalities.picture_files import decode
from sentemb.modalities.signal_rows import signal_rows

MOST_BYTES = 7_000_000
"""Of all thumbnails together. A page holds them as letters, four for three bytes."""
BYTES_A_PIXEL = 1.0
"""Of noise, which nothing compresses; photographs and drawings take less."""
LEAST, MOST = 16, 128
"""Pixels a side."""


def side_of(count: int) -> int:
    """Return the side of each of so many thumbnails, in pixels: the more, the smaller.

    Example:
        >>> side_of(10), side_of(2_000), side_of(100_000)
        (128, 59, 16)
    """
    fits = (MOST_BYTES / (BYTES_A_PIXEL * max(count, 1))) ** 0.5
    return min(MOST, max(LEAST, int(fits)))


def thumbnails(source: Source, count: int, column: str | None = None) -> list[bytes]:
    """Return each picture of a folder or a table as a small square WebP, on white.

    Args:
        source: As `signal_rows` takes it, in whose order they come.
        count: How many pictures it holds.
        column: Of a table's pictures; None for the first of the usual names.

    Raises:
        InputError: When a picture cannot be read; names the row.
    """
    side, found = side_of(count), []
    for number, content, _ in signal_rows(source, "picture", column):
        with naming(source, number):
            found.append(thumbnail(content, side))
    return found


def thumbnail(content: Path | bytes, side: int) -> bytes:
    """Return a picture as a WebP of so many pixels a side.

    Args:
        content: A file, or what is in it.
        side: In pixels.

    Raises:
        InputError: Says what is wrong with the picture.
    """
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(decode(content, side)).save(file, "WEBP", quality=75)
    return file.getvalue()
