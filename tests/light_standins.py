"""Faces that answer a screen's colours, drawn as flat discs: for tests, never for figures."""

import numpy as np
from numpy.typing import NDArray

from veridical.liveness.light.colours import linear
from veridical.types import Box, Colours, Face, Image, Mesh, View

__all__ = ["lit_views", "mesh_at", "noise"]

WIDTH, HEIGHT, EYES_PX = 160, 120, 24.0
SKIN, WALL = np.array((0.35, 0.2, 0.15)), np.array((0.3, 0.3, 0.28))


def mesh_at(turn: float = 0.0, nod: float = 0.0) -> Mesh:
    """A mesh like a half ball in the middle of the picture, turned by degrees."""
    chance = np.random.default_rng(0)
    points = chance.normal(size=(468, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points[:, 2] = -np.abs(points[:, 2])
    points[33], points[263] = (-0.5, -0.2, -0.8), (0.5, -0.2, -0.8)
    across, up = np.radians(turn), np.radians(nod)
    x = points[:, 0] * np.cos(across) - points[:, 2] * np.sin(across)
    z = points[:, 2] * np.cos(across) + points[:, 0] * np.sin(across)
    y = points[:, 1] * np.cos(up) + z * np.sin(up)
    z = z * np.cos(up) - points[:, 1] * np.sin(up)
    place = np.stack([x, y, z], 1) * EYES_PX + (WIDTH / 2, HEIGHT / 2, 0)
    return Mesh(place.astype(np.float32), 1.0)


def lit_views(
    colours: Colours,
    share: float,
    *,
    room: float = 0.1,
    fps: float = 15.0,
    lag_ms: float = 120.0,
    strength: tuple[float, float, float] = (1.0, 1.0, 1.0),
    inverted: bool = False,
    grey: bool = False,
    until_ms: float | None = None,
    seed: int = 0,
) -> list[View]:
    """Frames of a face that screen light of a share reaches, with a camera's noise."""
    chance = np.random.default_rng(seed)
    mesh, box = mesh_at(), Box(56, 36, 104, 84)
    face = Face(box, 1.0, np.zeros((5, 2), np.float32))
    shown = np.array([linear(colour) for colour in colours.shown]) * strength
    shown = 1 - shown if inverted else shown
    inside = np.zeros((HEIGHT, WIDTH, 1))
    inside[30:90, 50:110] = 1
    views = []
    for time_ms in np.arange(0, colours.end_ms if until_ms is None else until_ms, 1000 / fps):
        at = max(0, int(np.searchsorted(colours.starts_ms, time_ms - lag_ms, side="right")) - 1)
        skin, wall = SKIN * (1 + share * shown[at]), WALL * (1 + room * share * shown[at])
        light = inside * skin + (1 - inside) * wall
        pixels = 255 * light ** (1 / 2.2) + chance.normal(0, 2, light.shape)
        if grey:
            pixels = np.repeat(pixels.mean(2, keepdims=True), 3, axis=2)
        image = Image(np.asarray(np.clip(pixels, 0, 255), np.uint8))
        views.append(View(image, (face,), face, "", mesh, float(time_ms)))
    return views


def noise(seed: int, count: int) -> NDArray[np.float64]:
    """Slow wandering of a head, in degrees."""
    chance = np.random.default_rng(seed)
    return np.convolve(chance.normal(size=count + 20), np.hanning(21), "valid")[:count]
