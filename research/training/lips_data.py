"""Clips for the two lip trainings: loaded, varied, cut to one length."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

TRAITS, BANDS, FRAMES = 12, 32, 4
"""Lip traits, mel bands, and mel frames per place of 40 ms."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One clip.

    Attributes:
        speaker: Whose; nobody stands in training and test.
        text: What is said, empty when unknown.
        lips: (n, 12) float32.
        sound: (n, 128) float32, natural log powers.
    """

    speaker: str
    text: str
    lips: NDArray[np.float32]
    sound: NDArray[np.float32]


def load(index: Path, folder: Path) -> list[Sample]:
    """The clips of an index that may train what is shipped (`train_ok` is yes)."""
    found = []
    with index.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            path = folder / f"{Path(row['file']).stem}.npz"
            if row["train_ok"] == "yes" and path.exists():
                arrays = np.load(path)
                found.append(Sample(row["speaker"], row["text"], arrays["lips"], arrays["sound"]))
    return found


def standardise(x: torch.Tensor) -> torch.Tensor:
    """Mean 0 and standard deviation 1 over time, as the check does it."""
    return (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-3)


def change_speed(sample: Sample, factor: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lips and sound at another speed; the pitch stays, as the powers are only moved in time."""
    count = int(len(sample.lips) / factor)
    at = np.linspace(0, len(sample.lips) - 1, count)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(sample.lips) - 1)
    share = (at - low)[:, None].astype(np.float32)
    frames = sample.sound.reshape(-1, BANDS)
    at_frames = np.linspace(0, len(frames) - 1, count * FRAMES).round().astype(int)
    lips = sample.lips[low] * (1 - share) + sample.lips[high] * share
    return lips, frames[at_frames].reshape(count, FRAMES * BANDS)


def vary_lips(lips: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """Other faces and worse meshes: traits scaled, mixed, shaken and left out."""
    batch, places, _ = lips.shape
    lips = lips * (1 + 0.2 * torch.randn(batch, 1, TRAITS, generator=chance))
    shake = torch.rand(batch, 1, 1, generator=chance)
    lips = lips + 0.15 * shake * torch.randn(batch, places, TRAITS, generator=chance)
    lips = lips @ (torch.eye(TRAITS) + 0.1 * torch.randn(batch, TRAITS, TRAITS, generator=chance))
    if torch.rand(1, generator=chance) < 0.5:
        lips = lips * (torch.rand(batch, 1, TRAITS, generator=chance) > 0.1)
    return lips


def vary_sound(sound: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    """Other voices and rooms: bands moved (vocal tract), noise of any level and colour added."""
    batch, places, _ = sound.shape
    frames = sound.reshape(batch, places * FRAMES, BANDS)
    stretch = 1 + 0.03 * torch.randn(batch, 1, generator=chance)
    move = 4 * torch.rand(batch, 1, generator=chance) - 2
    at = torch.arange(BANDS)[None] * stretch + move
    low = at.floor().clamp(0, BANDS - 1).long()
    high = (low + 1).clamp(0, BANDS - 1)
    share = (at - low).clamp(0, 1)[:, None]
    shape = (-1, places * FRAMES, -1)
    frames = (
        torch.gather(frames, 2, low[:, None].expand(shape)) * (1 - share)
        + torch.gather(frames, 2, high[:, None].expand(shape)) * share
    )
    level = frames.amax((1, 2), keepdim=True) - 3 - 8 * torch.rand(batch, 1, 1, generator=chance)
    colour = 0.7 * torch.randn(batch, 1, BANDS, generator=chance)
    grain = 0.5 * torch.randn(batch, places * FRAMES, BANDS, generator=chance)
    noisy = torch.logaddexp(frames, level + colour + grain)
    add = torch.rand(batch, 1, 1, generator=chance) < 0.6
    return torch.where(add, noisy, frames).reshape(batch, places, FRAMES * BANDS)
