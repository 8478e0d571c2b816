"""Sounds: from a file, or its bytes, to a log-mel of one length."""

import io
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError, UsageError, install_command

RATE = 16_000
"""Samples a second, the only rate that is read."""
WINDOW, HOP, FFT = 640, 320, 1024
"""Samples: 40 ms, 20 ms, and what the window is filled up to."""
BANDS, LOWEST, HIGHEST = 64, 50.0, 7600.0
"""Of the mel filters, from and to so many hertz."""
FLOOR = 1e-6
SILENCE = float(np.log(FLOOR))
"""What a log-mel has where there is nothing, −13.8."""
TRIM = 1e-4
"""Power below the loudest window, −40 dB, at which the ends are cut off."""
HEADS = (b"RIFF", b"fLaC")
"""What the bytes of wav and flac begin with."""
LONGEST = RATE * 60
"""Samples that are read, a minute; what a tower hears of it is shorter."""

Samples = NDArray[np.float32]
LogMel = NDArray[np.float16]


def require_soundfile() -> None:
    """Raise unless soundfile is installed.

    Raises:
        UsageError: Names the extra that brings it.
    """
    try:
        import soundfile  # noqa: F401
    except ImportError:
        raise UsageError(f"Sounds need soundfile: {install_command('audio')}.") from None


def samples_of(sound: str | os.PathLike[str] | bytes) -> tuple[Samples, bool]:
    """Return the first minute of a wav or flac file of one channel at 16 kHz, and if it is longer.

    Raises:
        InputError: When it is another rate, has several channels, holds nothing but silence, or
            cannot be read.
    """
    require_soundfile()
    import soundfile

    try:
        data = sound if isinstance(sound, bytes) else Path(sound).read_bytes()
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.samplerate != RATE:
                raise InputError(
                    f"{file.samplerate:,} samples a second; {RATE:,} are needed: convert it, as by "
                    f"`sox in.wav -r {RATE} out.wav`"
                )
            if file.channels != 1:
                raise InputError(
                    f"{file.channels} channels; one is needed: mix them, as by "
                    "`sox in.wav -c 1 out.wav`"
                )
            read: Samples = file.read(LONGEST, dtype="float32")
            is_longer = len(file.read(1)) > 0
    except OSError as error:
        raise InputError(f"cannot read '{sound!s}' ({error.strerror})") from error
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"not a sound in wav or flac, or a damaged one ({error.error_string})"
        ) from error
    if not np.isfinite(read).all():
        raise InputError("a sample is not a number")
    if not len(read) or float(np.abs(read).max()) < 1e-4:
        raise InputError("nothing but silence")
    return read, is_longer


def mel_of(samples: Samples) -> LogMel:
    r"""Return the log-mel of samples, ``[64, their frames]``.

    .. math:: \ln \max(M \lvert \mathrm{FFT}(w x) \rvert^2, 10^{-6})

    Ends 40 dB below the loudest window are cut off, and the peak is brought to 1; w is Hann's
    window, M has 64 triangles of height 1 that are even on HTK's mel scale. Rounded to 1/8.

    Args:
        samples: At 16 kHz.
    """
    x = np.asarray(samples, dtype=np.float64)
    x = x / np.abs(x).max()
    x = np.pad(x, (0, max(0, WINDOW - len(x))))
    window = np.hanning(WINDOW + 1)[:-1]
    starts = range(0, len(x) - WINDOW + 1, HOP)
    parts = np.stack([x[start : start + WINDOW] for start in starts])
    loud = np.square(parts).mean(axis=1)
    heard = np.flatnonzero(loud > TRIM * loud.max())
    parts = parts[heard[0] : heard[-1] + 1]
    power = np.abs(np.fft.rfft(parts * window, FFT, axis=1)) ** 2
    mel = np.log(np.maximum(power @ _filters().T, FLOOR)).T
    return (np.round(mel * 8) / 8).astype(np.float16)


def stored(content: bytes) -> LogMel:
    """Return a log-mel that is kept as bytes: 64 bands of numbers of 16 bits.

    Raises:
        InputError: When they are something else.
    """
    if not content or len(content) % (2 * BANDS):
        raise InputError(
            f"{len(content):,} bytes: neither a log-mel of {BANDS} bands in float16, nor a file"
        )
    mel: LogMel = np.frombuffer(content, np.dtype("<f2")).reshape(BANDS, -1)
    if not np.isfinite(mel).all():
        raise InputError("a number of the log-mel is not finite")
    if float(mel.max()) <= SILENCE + 1:
        raise InputError("nothing but silence")
    return mel


def fitted(mel: NDArray[Any], frames: int) -> LogMel:
    """Return a log-mel of so many frames: cut at its end, or with silence behind it."""
    cut = mel[:, :frames]
    rest = frames - cut.shape[1]
    padded: LogMel = np.pad(cut, ((0, 0), (0, rest)), constant_values=SILENCE).astype(np.float16)
    return padded


@cache
def _filters() -> NDArray[np.float64]:
    """Return the mel filters, ``[bands, frequencies]``."""

    def mel(hertz: Any) -> Any:
        return 2595 * np.log10(1 + np.asarray(hertz) / 700)

    edges = np.linspace(mel(LOWEST), mel(HIGHEST), BANDS + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    at = np.fft.rfftfreq(FFT, 1 / RATE)
    up = (at - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    down = (hertz[2:, None] - at) / (hertz[2:] - hertz[1:-1])[:, None]
    return np.clip(np.minimum(up, down), 0, None)
