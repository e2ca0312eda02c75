"""Media of every kind, spoilt at random."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from veridical.rehearsal.recording import write_audio, write_clip
from veridical.types import Audio, Clip, Image

__all__ = ["mutant", "seeds"]


def seeds(folder: Path) -> Mapping[str, list[bytes]]:
    """Small whole files: pictures, clips and sounds."""
    chance = np.random.default_rng(1)
    pixels = chance.integers(0, 255, (48, 64, 3), np.uint8)
    pictures = []
    for form in ("PNG", "JPEG", "WEBP"):
        stream = io.BytesIO()
        PIL.Image.fromarray(pixels).save(stream, form)
        pictures.append(stream.getvalue())
    sound = Audio((0.1 * chance.standard_normal(16_000)).astype(np.float32), 16_000)
    frames = tuple(Image(chance.integers(0, 255, (48, 64, 3), np.uint8)) for _ in range(12))
    clip = Clip(frames, np.arange(12, dtype=np.float64) * 33, sound)
    clips, sounds = [], []
    for suffix in ("mp4", "webm"):
        write_clip(folder / f"seed.{suffix}", clip, "test")
        clips.append((folder / f"seed.{suffix}").read_bytes())
    for suffix in ("wav", "flac"):
        write_audio(folder / f"seed.{suffix}", sound, "test")
        sounds.append((folder / f"seed.{suffix}").read_bytes())
    return {"picture": pictures, "clip": clips, "sound": sounds}


def mutant(whole: Mapping[str, list[bytes]], chance: np.random.Generator) -> tuple[str, bytes]:
    """One file of a random kind, spoilt in a random way; sometimes not at all."""
    kind = str(chance.choice(list(whole)))
    data = np.frombuffer(whole[kind][chance.integers(len(whole[kind]))], np.uint8).copy()
    ways = (_flip, _cut, _zero, _double, _head, lambda d, _: d)
    return kind, ways[chance.integers(len(ways))](data, chance).tobytes()


Bytes = NDArray[np.uint8]


def _flip(data: Bytes, chance: np.random.Generator) -> Bytes:
    places = chance.integers(0, len(data), int(chance.integers(1, 64)))
    data[places] ^= chance.integers(1, 256, len(places), np.uint8)
    return data


def _cut(data: Bytes, chance: np.random.Generator) -> Bytes:
    return data[: int(chance.integers(1, len(data)))]


def _zero(data: Bytes, chance: np.random.Generator) -> Bytes:
    start = int(chance.integers(0, len(data)))
    data[start : start + int(chance.integers(1, 4_000))] = 0
    return data


def _double(data: Bytes, chance: np.random.Generator) -> Bytes:
    start, end = sorted(int(place) for place in chance.integers(0, len(data), 2))
    return np.concatenate([data[:end], data[start:]])


def _head(data: Bytes, chance: np.random.Generator) -> Bytes:
    data[:64] = chance.integers(0, 256, min(64, len(data)), np.uint8)
    return data
