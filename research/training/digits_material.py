"""Strings of digits as applicants say them: run into each other, in rooms, on lines, in noise.

Single digits of real speakers and digits cut out of sentences are joined; whole synthetic strings
come as they are. Everything is spoilt on the sound itself, since the net hears through an encoder
that knows real sound.
"""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from veridical.media import read_audio
from veridical.voiceprint.fbank import RATE_HZ

Sound = NDArray[np.float32]
LEAST_A_DIGIT = RATE_HZ // 10
"""Shorter sounds are failures of the synthesiser."""


@dataclass(frozen=True)
class Piece:
    """A sound, what is said in it, and, of a digit cut out of a sentence, where the digit lies."""

    sound: Sound
    digits: str
    bounds: tuple[int, int] | None = None


def read_pieces(path: Path) -> list[Piece]:
    """What `digits_synthesise.py` or `digits_grid.py` wrote."""
    data = np.load(path)
    pieces = [
        Piece(
            data[f"audio_{i}"].astype(np.float32) / 32768,
            str(digits),
            tuple(data["bounds"][i]) if "bounds" in data else None,
        )
        for i, digits in enumerate(data["digits"])
    ]
    return [piece for piece in pieces if len(piece.sound) > LEAST_A_DIGIT * len(piece.digits)]


def read_singles(index: Path, speakers: Sequence[str]) -> list[dict[str, list[Sound]]]:
    """Single digits by speaker and digit, only those that may train."""
    found: dict[str, dict[str, list[Sound]]] = {}
    with index.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["speaker"] in speakers and row["train_ok"] in ("yes", "share-alike"):
                sound = read_audio((index.parent / row["file"]).read_bytes()).samples
                found.setdefault(row["speaker"], {}).setdefault(row["digits"], []).append(sound)
    return list(found.values())


def of_one_speaker(pool: dict[str, list[Sound]], count: int, rng: random.Random) -> Piece:
    """A string joined of a speaker's single digits."""
    digits = [rng.choice(list(pool)) for _ in range(count)]
    sounds = [trimmed(rng.choice(pool[digit])) for digit in digits]
    return Piece(joined(sounds, rng, 0.04, 0.25, rng.random()), "".join(digits))


def of_sentences(pieces: Sequence[Piece], count: int, rng: random.Random) -> Piece:
    """A string of digits cut out of sentences, with up to 80 ms of their neighbours left on."""
    chosen = [rng.choice(pieces) for _ in range(count)]
    sounds = []
    for piece in chosen:
        first, last = piece.bounds or (0, len(piece.sound))
        before, after = (int(rng.uniform(0, 0.08) * RATE_HZ) for _ in range(2))
        sounds.append(piece.sound[max(0, first - before) : last + after])
    pausing = rng.choice((0.0, 0.0, rng.random()))
    return Piece(joined(sounds, rng, 0.03, 0.2, pausing), "".join(p.digits for p in chosen))


def trimmed(sound: Sound, floor_db: float = 35) -> Sound:
    """Without the silence at its ends."""
    power = np.convolve(sound**2, np.ones(320) / 320, "same")
    loud = np.flatnonzero(power > power.max() * 10 ** (-floor_db / 10))
    return sound[loud[0] : loud[-1] + 1] if len(loud) else sound


def joined(
    sounds: Sequence[Sound], rng: random.Random, overlap_s: float, pause_s: float, pausing: float
) -> Sound:
    """One after the other, of like loudness: faded into each other, or with pauses."""
    out = np.zeros(0, np.float32)
    for sound in sounds:
        level = np.sqrt((sound**2).mean()) + 1e-6
        sound = sound / level * np.float32(0.05 * 10 ** rng.uniform(-0.15, 0.15))
        if not len(out):
            out = sound
        elif rng.random() < pausing:
            pause = np.zeros(int(rng.uniform(0, pause_s) * RATE_HZ), np.float32)
            out = np.concatenate((out, pause, sound))
        else:
            size = int(rng.uniform(0.005, overlap_s) * RATE_HZ)
            size = min(size, len(out) // 3, len(sound) // 3)
            fade = np.linspace(0, 1, size, dtype=np.float32)
            shared = out[-size:] * (1 - fade) + sound[:size] * fade
            out = np.concatenate((out[:-size], shared, sound[size:]))
    return np.asarray(out, np.float32)


def spoilt(sound: Sound, rng: random.Random, noise: Generator) -> Sound:
    """Another tempo, a room, a telephone line, noise at 5 to 45 dB, another level, in silence."""
    if rng.random() < 0.5:
        steps = round(100 * rng.uniform(0.85, 1.2))
        sound = resample_poly(sound, 100, steps).astype(np.float32) if steps != 100 else sound
    if rng.random() < 0.35:
        sound = in_room(sound, noise)
    if rng.random() < 0.3:
        sound = on_line(sound)
    sound = in_noise(sound, rng.choice((rng.uniform(5, 20), rng.uniform(20, 45))), noise)
    around = [
        (noise.normal(size=int(rng.uniform(0.05, 0.5) * RATE_HZ)) * 1e-4).astype(np.float32)
        for _ in range(2)
    ]
    return np.concatenate((around[0], sound, around[1])) * np.float32(10 ** rng.uniform(-0.5, 0.5))


def in_room(sound: Sound, noise: Generator) -> Sound:
    """Reverberation of 0.15 to 0.6 s, a tenth to six tenths of the direct sound."""
    length = int(noise.uniform(0.15, 0.6) * RATE_HZ)
    tail = noise.normal(size=length) * np.exp(-6.9 * np.arange(length) / length)
    tail[0] = 0
    tail *= noise.uniform(0.1, 0.6) / np.sqrt((tail**2).sum())
    tail[0] = 1
    return np.asarray(fftconvolve(sound, tail)[: len(sound)], np.float32)


def on_line(sound: Sound) -> Sound:
    """300 to 3,400 Hz in 8 bits on a logarithmic scale (ITU-T G.711)."""
    band = butter(4, [300 / 4000, 3400 / 4000], "band", output="sos")
    narrow = sosfilt(band, resample_poly(sound, 1, 2))
    peak = np.abs(narrow).max() + 1e-9
    code = np.sign(narrow) * np.log1p(255 * np.abs(narrow) / peak) / np.log1p(255)
    code = np.round(code * 127) / 127
    heard = np.sign(code) * np.expm1(np.abs(code) * np.log1p(255)) / 255 * peak
    return np.asarray(resample_poly(heard, 2, 1), np.float32)


def in_noise(sound: Sound, below_db: float, noise: Generator) -> Sound:
    """White or pink noise, so far below the loud parts of the sound."""
    spectrum = np.fft.rfft(noise.normal(size=len(sound) + 4096))
    if noise.choice((0, 1)):
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    added = np.fft.irfft(spectrum)[: len(sound)]
    loud = np.abs(sound) > 0.05 * np.abs(sound).max()
    level = np.sqrt((sound[loud] ** 2).mean() + 1e-12)
    return (sound + added / added.std() * level * 10 ** (-below_db / 20)).astype(np.float32)
