"""A voice made by formulas, that reads English digits: for samples only, nobody's voice.

A train of pulses or noise goes through resonances that glide from sound to sound.

Source: D. Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67, 1980; formants of
the vowels after G. Peterson and H. Barney, JASA 24, 1952.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from veridical.types import Audio

__all__ = ["RATE_HZ", "read_digits", "spoken_ms"]

RATE_HZ = 16_000
STEP = 80
"""Samples of one step of 5 ms, in which nothing changes."""
GLIDE_STEPS = 9
BANDWIDTHS_HZ = (70.0, 100.0, 140.0, 250.0, 300.0)
HIGH_FORMANTS_HZ = (3500.0, 4500.0)
ROOM = 0.002


@dataclass(frozen=True, slots=True)
class _Sound:
    """One speech sound.

    Attributes:
        ms: Length.
        formants_hz: First three resonances.
        voice: Loudness of the voice, 0..1.
        noise: Loudness of the noise, 0..1.
        noise_hz: Where the noise lies; 0 sends it through the formants.
    """

    ms: float
    formants_hz: tuple[float, float, float]
    voice: float = 1.0
    noise: float = 0.0
    noise_hz: float = 0.0


_REST = (500.0, 1500.0, 2500.0)
_SOUNDS = {
    "i": _Sound(130, (280, 2250, 2950)),
    "I": _Sound(100, (400, 1950, 2550)),
    "e": _Sound(110, (540, 1800, 2480)),
    "^": _Sound(130, (640, 1190, 2390)),
    "@": _Sound(70, (500, 1400, 2450), 0.7),
    "a": _Sound(130, (730, 1120, 2440)),
    "E": _Sound(110, (470, 1950, 2600)),
    "o": _Sound(120, (560, 880, 2400)),
    "U": _Sound(110, (360, 900, 2240)),
    "u": _Sound(190, (310, 1000, 2240)),
    "O": _Sound(150, (560, 850, 2410)),
    "w": _Sound(70, (300, 620, 2200), 0.7),
    "r": _Sound(80, (400, 1200, 1600), 0.8),
    "n": _Sound(80, (260, 1600, 2500), 0.45),
    "v": _Sound(70, (250, 1100, 2100), 0.4, 0.05, 5500),
    "z": _Sound(90, (260, 1500, 2500), 0.35, 0.2, 5800),
    "f": _Sound(110, (350, 1100, 2100), 0.0, 0.1, 6500),
    "T": _Sound(100, (350, 1400, 2500), 0.0, 0.07, 6000),
    "s": _Sound(120, (350, 1600, 2500), 0.0, 0.35, 5600),
    "-": _Sound(50, _REST, 0.0),
    "t": _Sound(25, (400, 1700, 2600), 0.0, 0.5, 4200),
    "k": _Sound(25, (400, 1900, 2500), 0.0, 0.5, 2100),
    "h": _Sound(35, _REST, 0.0, 0.12),
}
_DIGITS = {
    "0": "ziroU", "1": "w^n", "2": "-thu", "3": "Tri", "4": "fOr",
    "5": "faIv", "6": "sI-ks", "7": "sev@n", "8": "EI-t", "9": "naIn",
}  # fmt: skip


def spoken_ms(digit: str) -> float:
    """How long the voice takes for one digit."""
    return sum(_SOUNDS[sound].ms for sound in _DIGITS[digit])


def read_digits(
    digits: str, onsets_ms: tuple[float, ...], length_ms: float, seed: int, pitch_hz: float = 118.0
) -> Audio:
    """Read digits aloud at given moments.

    Args:
        digits: Characters 0-9.
        onsets_ms: When each begins.
        length_ms: Of the whole sound.
        seed: Of the noises.
        pitch_hz: Of the voice.
    """
    random = np.random.default_rng(seed)
    whole = random.normal(0, ROOM, int(length_ms * RATE_HZ / 1000)).astype(np.float32)
    for digit, onset_ms in zip(digits, onsets_ms, strict=True):
        spoken = _say(_DIGITS[digit], pitch_hz * random.uniform(0.94, 1.06), random)
        start = int(onset_ms * RATE_HZ / 1000)
        room = whole[start : start + len(spoken)]
        room += spoken[: len(room)]
    return Audio(np.clip(whole, -1, 1), RATE_HZ)


def _say(sounds: str, pitch_hz: float, random: np.random.Generator) -> NDArray[np.float32]:
    """One word: its sounds in steps of 5 ms, gliding."""
    parts = [_SOUNDS[sound] for sound in sounds]
    steps = [max(1, round(part.ms * RATE_HZ / 1000 / STEP)) for part in parts]

    def track(values: list[float], glide: int) -> NDArray[np.float64]:
        held = np.repeat(values, steps)
        padded = np.pad(held, (glide // 2, glide // 2), mode="edge")
        return np.convolve(padded, np.full(glide, 1 / glide), "valid")

    formants = [track([part.formants_hz[k] for part in parts], GLIDE_STEPS) for k in range(3)]
    voice = track([part.voice for part in parts], 5)
    # A burst is sudden: noise starts and ends at once.
    noise = np.repeat([part.noise for part in parts], steps)
    noise_hz = np.repeat([part.noise_hz for part in parts], steps)
    count = len(voice)
    fall = np.linspace(1.08, 0.86, count)
    edge = np.minimum(1, np.minimum(np.arange(1, count + 1), np.arange(count, 0, -1)) / 4)
    resonances = [*formants, *(np.full(count, hz) for hz in HIGH_FORMANTS_HZ)]
    out = np.zeros((count, STEP))
    states = [np.zeros(2) for _ in resonances]
    tilt, hiss_state, phase = np.zeros(1), np.zeros(2), 0.0
    for step in range(count):
        phases = phase + np.cumsum(np.full(STEP, pitch_hz * fall[step] / RATE_HZ))
        pulses = np.diff(np.floor(phases), prepend=np.floor(phase))
        phase = float(phases[-1])
        breath = random.normal(0, 1, STEP)
        source, tilt = lfilter([1.0], [1.0, -0.9], pulses * voice[step], zi=tilt)
        through = noise[step] if noise_hz[step] == 0 else 0.0
        sound = source + (0.02 * voice[step] + through) * breath
        for number, track_hz in enumerate(resonances):
            sound, states[number] = _resonate(
                sound, track_hz[step], BANDWIDTHS_HZ[number], states[number]
            )
        hissed = 0.0 if noise_hz[step] == 0 else noise[step]
        hiss, hiss_state = _resonate(hissed * breath, noise_hz[step] or 5000.0, 1200.0, hiss_state)
        out[step] = edge[step] * (sound + 0.6 * hiss)
    flat = np.diff(out.ravel(), prepend=0.0) * 0.6 + out.ravel() * 0.4
    return np.asarray(0.35 * flat / max(float(np.abs(flat).max()), 1e-9), np.float32)


def _resonate(
    sound: NDArray[np.float64], hz: float, bandwidth_hz: float, state: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One resonance of unit gain at 0 Hz, going on from its state."""
    radius = np.exp(-np.pi * bandwidth_hz / RATE_HZ)
    back = [1.0, -2 * radius * np.cos(2 * np.pi * hz / RATE_HZ), radius**2]
    filtered, after = lfilter([sum(back)], back, sound, zi=state)
    return np.asarray(filtered), np.asarray(after)
