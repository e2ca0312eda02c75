"""Where are the document's edges, once its text says roughly where they must be?

The layout of a card predicts its corners within a few per cent. Around each predicted edge the
strongest step in brightness or colour is sought, row by row, and a line laid through the steps.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.ocr.geometry import Quad, edge_lengths
from veridical.types import Image

__all__ = ["Border", "find_border"]

WIDTH_PX = 360
"""Width of the document in the working picture."""
MARGIN = 0.14
"""How far from the prediction an edge is sought, in document widths."""
INLIER_PX = 2.5
MOST_SLOPE = 0.12
MOST_STEP = 12.0
"""A step in grey levels counts no more than this: a dark pattern beside the card is no edge."""
SEEN = 0.45
"""Share of an edge's rows that must agree on one line."""
TRIALS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Border:
    """The edges of a document.

    Attributes:
        quad: Its corners in the picture; an edge that was not seen stays where it was predicted.
        support: Share of rows that agree on each edge, 0..1: top, right, bottom, left.
        inside: Whether each edge lies within the picture, in the same order.
        gaps: Longest stretch of each edge that does not agree, as a share of it, in the same
            order; 0 for an edge that was not seen.
    """

    quad: Quad
    support: tuple[float, ...]
    inside: tuple[bool, ...]
    gaps: tuple[float, ...]

    @property
    def seen(self) -> int:
        """How many edges were seen."""
        return sum(share >= SEEN for share in self.support)


def find_border(image: Image, predicted: Quad) -> Border:
    """Move predicted corners onto the edges in the picture.

    Args:
        image: The picture.
        predicted: Corners as the layout has them, top left of the upright document first.
    """
    along, down = edge_lengths(predicted)
    width, margin = WIDTH_PX, round(WIDTH_PX * MARGIN)
    height = max(16, round(WIDTH_PX * down / max(along, 1)))
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) + margin
    size = (width + 2 * margin, height + 2 * margin)
    matrix = cv2.getPerspectiveTransform(flat, predicted)
    patch = cv2.warpPerspective(
        image.pixels, matrix, size, flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    )
    lab = cv2.cvtColor(cv2.GaussianBlur(patch, (0, 0), 1.2), cv2.COLOR_RGB2LAB)
    light = lab.astype(np.float32)
    upright = light.transpose(1, 0, 2)
    views = (upright, light[:, ::-1], upright[:, ::-1], light)  # top, right, bottom, left
    edges = [_edge(view, margin) for view in views]
    support = tuple(share for _, _, share, _ in edges)
    gaps = tuple(gap if share >= SEEN else 0.0 for _, _, share, gap in edges)
    lines = [
        (place, slope) if share >= SEEN else (float(margin), 0.0)
        for place, slope, share, _ in edges
    ]
    quad = cv2.perspectiveTransform(_corners(lines, size)[None], matrix)[0].astype(np.float32)
    middles = (quad + np.roll(quad, -1, 0)) / 2
    inside = tuple(0 <= x < image.width and 0 <= y < image.height for x, y in middles.tolist())
    return Border(quad, support, inside, gaps)


def _edge(view: NDArray[np.float32], margin: int) -> tuple[float, float, float, float]:
    """The left edge in a view: its place at half height, slope, support, and longest gap.

    Rows vote with their strongest step within twice the margin; the line most rows agree on wins.
    """
    rows = np.arange(margin + margin // 2, view.shape[0] - margin - margin // 2, 2)
    strip = view[rows, : 2 * margin]
    step = np.abs(strip[:, 2:] - strip[:, :-2]).sum(axis=2)
    # Nearer to the prediction counts more, gently.
    nearness = 1 - 0.4 * np.abs(np.arange(step.shape[1]) + 1 - margin) / margin
    step = np.minimum(step, MOST_STEP) * nearness
    places = step.argmax(axis=1) + 1.0
    strength = step.max(axis=1)
    middle = view.shape[0] / 2
    rng = np.random.default_rng(0)
    best = (float(margin), 0.0, 0.0)
    for first, second in rng.integers(0, len(rows), (TRIALS, 2)):
        if abs(rows[first] - rows[second]) < len(rows) // 2:
            continue
        slope = (places[second] - places[first]) / (rows[second] - rows[first])
        if abs(slope) > MOST_SLOPE:
            continue
        off = np.abs(places - places[first] - slope * (rows - rows[first]))
        near = (off < INLIER_PX) & (strength > MOST_STEP / 4)
        share = float(near.mean())
        if share > best[2]:
            best = (float(places[first] + slope * (middle - rows[first])), float(slope), share)
    if best[2] > 0:
        near = np.abs(places - best[0] - best[1] * (rows - middle)) < INLIER_PX
        slope, place = np.polyfit(rows[near] - middle, places[near], 1)
        best = (float(place), float(slope), best[2])
    near = np.abs(places - best[0] - best[1] * (rows - middle)) < 2 * INLIER_PX
    return (*best, _longest_gap(near))


def _longest_gap(near: NDArray[np.bool_]) -> float:
    """Longest run of False, as a share of all."""
    longest = run = 0
    for agrees in near.tolist():
        run = 0 if agrees else run + 1
        longest = max(longest, run)
    return longest / max(1, len(near))


def _corners(lines: list[tuple[float, float]], size: tuple[int, int]) -> Quad:
    """Where the four edges meet, in pixels of the working picture."""
    width, height = size
    (top, top_s), (right, right_s), (bottom, bottom_s), (left, left_s) = lines
    across = ((top, top_s), (height - 1 - bottom, -bottom_s))  # y = a + b (x - width / 2)
    upright = ((left, left_s), (width - 1 - right, -right_s))  # x = c + d (y - height / 2)

    def meet(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
        (a, b), (c, d) = one, other
        y = (a + b * (c - d * height / 2 - width / 2)) / (1 - b * d)
        return c + d * (y - height / 2), y

    return np.array(
        [
            meet(across[0], upright[0]),
            meet(across[0], upright[1]),
            meet(across[1], upright[1]),
            meet(across[1], upright[0]),
        ],
        np.float32,
    )
