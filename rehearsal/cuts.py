"""Attacks that join takes, put frames in, or hand a portrait in again: what binds a capture breaks.

Simulated, as everything in `simulate`: of a splice only the joints are like a real one's.
"""

from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from veridical.types import Audio, Box, Clip, Image

__all__ = ["interleaved", "portrait_as_selfie", "spliced"]

Pixels = NDArray[np.uint8]

PIECE_S = (0.35, 0.7)
"""Length of the pieces that a take is cut into: a spoken word."""
PUT_IN = 12
"""Frames of another person: as many as are looked at."""
WALL = (196, 188, 176)
AROUND = (1.2, 1.75)
"""Width and height of a head-and-shoulders picture, in heights of the face."""


def spliced(clip: Clip, rng: Generator) -> Clip:
    """The take's own pieces in another order, picture and sound together, under its time stamps."""
    lengths = rng.uniform(*PIECE_S, size=2 + int(clip.duration_ms / 1000 / PIECE_S[0]))
    cuts = np.searchsorted((clip.times_ms - clip.times_ms[0]) / 1000, np.cumsum(lengths))
    pieces = [piece for piece in np.split(np.arange(len(clip.frames)), cuts) if len(piece)]
    order = rng.permutation(len(pieces))
    if len(pieces) > 1 and (order == np.arange(len(pieces))).all():
        order = np.roll(order, 1)
    chosen = np.concatenate([pieces[i] for i in order])
    frames = tuple(clip.frames[i] for i in chosen)
    if clip.audio is None:
        return Clip(frames, clip.times_ms)
    # Each frame keeps the sound that lasted as long as it did.
    ends = np.append(clip.times_ms[1:], clip.times_ms[-1] + np.median(np.diff(clip.times_ms)))
    at = (np.stack([clip.times_ms, ends], 1) / 1000 * clip.audio.rate_hz).astype(int)
    at[0, 0] = 0
    sound = np.concatenate([clip.audio.samples[slice(*at[i])] for i in chosen])
    rest = clip.audio.samples[len(sound) :]
    return Clip(frames, clip.times_ms, Audio(np.concatenate([sound, rest]), clip.audio.rate_hz))


def interleaved(
    clip: Clip,
    other: Clip | Image,
    rng: Generator,
    face: Box | None = None,
    other_face: Box | None = None,
    places: NDArray[np.intp] | None = None,
) -> Clip:
    """Frames of another person at a dozen places of a clip.

    Args:
        clip: Whose sound and movement stay.
        other: The other person, moving or not.
        rng: Draws the places, one in each stretch of the clip, where none are given.
        face: Where the face is in the clip.
        other_face: Where it is in the other; with both, the faces are laid on each other.
        places: Indices of the frames that are replaced.
    """
    frames = list(clip.frames)
    if places is None:
        edges = np.linspace(0, len(frames), min(PUT_IN, len(frames)) + 1).astype(int)
        places = np.array([rng.integers(a, b) for a, b in pairwise(edges)])
    shown = (other,) if isinstance(other, Image) else other.frames
    for turn, place in enumerate(places):
        source = shown[turn * len(shown) // len(places)]
        frames[place] = Image(_fitted(source, frames[place], face, other_face))
    return Clip(tuple(frames), clip.times_ms, clip.audio)


def portrait_as_selfie(document: Image, face: Box | None, rng: Generator) -> Image:
    """A document's portrait cut out, enlarged, and put before a wall with a camera's noise.

    Args:
        document: Picture of the document.
        face: Where the portrait's face is; in the middle of the picture when None.
        rng: Draws noise and light.
    """
    face = face or Box(
        document.width * 0.35, document.height * 0.3, document.width * 0.65, document.height * 0.7
    )
    across, down = (round(face.height * share) for share in AROUND)
    x, y = face.centre
    left, top = max(0, round(x - across / 2)), max(0, round(y - down * 0.52))
    portrait = document.pixels[top : top + down, left : left + across]
    times = max(1.0, 480 / max(portrait.shape[:2]))
    big = cv2.resize(portrait, None, fx=times, fy=times, interpolation=cv2.INTER_LANCZOS4)
    height, width = big.shape[:2]
    wall = np.full((round(height * 1.5), round(width * 1.6), 3), WALL, np.float64)
    y0, x0 = (wall.shape[0] - height) // 2, (wall.shape[1] - width) // 2
    wall[y0 : y0 + height, x0 : x0 + width] = big
    left_light, right_light = rng.uniform(0.9, 1.1, 2)
    slope = np.linspace(left_light, right_light, wall.shape[1])[None, :, None]
    noisy = wall * slope + rng.normal(0, 2.0, wall.shape)
    return Image(np.clip(noisy + 0.5, 0, 255).astype(np.uint8))


def _fitted(source: Image, target: Image, face: Box | None, other_face: Box | None) -> Pixels:
    """A picture in another's size, its face laid on the other's where both are known."""
    size = (target.width, target.height)
    if face is None or other_face is None:
        made = cv2.resize(source.pixels, size, interpolation=cv2.INTER_AREA)
        return np.asarray(made, np.uint8)
    scale = face.height / other_face.height
    (x, y), (other_x, other_y) = face.centre, other_face.centre
    place = np.array([[scale, 0, x - scale * other_x], [0, scale, y - scale * other_y]])
    moved = cv2.warpAffine(source.pixels, place, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
