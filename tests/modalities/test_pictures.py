"""Pictures: what is read of them, and what is refused before it is decoded."""

import io

import numpy as np
import pytest

from sentemb.errors import InputError
from sentemb.modalities.picture_files import decode, number_of_content
from tests.support.signals import header_of

Image = pytest.importorskip("PIL.Image", reason="the vision extra is not installed")


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


RED = Image.new("RGB", (8, 8), (255, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_every_format_is_read(kind):
    pixels = decode(encoded(RED, kind), 8)
    assert pixels.shape == (8, 8, 3)
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() < 5


def test_a_picture_is_scaled_whole_and_stands_on_white(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(Image.new("RGB", (16, 8), (0, 0, 255))))
    pixels = decode(tmp_path / "a.png", 8)
    assert (pixels[0] == 255).all()
    assert (pixels[4] == [0, 0, 255]).all()
    clear = decode(encoded(Image.new("RGBA", (8, 8), (9, 9, 9, 0))), 8)
    assert (clear == 255).all()
    assert (decode(encoded(RED.convert("P")), 8) == [255, 0, 0]).all()


def test_the_thinnest_picture_is_a_line():
    assert (decode(encoded(Image.new("RGB", (63, 4))), 8) == 0).any()


def test_a_picture_on_its_side_is_put_right():
    image = Image.new("RGB", (8, 8), (255, 255, 255))
    image.paste((0, 0, 0), (0, 0, 8, 4))
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    assert (decode(encoded(image, exif=turned), 8)[7] == 0).all()


NOISE = Image.effect_noise((64, 64), 50)
WRONG = {
    "damaged": (encoded(NOISE)[:2000], "a damaged picture"),
    "damaged at its beginning": (encoded(RED)[:40], "damaged"),
    "no picture": (b"a text", "not a picture"),
    "gif": (encoded(RED, "GIF"), "not a picture in PNG"),
    "of one pixel": (encoded(Image.new("RGB", (1, 1))), "1 × 1 pixels"),
    "thin": (encoded(Image.new("RGB", (4, 70))), "4 × 70 pixels, too thin to be seen at 8"),
    "for a printer": (encoded(Image.new("CMYK", (8, 8)), "JPEG"), "CMYK"),
    "of 40 million pixels": (header_of(8000, 5000), "8,000 × 5,000 pixels"),
    "of a thousand times as many": (header_of(200_000, 200_000), "pixels"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_read_says_why(what):
    content, words = WRONG[what]
    with pytest.raises(InputError, match=words):
        decode(content, 8)


def test_a_bomb_is_refused_by_its_header(monkeypatch):
    def load(_):
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(InputError, match="at most"):
        decode(header_of(8000, 5000), 8)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.png"):
        decode(tmp_path / "none.png", 8)


def test_equal_pixels_have_one_number_and_others_another():
    red, blue = decode(encoded(RED), 8), decode(encoded(Image.new("RGB", (8, 8), (0, 0, 255))), 8)
    again = decode(encoded(RED, "WEBP", lossless=True), 8)
    assert number_of_content(red) == number_of_content(again) != number_of_content(blue)
    assert 0 <= number_of_content(red) < 2**63


def test_grey_values_of_16_bits_keep_their_order():
    grey = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    assert np.abs(decode(file.getvalue(), 8)[..., 0].astype(int) - (grey >> 8)).max() <= 1
