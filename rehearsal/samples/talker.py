"""A photograph made to speak: six transactions that must not be accepted.

A stand-in for a talking head, made by the simplest means there are: the mouth of one still is
pulled open and shut by the visemes of the digits, the jaw follows, the head sways, and a voice made
by formulas reads. A real generator does it far better; what stops this one need not stop that one.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.liveness.challenge import PACES, draw_challenge
from veridical.liveness.lips.visemes import movement
from veridical.media import read_image
from veridical.models import SourceFile
from veridical.rehearsal.samples.build import PORTRAIT, Sample, sample_pictures
from veridical.rehearsal.samples.voice import read_digits, spoken_ms
from veridical.rehearsal.simulate import Attack, simulate
from veridical.types import Audio, Challenge, Clip, Image
from veridical.verification import Transaction

__all__ = ["POLICY", "build_talkers"]

POLICY = "demo-spoken"
SEED = 20261
FPS = 30.0
AFTER_MS = 900.0
DELAY_MS = 450.0
DELAY_SD_MS = 90.0

# In the photograph named `stranger`, whose lips are closed: left, top, right, bottom of the part
# that is shown, its reduction, and the corners of the mouth.
PART = (274, 60, 874, 860)
REDUCTION = 0.6
CORNERS = ((521.4, 459.0), (632.4, 476.0))
GAP = 0.42
"""Widest gap between the lips, in half widths of the mouth."""
LEAD_MS = 60.0
INSIDE = np.array([52, 22, 22], np.float32)
GRAINS = 24


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    """The still, and how the part about its mouth moves.

    Attributes:
        pixels: The whole still.
        place: Rows and columns of the part that moves.
        x: Column of each of its pixels.
        y: Row of each.
        axis: Direction from one corner of the mouth to the other.
        half: Half the width of the mouth.
        along: How far each pixel lies along that direction from the middle of the mouth.
        down: How far below the line where the lips meet.
        fall: How far it goes down when the lips part by 1.
        near: How far it goes with the corners.
        lips: Where lips can part, 0 or 1.
    """

    pixels: NDArray[np.uint8]
    place: tuple[slice, slice]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    axis: tuple[float, float]
    half: float
    along: NDArray[np.float32]
    down: NDArray[np.float32]
    fall: NDArray[np.float32]
    near: NDArray[np.float32]
    lips: NDArray[np.float32]


def build_talkers(fetch: Callable[[SourceFile], bytes]) -> tuple[Sample, ...]:
    """Make the six transactions.

    Args:
        fetch: Gives the bytes of a photograph.
    """
    pictures = sample_pictures()
    face = _face_of(read_image(fetch(pictures["stranger"])))
    left, top, right_edge, bottom = PORTRAIT
    other_person = Image(
        np.ascontiguousarray(
            read_image(fetch(pictures["reference"])).pixels[top:bottom, left:right_edge]
        )
    )
    chance = random.Random(SEED)  # noqa: S311
    asked = draw_challenge("en", pace=PACES["strict"], source=chance)
    other = draw_challenge("en", pace=PACES["strict"], source=chance)
    right = _onsets(asked, 1)
    late = _onsets(Challenge(asked.digits, "en", other.schedule_ms), 2)
    elsewhere = _onsets(other, 3)

    def sample(name: str, story: str, pictures: tuple[Image, ...], sound: Audio) -> Sample:
        clip = Clip(pictures, _times(len(pictures)), sound)
        transaction = Transaction(f"talker-{name}", clip=clip, challenge=asked)
        return Sample(f"talker-{name}", story, False, transaction, POLICY)

    def spoken(digits: str, onsets: tuple[float, ...], seed: int) -> Audio:
        return read_digits(digits, onsets, _length_ms(onsets), seed)

    def shown(
        digits: str, onsets: tuple[float, ...], until: tuple[float, ...]
    ) -> tuple[Image, ...]:
        return _animate(face, digits, onsets, _length_ms(until))

    said = spoken(asked.digits, right, 1)
    lips = shown(asked.digits, right, right)
    put_in = simulate(Attack.INTERLEAVE, Clip(lips, _times(len(lips))), SEED, other=other_person)
    return (
        sample(
            "right", "A talking still says the digits asked for, when they are shown.", lips, said
        ),
        sample(
            "wrong",
            "It says other digits.",
            shown(other.digits, right, right),
            spoken(other.digits, right, 2),
        ),
        sample(
            "dubbed",
            "Its lips say other digits at other times; the sound is right.",
            shown(other.digits, elsewhere, right),
            said,
        ),
        sample(
            "frozen", "The still does not move; the sound is right.", shown("", (), right), said
        ),
        sample(
            "old",
            "It says the right digits on the schedule of another day.",
            shown(asked.digits, late, late),
            spoken(asked.digits, late, 3),
        ),
        sample(
            "interleaved",
            "As the first, but a dozen of its frames show another person.",
            put_in.frames,
            said,
        ),
    )


def _onsets(challenge: Challenge, seed: int) -> tuple[float, ...]:
    """When a reader begins each digit."""
    chance = random.Random(seed)  # noqa: S311
    return tuple(t + max(150.0, chance.gauss(DELAY_MS, DELAY_SD_MS)) for t in challenge.schedule_ms)


def _length_ms(onsets: tuple[float, ...]) -> float:
    return onsets[-1] + AFTER_MS


def _times(count: int) -> NDArray[np.float64]:
    """Presentation times with the unrest of a camera's clock."""
    unrest = np.random.default_rng(SEED).normal(0, 1.5, count)
    times = np.sort(np.arange(count) * 1000 / FPS + np.clip(unrest, -5, 5))
    return np.asarray(times - times[0], np.float64)


def _face_of(photograph: Image) -> _Face:
    left, top, right, bottom = PART
    part = photograph.pixels[top:bottom, left:right]
    pixels = np.asarray(
        cv2.resize(part, None, fx=REDUCTION, fy=REDUCTION, interpolation=cv2.INTER_AREA), np.uint8
    )
    first, second = ((np.array(c) - (left, top)) * REDUCTION for c in CORNERS)
    middle, across = (first + second) / 2, second - first
    half = float(np.linalg.norm(across)) / 2
    axis = float(across[0]) / (2 * half), float(across[1]) / (2 * half)
    height, width = pixels.shape[:2]
    column, row = (int(v) for v in middle)
    rows = slice(max(0, row - int(2 * half)), min(height, row + int(5 * half)))
    columns = slice(max(0, column - int(4 * half)), min(width, column + int(4 * half)))
    y, x = np.mgrid[rows, columns].astype(np.float32)
    dx, dy = x - np.float32(middle[0]), y - np.float32(middle[1])
    along, down = dx * axis[0] + dy * axis[1], dy * axis[0] - dx * axis[1]
    u, v = along / half, down / half
    lips = np.where(np.abs(u) < 1, np.cos(u * np.pi / 2) ** 2, 0)
    jaw = np.exp(-((u / 1.9) ** 2)) * np.clip((4.2 - v) / 2, 0, 1)
    below = 0.45 * jaw + 0.55 * lips * np.clip(2.2 - v, 0, 1)
    above = -0.25 * lips * np.clip(1 + v, 0, 1)
    fall, near = np.where(v > 0, below, above), np.exp(-((u / 1.5) ** 2) - (v / 1.2) ** 2)
    return _Face(
        pixels, (rows, columns), x, y, axis, half,
        *(part.astype(np.float32) for part in (along, down, fall, near, lips > 0)),
    )  # fmt: skip


def _animate(
    face: _Face, digits: str, onsets: tuple[float, ...], length_ms: float
) -> tuple[Image, ...]:
    """Frames of the still speaking; without digits it stands still but for the sensor's noise."""
    chance = np.random.default_rng(SEED)
    grains = [chance.normal(0, 2.0, face.pixels.shape).astype(np.int8) for _ in range(GRAINS)]
    times = np.arange(0, length_ms, 1000 / FPS)
    shapes = _shapes(digits, onsets, times)
    frames = []
    for time_ms, shape in zip(times, shapes, strict=True):
        pixels = _sway(_mouth(face, *shape), time_ms / 1000) if digits else face.pixels
        grain = grains[int(chance.integers(GRAINS))]
        frames.append(Image(np.asarray(cv2.add(pixels, grain, dtype=cv2.CV_8U), np.uint8)))
    return tuple(frames)


def _shapes(
    digits: str, onsets: tuple[float, ...], times_ms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Opening 0..1, width and rounding -1..1 at each time: (n, 3)."""
    shapes = np.zeros((len(times_ms), 3))
    for digit, onset_ms in zip(digits, onsets, strict=True):
        path = movement(digit)
        path[1:-1, 0] = np.clip(0.4 + 0.5 * path[1:-1, 0], 0, 1)
        at = np.linspace(onset_ms - LEAD_MS, onset_ms + spoken_ms(digit) + LEAD_MS, len(path))
        now = (times_ms >= at[0]) & (times_ms <= at[-1])
        for column in range(3):
            shapes[now, column] = np.interp(times_ms[now], at, path[:, column])
    # Lips are slow: neighbouring sounds run into each other.
    soft = np.array([0.25, 0.5, 0.25])
    moved = [np.convolve(column, soft, "same") for column in shapes.T]
    return np.asarray(np.stack(moved, axis=1), np.float64)


def _mouth(face: _Face, opening: float, width: float, rounding: float) -> NDArray[np.uint8]:
    """Pull the lips apart, the jaw down and the corners in or out."""
    downwards = -np.float32(GAP * opening * face.half) * face.fall
    outwards = np.float32(0.22 * rounding - 0.10 * width) * face.near * face.along
    x = face.x + outwards * np.float32(face.axis[0]) - downwards * np.float32(face.axis[1])
    y = face.y + outwards * np.float32(face.axis[1]) + downwards * np.float32(face.axis[0])
    moved = cv2.remap(face.pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Where the lower lip came from above the line, or the upper from below it, nothing was seen.
    source = (face.down + downwards) * np.sign(-face.down) / np.float32(0.08 * face.half)
    hidden = (np.clip(source, 0, 1) * face.lips)[..., None]
    mouth = np.asarray(moved + hidden * (INSIDE - moved), np.uint8)
    rows, columns = face.place
    whole = face.pixels.copy()
    whole[rows, columns] = mouth
    return whole


def _sway(pixels: NDArray[np.uint8], seconds: float) -> NDArray[np.uint8]:
    """A head held freely: it turns, leans and nears a little."""
    height, width = pixels.shape[:2]
    turned = 1.3 * np.sin(1.1 * seconds) + 0.4 * np.sin(3.1 * seconds + 1)
    nearer = 1.03 + 0.012 * np.sin(0.8 * seconds + 2)
    matrix = cv2.getRotationMatrix2D((width / 2, height * 0.8), turned, nearer)
    matrix[:, 2] += (3.0 * np.sin(0.9 * seconds), 2.0 * np.sin(1.7 * seconds + 0.5))
    return np.asarray(
        cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
