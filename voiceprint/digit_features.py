"""What do the digit nets hear? The telephone part of the filter banks, above a floor of noise."""

import numpy as np
from numpy.typing import NDArray

from veridical.voiceprint.fbank import band_centres_hz

__all__ = ["DIGIT_BANDS", "digit_features", "normalise_power"]

DIGIT_BANDS = int(np.searchsorted(band_centres_hz(), 3_800.0))
"""Lowest bands, up to 3.8 kHz: what a telephone carries too."""
FLOOR = np.float32(0.01)
"""Noise added to each band, as a share of its mean power: digital silence is strange to the net."""


def digit_features(fbank: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features of one utterance.

    Args:
        fbank: (frames, 80) float32 log mel powers of at least one frame.

    Returns:
        (frames, DIGIT_BANDS) float32, every band of mean 0, all together of deviation 1.
    """
    return normalise_power(np.exp(fbank[:, :DIGIT_BANDS]))


def normalise_power(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same of mel powers, (frames, DIGIT_BANDS); training makes its own."""
    level = np.log(power + FLOOR * power.mean(axis=0) + np.float32(1e-9))
    level -= level.mean(axis=0)
    return np.asarray(level / (level.std() + np.float32(1e-3)), np.float32)
