"""What pictures does a model find? Twenty queries, written before any of their results were seen.

    python benchmarks/picture_queries.py runs/clip             docs/pictures/picture_queries.png
    python benchmarks/picture_queries.py runs/clip all.png     with the emoji, not to be shipped

Each query is a row of the picture, and beside it stand the six pictures nearest to it, whatever
they are: of the public-domain clip art in openclipart's dev rows, and, where another file is
named, of the emoji of a third artist. No row is left out. The emoji are OpenMoji's, under CC BY-SA
4.0, which is not this repository's licence: the picture in docs shows clip art alone. Pictures that
are given as examples are bundled ones, the first with that word in its caption; none of the
searched pictures is bundled. A few seconds of one core with a small tower.
"""

import re
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import DATA as SHARED
from common import data
from PIL import Image, ImageDraw, ImageFont

import sentemb
from sentemb.bundled import bundled
from sentemb.modalities.picture_files import decode
from sentemb.tasks.beyond_text import parts_of, query_vectors

QUERIES = (
    "a bird",
    "a red heart",
    "a smiling face",
    "a house with a garden",
    "fruit",
    "a musical instrument",
    "something to drink",
    "a ship at sea",
    "a computer",
    "winter",
    "image:cat",
    "image:tree",
    "image:car",
    "image:flower",
    "image:car + text:water",
    "image:house + text:snow",
    "image:flower - text:red",
    "text:a king - text:a man + text:a woman",
    "text:a sad face - text:sad + text:happy",
    "text:a dog - text:an animal + text:a toy",
)
BEST, SIDE, GAP, WORDS, HEAD = 6, 48, 4, 290, 22
PICTURE = Path(__file__).parents[1] / "docs/pictures/picture_queries.png"
INK, PALE = (30, 30, 30), (225, 225, 225)


def collections(*, emoji: bool) -> dict[str, list[bytes]]:
    """Return the pictures that are searched, by what they are called."""
    art = rows_of(data("multimodal/openclipart/dev.parquet"))
    found = {"clip art": [row["image"] for row in art if row["licence"] == "CC-PD"]}
    if emoji:
        artist = rows_of(data("multimodal/emoji/emoji_dev_third_artist.parquet"))
        found["emoji by OpenMoji, CC BY-SA 4.0"] = [row["image"] for row in artist]
    return found


def rows_of(path: Path) -> list[dict]:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path).to_pylist()


def examples(folder: Path) -> dict[str, Path]:
    """Write the pictures that queries name, and return their files."""
    rows = rows_of(bundled("pictures.parquet"))
    words = {part.value for query in QUERIES for part in parts_of(query) if part.modality}
    files = {}
    for word in sorted(words):
        first = next(row for row in rows if re.search(rf"\b{word}\b", row["caption"]))
        files[word] = folder / f"{word}.png"
        files[word].write_bytes(first["image"])
    return files


def nearest(encoder: sentemb.Encoder, queries: list[str], pictures: list[bytes]) -> list[list[int]]:
    """Return the places of the pictures that are nearest to each query."""
    found = encoder.tower("picture").encode(pictures)
    words = query_vectors(queries, encoder, found.shape[1])
    return np.argsort(-(words @ found.T), axis=1, kind="stable")[:, :BEST].tolist()


def drawn(model: str, *, emoji: bool) -> Image.Image:
    """Return the picture: a row for each query, a block for each collection."""
    encoder, searched = sentemb.load(model), collections(emoji=emoji)
    with tempfile.TemporaryDirectory() as name:
        files = examples(Path(name))
        queries = [re.sub(r"image:(\w+)", lambda m: f"image:{files[m[1]]}", q) for q in QUERIES]
        hits = {of: nearest(encoder, queries, each) for of, each in searched.items()}
        given = {word: file.read_bytes() for word, file in files.items()}
    step, block = SIDE + GAP, BEST * (SIDE + GAP) + 3 * GAP
    size = WORDS + step + block * len(searched), HEAD + step * len(QUERIES)
    page = Image.new("RGB", size, (255, 255, 255))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(12)

    def put(picture: bytes, left: int, row: int) -> None:
        top = HEAD + row * step
        page.paste(Image.fromarray(decode(picture, SIDE)), (left, top))
        pen.rectangle((left - 1, top - 1, left + SIDE, top + SIDE), outline=PALE)

    for row, query in enumerate(QUERIES):
        pen.text((GAP, HEAD + row * step + SIDE // 3), query, fill=INK, font=font)
        for part in parts_of(query):
            if part.modality:
                put(given[part.value], WORDS, row)
    for place, (of, pictures) in enumerate(searched.items()):
        left = WORDS + step + 3 * GAP + place * block
        pen.text((left, GAP), of, fill=INK, font=font)
        for row, found in enumerate(hits[of]):
            for column, hit in enumerate(found):
                put(pictures[hit], left + column * step, row)
    return page


def main() -> None:
    model, *other = sys.argv[1:]
    path = Path(other[0]) if other else PICTURE
    page = drawn(model, emoji=bool(other))
    page.quantize(256, Image.Quantize.FASTOCTREE).save(path, optimize=True)
    print(path)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if not SHARED.exists():
        sys.exit(f"skipped: no {SHARED}")
    main()
