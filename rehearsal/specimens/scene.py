"""How does a flat drawing look in a photograph taken by hand?

Eight profiles, each a list of plain degradations with its parameters in `PROFILES`; everything
follows from the generator that is passed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from veridical.ocr import Quad
from veridical.types import Image

__all__ = ["PROFILES", "Profile", "photograph"]


@dataclass(frozen=True, slots=True)
class Profile:
    """How a picture is spoilt; a range is drawn from uniformly.

    Attributes:
        fill: Width of the document over the longer side of the picture.
        tilt_deg: Largest turn in the plane.
        turns: Quarter turns drawn from.
        perspective: Largest shift of a corner over the document's width.
        blur_px: Gaussian blur, as a standard deviation in pixels of the picture.
        motion_px: Length of a motion blur in pixels; 0 for none.
        gain: Factor on the light.
        noise: Standard deviation of sensor noise, in grey levels.
        jpeg_quality: Quality of the saved picture, 1 to 100.
        glare: Peak of a bright spot over white; 0 for none.
    """

    fill: tuple[float, float] = (0.6, 0.85)
    tilt_deg: float = 3.0
    turns: tuple[int, ...] = (0,)
    perspective: float = 0.01
    blur_px: tuple[float, float] = (0.0, 0.5)
    motion_px: tuple[int, int] = (0, 0)
    gain: tuple[float, float] = (0.9, 1.05)
    noise: tuple[float, float] = (1.0, 3.0)
    jpeg_quality: tuple[int, int] = (85, 95)
    glare: tuple[float, float] = (0.0, 0.0)


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "clean": Profile(),
        "perspective": Profile(perspective=0.09, tilt_deg=12.0),
        "blur": Profile(blur_px=(1.2, 2.4), motion_px=(0, 9)),
        "jpeg": Profile(jpeg_quality=(18, 35)),
        "glare": Profile(glare=(0.5, 0.9)),
        "low_light": Profile(gain=(0.12, 0.3), noise=(3.0, 6.0)),
        "rotation": Profile(turns=(1, 2, 3), tilt_deg=10.0),
        "small": Profile(fill=(0.3, 0.42), blur_px=(0.3, 0.7)),
    }
)
SIZE_PX = (1280, 960)


def photograph(
    document: Image, profile: Profile, rng: Generator, size_px: tuple[int, int] = SIZE_PX
) -> tuple[Image, Quad]:
    """Lay a document on a table and take a picture of it.

    Args:
        document: The flat drawing.
        profile: What spoils the picture.
        rng: Source of chance.
        size_px: Width and height of the picture.

    Returns:
        The picture, and the document's corners in it (top left of the document first).
    """
    width, height = size_px
    fill = rng.uniform(*profile.fill)
    turn = 90.0 * int(rng.choice(profile.turns)) + rng.uniform(-1, 1) * profile.tilt_deg
    quad = _corners(document, fill * width, turn, profile.perspective, rng)
    # Keep it inside the picture, with a small margin.
    low, high = quad.min(axis=0), quad.max(axis=0)
    shrink = min(1.0, *(0.96 * np.array(size_px) / (high - low)))
    quad, low, high = quad * shrink, low * shrink, high * shrink
    room = np.array(size_px) - (high - low)
    quad = (quad - low + rng.uniform(0.05, 0.95, 2) * room).astype(np.float32)

    flat = np.array(
        [[0, 0], [document.width, 0], [document.width, document.height], [0, document.height]],
        np.float32,
    )
    scale = np.linalg.norm(quad[1] - quad[0]) / document.width
    pixels = document.pixels
    if scale < 0.7:  # or the warp skips pixels and the print breaks up
        size = (round(document.width * scale * 1.3), round(document.height * scale * 1.3))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        flat *= np.array([size[0] / document.width, size[1] / document.height], np.float32)
    matrix = cv2.getPerspectiveTransform(flat, quad)
    laid = cv2.warpPerspective(pixels, matrix, size_px, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.ones(pixels.shape[:2], np.float32), matrix, size_px)
    shadow = cv2.GaussianBlur(cover, (0, 0), 9)[:, :, None]
    table = _table(size_px, rng) * (1 - 0.35 * shadow)
    scene = table * (1 - cover[:, :, None]) + laid.astype(np.float32) * cover[:, :, None]
    if profile.glare[1] > 0:
        scene = scene + 255 * rng.uniform(*profile.glare) * _spot(quad, size_px, rng)[:, :, None]
    blur_px = rng.uniform(*profile.blur_px)
    if blur_px > 0.1:
        scene = cv2.GaussianBlur(scene, (0, 0), blur_px)
    motion = int(rng.integers(profile.motion_px[0], profile.motion_px[1] + 1))
    if motion > 1:
        scene = cv2.filter2D(scene, -1, np.full((1, motion), 1 / motion, np.float32))
    scene = scene * rng.uniform(*profile.gain)
    scene = scene + rng.normal(0, rng.uniform(*profile.noise), scene.shape)
    seen = np.clip(scene, 0, 255).astype(np.uint8)
    quality = int(rng.integers(profile.jpeg_quality[0], profile.jpeg_quality[1] + 1))
    saved = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    read = cv2.imdecode(saved, cv2.IMREAD_COLOR)
    if read is None or read.shape[:2] != (height, width):
        raise RuntimeError("OpenCV does not read back the JPEG it wrote")
    # OpenCV takes channels for BGR both ways, so they come back in the order they went in.
    return Image(read.astype(np.uint8)), quad


def _corners(
    document: Image, width: float, turn_deg: float, perspective: float, rng: Generator
) -> Quad:
    """Corners of the document, turned and bent, around no place in particular."""
    height = width * document.height / document.width
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    corners += rng.uniform(-1, 1, (4, 2)).astype(np.float32) * perspective * width
    turn = np.deg2rad(turn_deg)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    return (corners @ matrix).astype(np.float32)


def _table(size_px: tuple[int, int], rng: Generator) -> NDArray[np.float32]:
    """What lies under the document: plain, patched, striped or chequered."""
    width, height = size_px
    base = rng.uniform(30, 220, 3).astype(np.float32)
    canvas = np.ones((height, width, 3), np.float32) * base
    kind = int(rng.integers(4))
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    if kind == 1:
        cells = int(rng.integers(6, 30))
        patches = rng.uniform(-60, 60, (cells, cells, 3)).astype(np.float32)
        canvas += cv2.resize(patches, size_px, interpolation=cv2.INTER_CUBIC)
    elif kind == 2:
        period = rng.uniform(12, 60)
        canvas += 25 * np.sin(y / period * 6.28 + 4 * np.sin(x / 150))[:, :, None]
    elif kind == 3:
        step = int(rng.integers(30, 90))
        canvas -= 35 * (((x % step) < 2) | ((y % step) < 2))[:, :, None]
    canvas += cv2.resize(rng.normal(0, 8, (height // 4, width // 4)).astype(np.float32), size_px)[
        :, :, None
    ]
    table: NDArray[np.float32] = np.clip(canvas, 0, 255).astype(np.float32)
    return table


def _spot(quad: Quad, size_px: tuple[int, int], rng: Generator) -> NDArray[np.float32]:
    """A bright spot somewhere on the document."""
    weights = rng.dirichlet(np.ones(4))
    x0, y0 = weights @ quad
    radius = float(np.linalg.norm(quad[1] - quad[0])) * rng.uniform(0.08, 0.16)
    x, y = np.meshgrid(np.arange(size_px[0]), np.arange(size_px[1]))
    spot: NDArray[np.float32] = np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * radius**2)).astype(
        np.float32
    )
    return spot
