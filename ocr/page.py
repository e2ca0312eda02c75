"""The lines of one picture in the order and direction in which they are read."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from veridical.ocr.geometry import Quad, edge_lengths, rotate_points, turn_quad
from veridical.ocr.text import Reading, TextBox
from veridical.types import Image

__all__ = ["Line", "Page", "reading_angle", "rows_of"]

LONG_LINE = 2.5
"""Length over height from which a box shows the direction of reading."""
LINES_ASKED = 4
"""Lines asked whether they stand on their head; each costs about a millisecond."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A place with text, in the frame of its page: turned so that text runs to the right.

    Attributes:
        quad: Corners in the picture, reading direction first.
        left: Middle of its left edge in the frame, in pixels.
        right: Middle of its right edge.
        y: Middle of its height.
        height: Mean height.
        slope: How far it falls per pixel to the right, in the frame.
        score: The detector's score, 0..1.
    """

    quad: Quad
    left: float
    right: float
    y: float
    height: float
    slope: float
    score: float

    @property
    def width(self) -> float:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def x(self) -> float:
        """Middle, in pixels from the left of the frame."""
        return (self.left + self.right) / 2

    def beside(self, other: "Line") -> bool:
        """Whether the two stand on one row, following the longer one's slope."""
        longer = self if self.width >= other.width else other
        fall = longer.slope * (other.x - self.x)
        return abs(other.y - self.y - fall) < 0.5 * min(
            max(self.height, other.height), 1.5 * min(self.height, other.height)
        )


class Page:
    """The lines of one picture, read when asked and only once.

    Args:
        image: The picture.
        lines: Its lines.
        angle_deg: Direction in which the text runs, clockwise from the picture's own right.
        recogniser: Reads the lines.
    """

    def __init__(
        self,
        image: Image,
        lines: Iterable[Line],
        angle_deg: float,
        recogniser: Callable[[Image, Quad], Reading],
    ) -> None:
        self.image = image
        self.lines = list(lines)
        self.angle_deg = angle_deg
        self._recogniser = recogniser
        self._readings: dict[int, tuple[Line, Reading]] = {}

    @classmethod
    def of(
        cls,
        image: Image,
        boxes: Iterable[TextBox],
        angle_deg: float,
        recogniser: Callable[[Image, Quad], Reading],
    ) -> "Page":
        """A page of what a detector found."""
        return cls(image, (_line(box, angle_deg) for box in boxes), angle_deg, recogniser)

    def without(self, lines: Iterable[Line]) -> "Page":
        """The page without some of its lines; what was read stays known."""
        gone = {id(line) for line in lines}
        kept = (line for line in self.lines if id(line) not in gone)
        page = Page(self.image, kept, self.angle_deg, self._recogniser)
        page._readings = self._readings
        return page

    @cached_property
    def height(self) -> float:
        """Median height of a line, in pixels."""
        return float(np.median([line.height for line in self.lines])) if self.lines else 0.0

    def upside_down(self) -> "Page":
        """The same lines, read from the other side."""
        angle_deg = self.angle_deg + (180 if self.angle_deg <= 0 else -180)
        boxes = [TextBox(line.quad, line.score) for line in self.lines]
        return Page.of(self.image, boxes, angle_deg, self._recogniser)

    def read(self, line: Line) -> Reading:
        """What a line says."""
        if id(line) not in self._readings:
            # The line is kept beside its reading: an id may be given again to another one.
            self._readings[id(line)] = line, self._recogniser(self.image, line.quad)
        return self._readings[id(line)][1]

    def strip(self, left: float, right: float, y: float, height: float, slope: float) -> Line:
        """A line at a place of the frame where the detector saw none.

        Args:
            left: Left end in the frame.
            right: Right end.
            y: Its middle at the middle of its width.
            height: Its height.
            slope: How far it falls per pixel to the right.
        """
        rise = slope * (right - left) / 2
        frame = np.array(
            [
                [left, y - rise - height / 2],
                [right, y + rise - height / 2],
                [right, y + rise + height / 2],
                [left, y - rise + height / 2],
            ],
            np.float32,
        )
        return _line(TextBox(rotate_points(frame, -self.angle_deg), 0.0), self.angle_deg)

    def to_picture(self, points: Sequence[tuple[float, float]]) -> Quad:
        """Carry points of the frame into the picture."""
        return rotate_points(np.array(points, np.float32), -self.angle_deg)


def _line(box: TextBox, angle_deg: float) -> Line:
    """A box in the frame of a page."""
    quad = turn_quad(box.quad, angle_deg)
    frame = rotate_points(quad, angle_deg)
    (left, left_y), (right, right_y) = (frame[0] + frame[3]) / 2, (frame[1] + frame[2]) / 2
    length, height = edge_lengths(quad)
    return Line(
        quad=quad,
        left=float(left),
        right=float(right),
        y=float(left_y + right_y) / 2,
        height=height,
        # A short box has no slope worth the name.
        slope=float((right_y - left_y) / max(right - left, 1)) if length > 2 * height else 0.0,
        score=box.score,
    )


def reading_angle(
    image: Image, boxes: Sequence[TextBox], direction: Callable[[Image, Sequence[Quad]], float]
) -> float:
    """Decide once in which direction the text of a page runs.

    The long boxes say along which line, the direction classifier which way.

    Args:
        image: The picture.
        boxes: Where text is.
        direction: Belief, 0..1, that some lines stand on their head.

    Returns:
        Degrees clockwise from the picture's own right, -180..180; 0 without long boxes.
    """
    sized = [(edge_lengths(box.quad), box) for box in boxes]
    long = [(size[0], box) for size, box in sized if size[0] > LONG_LINE * size[1]]
    if not long:
        return 0.0
    long.sort(key=lambda pair: -pair[0])
    # Directions of lines have no sign: doubling the angle makes opposite ones equal.
    edges = [box.quad[1] - box.quad[0] for _, box in long]
    doubled = sum(
        length * np.exp(2j * np.arctan2(edge[1], edge[0]))
        for (length, _), edge in zip(long, edges, strict=True)
    )
    angle_deg = float(np.rad2deg(np.angle(doubled))) / 2
    asked = [turn_quad(box.quad, angle_deg) for _, box in long[:LINES_ASKED]]
    if direction(image, asked) > 0.5:
        angle_deg += 180 if angle_deg <= 0 else -180
    return angle_deg


def rows_of(lines: Iterable[Line]) -> list[list[Line]]:
    """Group lines into rows, top to bottom, each from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: -line.width):
        for row in rows:
            if row[0].beside(line):
                row.append(line)
                break
        else:
            rows.append([line])
    for row in rows:
        row.sort(key=lambda line: line.left)
    return sorted(rows, key=lambda row: float(np.mean([line.y for line in row])))
