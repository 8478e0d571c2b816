"""``hits.png``: texts of the dev rows, and beside each the pictures that are nearest to it."""

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np

from sentemb.evaluation.two_way_retrieval import Pairing, unit
from sentemb.modalities.captioned import PairedData, vectors_of
from sentemb.storage import claim, replaced
from sentemb.types import Encode

logger = logging.getLogger("sentemb")
HITS = "hits.png"
TEXTS, BEST = 12, 6
SIDE, MARGIN, WIDTH = 72, 6, 330
RIGHT, OTHER = (20, 150, 60), (225, 225, 225)
"""Frames: of a picture that the text is of, and of any other."""


def leave_hits(folder: Path, kind: str, data: PairedData, tower: Any, encode: Encode) -> None:
    """Draw the first texts of the dev rows, none chosen, with their nearest pictures.

    Args:
        folder: Of the run.
        kind: Of the folder, as `sentemb.storage.owned.Owned` has it.
        data: Dev rows of pictures.
        tower: Of the pictures.
        encode: Of the texts.
    """
    drawn = draw_hits(data, tower, encode)
    claim(folder, [HITS], kind)
    with replaced(folder / HITS) as file:
        file.write(drawn)
    logger.info("the first %d dev texts and their nearest pictures: %s", TEXTS, folder / HITS)


def draw_hits(data: PairedData, tower: Any, encode: Encode) -> bytes:
    """Return the picture as a PNG."""
    from PIL import Image, ImageDraw

    pairing = Pairing(data.rows["picture"][:], data.rows["text"][:])
    numbers, texts = pairing.distinct()
    _, answers = pairing.answers()
    signals = data.signals["picture"]
    pictures = vectors_of(tower, signals, numbers)
    shown = texts[:TEXTS]
    words = unit(np.asarray(encode(shown), dtype=np.float32))
    best = np.argsort(-(words @ pictures.T), axis=1, kind="stable")[:, :BEST]
    step = SIDE + MARGIN
    grid = Image.new("RGB", (WIDTH + step * BEST, step * len(shown)), (255, 255, 255))
    pen = ImageDraw.Draw(grid)
    for row, (text, hits) in enumerate(zip(shown, best.tolist(), strict=True)):
        pen.multiline_text((MARGIN, row * step + 8), _lines(text), fill=(30, 30, 30))
        for place, hit in enumerate(hits):
            pixels = signals.of([numbers[hit]])[0].numpy()
            picture = Image.fromarray(pixels).resize((SIDE - 6, SIDE - 6))
            left, top = WIDTH + place * step, row * step
            colour = RIGHT if hit in answers[row] else OTHER
            pen.rectangle((left, top, left + SIDE, top + SIDE), outline=colour, width=3)
            grid.paste(picture, (left + 3, top + 3))
    file = io.BytesIO()
    grid.save(file, "PNG")
    return file.getvalue()


def _lines(text: str, width: int = 50) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width)[:4])
