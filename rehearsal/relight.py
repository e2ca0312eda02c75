"""Light of a screen on a face, simulated on a real clip.

Simulated in linear light: every pixel of the face is multiplied by one plus the share of the
screen's light, which falls off as the face's surface turns away; the room gets a small share. No
figure of it is a claim about real screens and faces; it orders, and it guards against regression.
"""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.liveness.light.colours import linear
from veridical.types import Clip, Colours, Image, Mesh

__all__ = ["Lamp", "encoded", "relight", "shaken"]

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
DARKEST_LOG2 = 4096
BALANCE_S = 1.5


@dataclass(frozen=True, slots=True)
class Lamp:
    """How the screen's light reaches the picture.

    Attributes:
        share: Light that a white screen would send to the middle of the face, as a share of all
            other light there.
        room: Share of that which reaches what is behind.
        lag_ms: From the moment a colour is asked for to the frame that shows it.
        gains: How bright the screen's red, green and blue are: (1, 0.8, 0.35) in night mode.
        inverted: The screen shows every colour turned round.
        even: The whole frame answers alike, as a tint does.
        balance: How much of a cast the camera's white balance takes away in a few seconds, 0..1.
        exposure: How much of a change of brightness its exposure takes away, 0..1.
    """

    share: float
    room: float = 0.2
    lag_ms: float = 120.0
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    inverted: bool = False
    even: bool = False
    balance: float = 0.5
    exposure: float = 0.5


def _tables() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    steps = np.arange(256) / 255
    light = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    finer = np.arange(DARKEST_LOG2) / (DARKEST_LOG2 - 1)
    value = np.where(finer <= 0.0031308, 12.92 * finer, 1.055 * finer ** (1 / 2.4) - 0.055)
    return light.astype(np.float32), np.round(value * 255).astype(np.uint8)


_LIGHT, _VALUE = _tables()


def relight(clip: Clip, meshes: Sequence[Mesh | None], colours: Colours, lamp: Lamp) -> Clip:
    """Light a clip by the colours a screen showed.

    Args:
        clip: What a camera saw without them.
        meshes: The face of every frame; None keeps the last one.
        colours: What was shown.
        lamp: How its light reaches the picture.
    """
    shown = np.array([linear(colour) for colour in colours.shown]) * lamp.gains
    if lamp.inverted:
        shown = shown.max() - shown
    at = np.searchsorted(colours.starts_ms, clip.times_ms - lamp.lag_ms, side="right") - 1
    steps_s = np.diff(clip.times_ms, prepend=clip.times_ms[0]) / 1000
    balance, frames = np.ones(3), []
    first: NDArray[np.float64] | None = None
    shape = np.zeros((clip.frames[0].height, clip.frames[0].width), np.float32)
    for image, mesh, place, step_s in zip(clip.frames, meshes, at, steps_s, strict=True):
        if mesh is not None:
            shape = _facing(mesh, image)
        light = shown[place] if place >= 0 else np.zeros(3)
        reach = np.ones_like(shape) if lamp.even else np.maximum(shape, lamp.room)
        dark = _LIGHT[image.pixels]
        lit = dark * (1 + (lamp.share * reach)[..., None] * light.astype(np.float32))
        mean = lit.mean((0, 1), dtype=np.float64)
        first = dark.mean((0, 1), dtype=np.float64) if first is None else first
        want = first / np.maximum(mean, 1e-6)
        level = want.mean()
        # Brightness and colour go back towards what they were, each by its own share of the way.
        goal = level**lamp.exposure * (want / level) ** lamp.balance
        balance += (goal - balance) * min(1.0, step_s / BALANCE_S)
        scaled = np.clip(lit * balance.astype(np.float32), 0, 1) * (DARKEST_LOG2 - 1)
        frames.append(Image(_VALUE[(scaled + 0.5).astype(np.uint16)]))
    return replace(clip, frames=tuple(frames))


def _facing(mesh: Mesh, image: Image) -> NDArray[np.float32]:
    """(height, width) 0..1: how squarely each pixel of the face looks at the screen."""
    points = mesh.points[:, :2]
    mask = np.zeros((image.height, image.width), np.uint8)
    outline = cv2.convexHull(points[list(OVAL)].astype(np.int32))
    cv2.fillPoly(mask, [outline], 1)
    middle = points[1]  # the tip of the nose
    axes = np.abs(points[list(OVAL)] - middle).max(0) * 1.15
    x = (np.arange(image.width, dtype=np.float32) - middle[0]) / axes[0]
    y = (np.arange(image.height, dtype=np.float32) - middle[1]) / axes[1]
    facing = np.sqrt(np.clip(1 - x[None] ** 2 - y[:, None] ** 2, 0, 1)) * mask
    return np.asarray(cv2.GaussianBlur(facing.astype(np.float32), (0, 0), 3), np.float32)


def shaken(clip: Clip, share: float, chance: random.Random) -> Clip:
    """Move a clip's picture as a hand that holds the camera does.

    Args:
        clip: The clip.
        share: How far at most, of the picture's width.
        chance: Where chance comes from.
    """
    phases = [(chance.uniform(0.3, 1.2), chance.uniform(0, 2 * np.pi)) for _ in range(6)]
    frames = []
    for image, time_ms in zip(clip.frames, clip.times_ms, strict=True):
        waves = [np.sin(2 * np.pi * hz * time_ms / 1000 + phase) for hz, phase in phases]
        x, y = (share * image.width * (waves[at] + waves[at + 1]) / 2 for at in (0, 2))
        turn, grow = np.radians(2 * waves[4]), 1 + share * waves[5]
        a, b = grow * np.cos(turn), grow * np.sin(turn)
        middle = np.array([image.width / 2, image.height / 2])
        matrix = np.array([[a, -b, 0], [b, a, 0]])
        matrix[:, 2] = middle + np.array([x, y]) - matrix[:, :2] @ middle
        size = image.width, image.height
        moved = cv2.warpAffine(image.pixels, matrix, size, borderMode=cv2.BORDER_REFLECT_101)
        frames.append(Image(np.asarray(moved, np.uint8)))
    return replace(clip, frames=tuple(frames))


def encoded(clip: Clip, bits_a_frame: int) -> Clip:
    """A clip after one round of H.264, as a recorder writes it: 4:2:0, 8 bits.

    Args:
        clip: The clip, of even width and height.
        bits_a_frame: On average.
    """
    file = io.BytesIO()
    base = Fraction(1, 1000)
    with av.open(file, "w", format="mp4") as sink:
        stream = sink.add_stream("libx264", rate=max(1, round(clip.fps)))
        stream.width, stream.height = clip.frames[0].width, clip.frames[0].height
        stream.pix_fmt, stream.bit_rate = "yuv420p", round(bits_a_frame * max(clip.fps, 1))
        stream.options, stream.thread_count = {"preset": "veryfast"}, 1
        stream.codec_context.time_base = base
        for image, time_ms in zip(clip.frames, clip.times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(image.pixels, format="rgb24")
            frame.pts, frame.time_base = round(float(time_ms)), base
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as source:
        frames = [
            Image(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            for frame in source.decode(video=0)
        ]
    return replace(clip, frames=tuple(frames))
