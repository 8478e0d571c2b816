"""Pictures and sounds in bytes, good ones and those that no command reads."""

import io
import struct
import zlib

import numpy as np
import pytest

RATE = 16_000
TONE = np.sin(np.arange(RATE // 8) * 0.4).astype(np.float32)


def png(size, colour, mode="RGB", kind="PNG"):
    """A picture of one colour."""
    file = io.BytesIO()
    pytest.importorskip("PIL.Image").new(mode, size, colour).save(file, kind)
    return file.getvalue()


def header_of(width, height):
    """A PNG that says how large it is, and holds nothing."""

    def chunk(name, data):
        whole = name + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def wav(samples, rate=RATE):
    """A sound in a file's bytes."""
    file = io.BytesIO()
    pytest.importorskip("soundfile").write(file, samples, rate, format="WAV")
    return file.getvalue()


def unreadable_picture(what):
    """A picture that every command refuses, and a word of why."""
    return {
        "damaged": (png((64, 64), (1, 2, 3))[:60], "damaged"),
        "of one pixel": (png((1, 1), (0, 0, 0)), "1 × 1 pixels"),
        "for a printer": (png((9, 9), (0, 0, 0, 0), "CMYK", "JPEG"), "CMYK"),
        "a bomb": (header_of(8000, 5000), "8,000 × 5,000 pixels"),
    }[what]


def unreadable_sound(what):
    """A sound that every command refuses, and a word of why."""
    return {
        "another rate": (wav(TONE, RATE // 2), "8,000 samples a second"),
        "stereo": (wav(np.stack([TONE, TONE], axis=1)), "2 channels"),
        "silence": (wav(np.zeros(RATE // 8, np.float32)), "nothing but silence"),
    }[what]
