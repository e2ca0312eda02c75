"""What does the sound of a clip say at the pace of its pictures?"""

import numpy as np
from numpy.typing import NDArray

from veridical.types import Audio

__all__ = ["BANDS", "RATE_HZ", "STEP_MS", "log_mel", "loudness"]

RATE_HZ = 16_000
BANDS = 32
STEP_MS = 10.0
WINDOW = 400
HOP = 160
SPECTRUM = 512
BAND_HZ = (60.0, 7600.0)
PRE_EMPHASIS = 0.97
FLOOR = 1e-7


def log_mel(audio: Audio) -> NDArray[np.float32]:
    """Log mel powers, every 10 ms, the first window centred on time zero.

    Args:
        audio: At 16 kHz, as the decoder gives it.

    Returns:
        (frames, 32) float32, natural log.

    Raises:
        ValueError: Another rate.
    """
    if audio.rate_hz != RATE_HZ:
        raise ValueError(f"16 kHz sound is wanted, got {audio.rate_hz} Hz")
    samples = audio.samples
    if not len(samples):
        return np.zeros((0, BANDS), np.float32)
    sharp = np.concatenate([samples[:1], samples[1:] - np.float32(PRE_EMPHASIS) * samples[:-1]])
    padded = np.pad(sharp, (WINDOW // 2, WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    frames = frames[: len(samples) // HOP + 1]
    spectrum = np.fft.rfft(frames * np.hamming(WINDOW).astype(np.float32), SPECTRUM)
    power = (np.abs(spectrum) ** 2).astype(np.float32)
    return np.asarray(np.log(power @ _BANK + np.float32(FLOOR)), np.float32)


def loudness(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the bands between 150 and 4000 Hz, where voiced speech lies: (frames,) float32."""
    return np.asarray(mel[:, 2:24].mean(1), np.float32)


def _bank() -> NDArray[np.float32]:
    """Triangles evenly spread in mel (S. Stevens et al., JASA 8, 1937): (257, 32)."""
    low, high = (1127 * np.log1p(hertz / 700) for hertz in BAND_HZ)
    edges = 700 * np.expm1(np.linspace(low, high, BANDS + 2) / 1127)
    bins = np.arange(SPECTRUM // 2 + 1) * RATE_HZ / SPECTRUM
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None), np.float32)


_BANK = _bank()
