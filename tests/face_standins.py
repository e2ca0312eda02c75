"""Stand-ins of the face tests: nets that answer by rule, and faces drawn by numbers."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from veridical.face.align import TEMPLATE_112
from veridical.face.pose import HEAD_CM, RIGID
from veridical.result import ModelRef
from veridical.types import Box, Face, Image, Mesh, View

Answer = Callable[[NDArray[np.generic]], list[NDArray[np.float32]]]


class RuleSession:
    """A net whose answer is a function of its one input."""

    def __init__(self, answer: Answer, name: str = "rule", input_name: str = "input") -> None:
        self._answer = answer
        self.ref = ModelRef(name, "ab" * 32)
        self.metadata: Mapping[str, str] = {}
        self.inputs: Mapping[str, tuple[int | str | None, ...]] = {input_name: ("n",)}
        self.calls = 0

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        self.calls += 1
        (array,) = feeds.values()
        return self._answer(array)


def mean_colour(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
    """A recogniser that knows people by their mean colour alone."""
    return [np.asarray(batch, np.float32).mean(axis=(2, 3))]


def plain(red: int, green: int, blue: int, width: int = 300, height: int = 300) -> Image:
    return Image(np.full((height, width, 3), (red, green, blue), np.uint8))


def face_at(left: float, top: float, side: float, score: float = 0.9) -> Face:
    """A face whose points are those of the alignment's template, scaled to a box."""
    points = TEMPLATE_112 / np.float32(112) * np.float32(side)
    placed = points + np.array([left, top], np.float32)
    return Face(Box(left, top, left + side, top + side), score, placed.astype(np.float32))


def view_of(image: Image, *faces: Face, mesh: Mesh | None = None, time_ms: float = 0.0) -> View:
    return View(
        image, faces, faces[0] if faces else None, "" if faces else "no_face", mesh, time_ms
    )


def turned_head(
    yaw_deg: float = 0, pitch_deg: float = 0, roll_deg: float = 0, px_per_cm: float = 12.0
) -> Mesh:
    """The rigid points of a mean head, turned; every other point lies in their middle."""
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    around_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    around_x = [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    around_z = [[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    head = HEAD_CM @ (np.array(around_z) @ np.array(around_y) @ np.array(around_x)).T
    pixels = head * (px_per_cm, -px_per_cm, -px_per_cm) + (150, 150, 0)
    points = np.tile(pixels.mean(0), (468, 1))
    points[list(RIGID)] = pixels
    return Mesh(points.astype(np.float32), 1.0)
