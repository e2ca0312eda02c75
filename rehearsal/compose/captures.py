"""What is done to a clip: lit as a screen would light it, or made an attack. All simulated."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.face.track import FaceTracker
from veridical.rehearsal.cuts import PUT_IN, interleaved
from veridical.rehearsal.relight import Lamp, relight
from veridical.types import Arrival, Audio, Box, Clip, Colours, Image

__all__ = [
    "arrivals_of",
    "beside_another",
    "dubbed",
    "known_places",
    "lit",
    "looped",
    "put_in",
    "random_places",
    "tinted",
]

SHARE = 0.08
"""Light of a white screen on the face by all other light there, in genuine rows."""
LAG_MS = (60.0, 250.0)
LATE_MS = 400.0
"""How long after its end a slice of a genuine recording is there."""
LOOP_S = 1.0


def lit(clip: Clip, colours: Colours, tracker: FaceTracker, chance: random.Random) -> Clip:
    """The clip as if a screen had shown the colours to the face."""
    # Every second frame: between them a face moves by less than its mesh is unsure of.
    half = Clip(clip.frames[::2], clip.times_ms[::2])
    meshes = [mesh for view in tracker(half) for mesh in (view.mesh, None)][: len(clip.frames)]
    return relight(clip, meshes, colours, Lamp(SHARE, lag_ms=chance.uniform(*LAG_MS)))


def tinted(clip: Clip, colours: Colours, chance: random.Random) -> Clip:
    """The whole picture tinted by the colours, by somebody who read them."""
    lamp = Lamp(SHARE, lag_ms=chance.uniform(*LAG_MS), even=True)
    return relight(clip, [None] * len(clip.frames), colours, lamp)


def arrivals_of(colours: Colours) -> tuple[Arrival, ...]:
    """Slices that came in time, one for every colour: what was told in steps."""
    ends = (*colours.starts_ms[1:], colours.end_ms)
    return tuple(Arrival(end, end + LATE_MS) for end in ends)


def known_places(count: int, most: int = PUT_IN) -> NDArray[np.intp]:
    """Evenly spread frames: where clips were looked at when the places were no secret."""
    return np.linspace(0, count - 1, most).astype(np.intp)


def random_places(count: int, chance: random.Random, most: int = PUT_IN) -> NDArray[np.intp]:
    """One frame in each of equal stretches."""
    edges = np.linspace(0, count, most + 1).astype(int)
    return np.array([chance.randrange(a, b) for a, b in pairwise(edges)], np.intp)


def put_in(
    clip: Clip, victim: Clip | Image, places: NDArray[np.intp], tracker: FaceTracker
) -> Clip:
    """Frames of a victim at places of a clip, face upon face."""
    still = victim if isinstance(victim, Image) else victim.frames[0]
    face, other = (_box(picture, tracker) for picture in (clip.frames[0], still))
    return interleaved(clip, victim, np.random.default_rng(0), face, other, places)


def dubbed(clip: Clip, sound: Audio) -> Clip:
    """A clip's pictures, back and forth as long as they are wanted, under another sound."""
    wanted = int(len(sound.samples) / sound.rate_hz * clip.fps)
    return _under(clip, _back_and_forth(len(clip.frames), wanted), sound)


def looped(clip: Clip, sound: Audio) -> Clip:
    """A second of a clip, over and over, under a sound."""
    step = max(2, int(LOOP_S * clip.fps))
    wanted = int(len(sound.samples) / sound.rate_hz * clip.fps)
    return _under(clip, [at % step for at in range(wanted)], sound)


def beside_another(clip: Clip, other: Clip) -> Clip:
    """Two people in one picture: the second beside the first, of the same height."""
    height = clip.frames[0].height
    frames = []
    for at, frame in enumerate(clip.frames):
        second = other.frames[at % len(other.frames)].pixels
        width = round(second.shape[1] * height / second.shape[0]) // 2 * 2
        small = cv2.resize(second, (width, height), interpolation=cv2.INTER_AREA)
        frames.append(Image(np.ascontiguousarray(np.hstack([frame.pixels, small]), np.uint8)))
    return replace(clip, frames=tuple(frames), ends=None)


def _back_and_forth(count: int, wanted: int) -> list[int]:
    there = [*range(count), *range(count - 2, 0, -1)]
    return [there[at % len(there)] for at in range(wanted)]


def _under(clip: Clip, chosen: Sequence[int], sound: Audio) -> Clip:
    times = np.arange(len(chosen), dtype=np.float64) * (1000 / clip.fps)
    return Clip(tuple(clip.frames[at] for at in chosen), times, sound)


def _box(picture: Image, tracker: FaceTracker) -> Box | None:
    (view,) = tracker(Clip((picture,), np.zeros(1)))
    return view.faces[0].box if view.faces else None
