"""What the two voice protocols share: sound files read, joined, and spoilt."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr
from numpy.random import Generator
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.media import read_audio
from veridical.rehearsal.simulate import Attack, simulate
from veridical.types import Audio

__all__ = ["DEGRADATIONS", "degraded", "joined", "read_at"]

RATE_HZ = 16000
DEGRADATIONS = ("none", "telephone", "noise")
NOISE_SNR_DB = 10.0
FADE_S = 0.015


def read_at(path: Path, rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """Samples of a file at one rate.

    Raises:
        InputError: The file cannot be read.
    """
    audio = read_audio(path)
    if audio.rate_hz == rate_hz:
        return audio.samples
    return np.asarray(soxr.resample(audio.samples, audio.rate_hz, rate_hz), dtype=np.float32)


def joined(
    pieces: Sequence[NDArray[np.float32]], pauses_s: Sequence[float], rate_hz: int = RATE_HZ
) -> Audio:
    """Pieces of sound in a row; neighbours fade into each other or into a pause.

    Args:
        pieces: Samples of each.
        pauses_s: Silence before each piece but the first; below zero they overlap.
        rate_hz: Of all pieces.
    """
    fade = int(FADE_S * rate_hz)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    places = [0]
    for piece, pause in zip(pieces, pauses_s, strict=False):
        places.append(max(0, places[-1] + len(piece) + int(pause * rate_hz)))
    end = max(place + len(piece) for place, piece in zip(places, pieces, strict=False))
    whole = np.zeros(end, dtype=np.float32)
    for place, piece in zip(places, pieces, strict=False):
        shaped = piece.copy()
        if len(piece) > 2 * fade:
            shaped[:fade] *= ramp
            shaped[-fade:] *= ramp[::-1]
        whole[place : place + len(shaped)] += shaped
    return Audio(whole, rate_hz)


def degraded(audio: Audio, how: str, rng: Generator) -> Audio:
    """Sound as a worse channel would carry it.

    Args:
        audio: The sound.
        how: `none`, `telephone` (G.711), or `noise` (pink, 10 dB below the speech).
        rng: Makes the noise.

    Raises:
        InputError: `usage.degrade`.
    """
    if how == "none":
        return audio
    if how == "telephone":
        return simulate(Attack.TELEPHONE, audio, 0)
    if how != "noise":
        raise InputError(
            f"a degradation is one of {', '.join(DEGRADATIONS)}, got {how!r}", "usage.degrade"
        )
    spectrum = np.fft.rfft(rng.normal(size=len(audio.samples)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, len(audio.samples))
    power = float(np.mean(audio.samples**2)) / 10 ** (NOISE_SNR_DB / 10)
    scaled = noise * np.sqrt(power / max(float(np.mean(noise**2)), 1e-12))
    return Audio((audio.samples + scaled).astype(np.float32), audio.rate_hz)
