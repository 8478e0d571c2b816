"""Pictures: from a file, or its bytes, to pixels of one size."""

import hashlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError, UsageError, install_command

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 2**25
"""Of a picture, as its header says: 33.5 million, which take 100 MB in RGB."""
LEAST_SIDE = 4
"""In pixels; less shows nothing but a colour."""
GROUND = (255, 255, 255)
"""What a transparent picture stands on, and what fills a side that is too short: white."""

Pixels = NDArray[np.uint8]


def require_pillow() -> None:
    """Raise unless Pillow is installed.

    Raises:
        UsageError: Names the extra that brings it.
    """
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise UsageError(f"Pictures need Pillow: {install_command('vision')}.") from None


def decode(picture: str | os.PathLike[str] | bytes, size: int) -> Pixels:
    """Return a picture's pixels in RGB, ``[size, size, 3]``.

    The whole picture is scaled to fit, with its sides in proportion, and stands on white. A camera
    turned on its side is put right; of a moving picture the first frame is taken.

    Args:
        picture: A file, or what is in it: PNG, JPEG or WebP.
        size: Pixels a side.

    Raises:
        InputError: Says what is wrong with the picture; its size is judged before it is decoded.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        data = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read '{picture!s}' ({error.strerror})") from error
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            _check(image, size)
            image.load()
            turned = ImageOps.exif_transpose(_of_8_bits(image)).convert("RGBA")
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"more than {MOST_PIXELS:,} pixels: make it smaller") from error
    except UnidentifiedImageError as error:
        raise InputError(f"not a picture in {', '.join(FORMATS)}, or a damaged one") from error
    except Exception as error:  # Pillow raises whatever its decoders raise
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"a damaged picture ({said})") from error
    ground = Image.new("RGBA", turned.size, (*GROUND, 255))
    flat = Image.alpha_composite(ground, turned).convert("RGB")
    fitted = ImageOps.pad(flat, (size, size), Image.Resampling.BILINEAR, color=GROUND)
    return np.asarray(fitted, dtype=np.uint8)


def _of_8_bits(image: Any) -> Any:
    """Return a picture with grey values of 16 bits as one of 8: they would all be white."""
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))


def _check(image: Any, size: int) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{width:,} × {height:,} pixels; at most {MOST_PIXELS:,} are read: make it smaller"
        )
    if min(width, height) < LEAST_SIDE:
        raise InputError(f"{width} × {height} pixels; at least {LEAST_SIDE} a side are needed")
    if round(min(width, height) / max(width, height) * size) < 1:
        raise InputError(
            f"{width:,} × {height:,} pixels, too thin to be seen at {size}: crop it, or give a "
            "greater size"
        )
    if image.mode == "CMYK":
        raise InputError("in CMYK, the colours of a printer: save it in RGB")


def number_of_content(content: NDArray[Any]) -> int:
    """Return a number of 63 bits of what is decoded, equal for equal pictures or sounds."""
    given = np.ascontiguousarray(content)
    shape = repr((given.shape, given.dtype.str)).encode()
    digest = hashlib.blake2b(shape + given.tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
