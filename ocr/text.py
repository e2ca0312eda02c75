"""Where is text in a picture, which way is it turned, and what does it say?

Thin pre- and post-processing around three PP-OCR networks: differentiable binarisation for
detection (Liao et al., AAAI 2020), a CTC recogniser, and a classifier of lines that stand on their
head. Recognition costs time by width, so lines go through one by one, at their own width.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.models import Session
from veridical.ocr.geometry import Quad, crop_quad
from veridical.result import ModelRef
from veridical.types import Image

__all__ = [
    "LINE_HEIGHT_PX",
    "LineFinder",
    "LineReader",
    "Reading",
    "TextBox",
    "TextDetector",
    "TextDirection",
    "TextRecogniser",
    "long_edge_first",
]

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
INK_AT = 0.3
"""Probability from which a pixel is text (PP-OCR's own setting)."""
UNCLIP = 1.5
"""How far a box grows back: the net is taught shrunken text (PP-OCR's own setting)."""
STRIDE = 32
LINE_HEIGHT_PX = 48
DIRECTION_WIDTH_PX = 192
WIDTH_STEP_PX = 16
SHORTEST_LINE_PX = 32
LONGEST_LINE_PX = 1600


@dataclass(frozen=True, slots=True, eq=False)
class TextBox:
    """One place where the detector saw text.

    Attributes:
        quad: Corners in pixels of the picture; the first edge is the longer one, pointing right
            (or down), because a detector does not know which way text runs.
        score: Mean text probability inside, 0..1.
    """

    quad: Quad
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What one line says.

    Attributes:
        text: After compatibility normalisation (NFKC), so that full-width digits are digits.
        score: Mean probability of its characters, 0..1; 0 for an empty line.
        scores: Probability of each character of `text`.
        centres: Middle of each character along the line, 0 (left) to 1 (right).
    """

    text: str
    score: float
    scores: tuple[float, ...]
    centres: tuple[float, ...]


class LineFinder(Protocol):
    """Whatever finds lines of text: `TextDetector`, or an engine in its place."""

    @property
    def ref(self) -> ModelRef:
        """The model behind it."""
        ...

    def __call__(self, image: Image, side_px: int) -> list[TextBox]:
        """Find text, looking at the picture with its longer side brought down to a size."""
        ...


class LineReader(Protocol):
    """Whatever reads one line: `TextRecogniser`, or an engine in its place."""

    @property
    def ref(self) -> ModelRef:
        """The model behind it."""
        ...

    def __call__(self, image: Image, quad: Quad) -> Reading:
        """Read the line with these corners, reading direction first."""
        ...


class TextDetector:
    """Finds lines of text.

    Args:
        session: Maps (1, 3, h, w) float32, blue first, sides multiples of 32, to (1, 1, h, w)
            text probabilities.
        box_score: Mean probability from which a box counts.
    """

    def __init__(self, session: Session, box_score: float = 0.5) -> None:
        self._session = session
        self._box_score = box_score

    @property
    def ref(self) -> ModelRef:
        """The model behind it."""
        return self._session.ref

    def __call__(self, image: Image, side_px: int) -> list[TextBox]:
        """Find text, looking at the picture with its longer side brought down to a size.

        Args:
            image: Any picture; one smaller than `side_px` is not enlarged.
            side_px: Longer side the net sees; its cost grows with the square.

        Returns:
            Boxes in pixels of the picture, in no particular order.
        """
        scale = min(1.0, side_px / max(image.width, image.height))
        width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        small = cv2.resize(image.pixels, (width, height), interpolation=cv2.INTER_AREA)
        canvas = np.zeros((-height % STRIDE + height, -width % STRIDE + width, 3), np.float32)
        canvas[:height, :width] = (small[:, :, ::-1] / np.float32(255) - MEAN) / STD
        (probability,) = self._session.run({"x": canvas.transpose(2, 0, 1)[None]})
        stretch = np.array([image.width / width, image.height / height], np.float32)
        return [
            TextBox(box.quad * stretch, box.score)
            for box in boxes_of(probability[0, 0, :height, :width], self._box_score)
        ]


def boxes_of(probability: NDArray[np.float32], box_score: float) -> list[TextBox]:
    """Turn a text probability map into boxes, in pixels of the map.

    Args:
        probability: (h, w) float32, 0..1.
        box_score: Mean probability from which a box counts.
    """
    ink = (probability > INK_AT).astype(np.uint8)
    found: list[TextBox] = []
    for contour in cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]:
        (x, y), (width, height), turn_deg = cv2.minAreaRect(contour)
        if min(width, height) < 2:
            continue
        left, top, across, down = cv2.boundingRect(contour)
        mask = np.zeros((down, across), np.uint8)
        cv2.fillPoly(mask, [contour - np.array([left, top])], (1,))
        score = float(cv2.mean(probability[top : top + down, left : left + across], mask)[0])
        if score < box_score:
            continue
        grow = width * height * UNCLIP / (2 * (width + height))
        corners = cv2.boxPoints(((x, y), (width + 2 * grow, height + 2 * grow), turn_deg))
        found.append(TextBox(long_edge_first(corners.astype(np.float32)), score))
    return found


def long_edge_first(corners: Quad) -> Quad:
    """Order a rectangle's corners clockwise so that its first edge is long and points right."""
    sides = np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1)
    if sides[0] < sides[1]:
        corners = np.roll(corners, -1, 0)
    along = corners[1] - corners[0]
    steep = abs(along[1]) > abs(along[0])
    if along[int(steep)] < 0:
        corners = np.roll(corners, -2, 0)
    return corners


class TextDirection:
    """Tells lines that stand on their head from upright ones.

    Args:
        session: Maps (n, 3, 48, 192) float32 to (n, 2) probabilities of 0 and 180 degrees.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def ref(self) -> ModelRef:
        """The model behind it."""
        return self._session.ref

    def __call__(self, image: Image, quads: Sequence[Quad]) -> float:
        """Share of belief, 0..1, that these lines of one page are upside down."""
        batch = np.zeros((len(quads), 3, LINE_HEIGHT_PX, DIRECTION_WIDTH_PX), np.float32)
        for row, quad in zip(batch, quads, strict=True):
            line = _as_input(crop_quad(image, quad, LINE_HEIGHT_PX))[:, :, :DIRECTION_WIDTH_PX]
            row[:, :, : line.shape[2]] = line
        if not quads:
            return 0.0
        (answer,) = self._session.run({"x": batch})
        odds = np.log(np.clip(answer[:, 1], 1e-6, 1)) - np.log(np.clip(answer[:, 0], 1e-6, 1))
        return float(1 / (1 + np.exp(-odds.mean())))


class TextRecogniser:
    """Reads one line at a time.

    Args:
        session: Maps (1, 3, 48, w) float32, blue first, -1..1, to (1, t, classes) probabilities;
            class 0 is the blank, the last one a space, and the model's metadata lists the others
            under `character`, one a line.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._characters: list[str] = ["", *session.metadata["character"].split("\n"), " "]

    @property
    def ref(self) -> ModelRef:
        """The model behind it."""
        return self._session.ref

    def __call__(self, image: Image, quad: Quad) -> Reading:
        """Read one line.

        Args:
            image: The picture.
            quad: The line's corners, reading direction first.
        """
        line = crop_quad(image, quad, LINE_HEIGHT_PX)
        width = int(np.clip(line.shape[1], SHORTEST_LINE_PX, LONGEST_LINE_PX))
        if line.shape[1] > width:
            size = (width, LINE_HEIGHT_PX)
            line = cv2.resize(line, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        padded = np.zeros((1, 3, LINE_HEIGHT_PX, -width % WIDTH_STEP_PX + width), np.float32)
        padded[0, :, :, : line.shape[1]] = _as_input(line)
        (answer,) = self._session.run({"x": padded})
        return decode_ctc(answer[0], self._characters, padded.shape[3] / line.shape[1])


def _as_input(line: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w, 3) RGB to (3, h, w) float32, blue first, -1..1."""
    return (line[:, :, ::-1].transpose(2, 0, 1) / np.float32(127.5) - np.float32(1)).astype(
        np.float32
    )


def decode_ctc(
    answer: NDArray[np.float32], characters: Sequence[str], stretch: float = 1.0
) -> Reading:
    """Read the best path of a CTC net: merge repeats, drop blanks, normalise.

    Args:
        answer: (steps, classes) probabilities; class 0 is the blank.
        characters: Text of each class.
        stretch: Width of the net's input over width of the line in it (it may be padded).

    Source: A. Graves et al., ICML 2006, section 3.1.
    """
    best = answer.argmax(axis=1)
    probability = answer[np.arange(len(best)), best]
    texts: list[str] = []
    scores: list[float] = []
    centres: list[float] = []
    start = 0
    for end in range(1, len(best) + 1):
        if end < len(best) and best[end] == best[start]:
            continue
        if best[start]:
            centre = (start + end) / 2 / len(best) * stretch
            for character in unicodedata.normalize("NFKC", characters[int(best[start])]):
                texts.append(character)
                scores.append(float(probability[start:end].max()))
                centres.append(min(1.0, centre))
        start = end
    score = float(np.mean(scores)) if scores else 0.0
    return Reading("".join(texts), score, tuple(scores), tuple(centres))
