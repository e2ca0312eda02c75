"""What does a speech net hear? Log mel filter banks as Kaldi computes them."""

from functools import cache

import numpy as np
from numpy.fft import rfft
from numpy.typing import NDArray

__all__ = ["BANDS", "HOP", "RATE_HZ", "WINDOW", "band_centres_hz", "filter_banks", "frame_count"]

RATE_HZ = 16_000
WINDOW = 400
"""Samples of one frame: 25 ms."""
HOP = 160
"""Samples from one frame to the next: 10 ms."""
BANDS = 80
FFT = 512
LOWEST_HZ = 20.0
PRE_EMPHASIS = 0.97
FLOOR = np.float32(1.1920929e-07)
"""Smallest power, Kaldi's: the float32 epsilon."""


def frame_count(samples: int) -> int:
    """Whole frames in so many samples; a frame never reaches beyond the end."""
    return 0 if samples < WINDOW else 1 + (samples - WINDOW) // HOP


def filter_banks(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log mel powers of every frame; nothing is normalised yet.

    Frames of 25 ms every 10 ms, mean removed, pre-emphasis 0.97 (the first sample against itself),
    Povey window, 512-point power spectrum, 80 triangles from 20 Hz to 8 kHz, natural logarithm.

    Args:
        samples: (n,) float32 at 16 kHz, nominally -1..1.

    Returns:
        (frames, 80) float32; no rows for less than 25 ms.

    Source: Kaldi, `feature-window.cc` and `mel-computations.cc`, without dither.
    """
    count = frame_count(len(samples))
    if not count:
        return np.zeros((0, BANDS), np.float32)
    view = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    frames = view - view.mean(axis=1, keepdims=True)
    emphasised = np.empty_like(frames)
    emphasised[:, 1:] = frames[:, 1:] - np.float32(PRE_EMPHASIS) * frames[:, :-1]
    emphasised[:, 0] = frames[:, 0] * np.float32(1 - PRE_EMPHASIS)
    emphasised *= _povey_window()
    spectrum = np.asarray(rfft(emphasised, FFT, axis=1), np.complex64)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel = power[:, : FFT // 2] @ _triangles()
    return np.asarray(np.log(np.maximum(mel, FLOOR)), np.float32)


def band_centres_hz() -> NDArray[np.float64]:
    """(80,) centre frequency of each band."""
    edges = np.linspace(_mel(LOWEST_HZ), _mel(RATE_HZ / 2), BANDS + 2)
    return 700.0 * np.expm1(edges[1:-1] / 1127.0)


def _mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64] | float:
    """Kaldi's mel scale."""
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


@cache
def _povey_window() -> NDArray[np.float32]:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))
    return np.asarray(hann**0.85, np.float32)


@cache
def _triangles() -> NDArray[np.float32]:
    """(256, 80) float32: triangles straight on the mel scale; the Nyquist bin has no weight."""
    edges = np.linspace(_mel(LOWEST_HZ), _mel(RATE_HZ / 2), BANDS + 2)
    bins = np.asarray(_mel(np.arange(FFT // 2) * RATE_HZ / FFT))[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)), np.float32)
