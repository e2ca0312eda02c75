"""Which part of the picture does a presentation attack detector see?

The nets were trained on the face with its surroundings: bezels, fingers and paper edges are much of
what gives an attack away.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.types import Box, Image

__all__ = ["context", "crop", "share_in_view", "window"]


def window(image: Image, box: Box, scale: float) -> tuple[int, int, int, int]:
    """Place a square of `scale` times the face's longer side, shifted into the picture.

    A square, because a window with the box's own aspect would be squeezed into the network's
    square input, and the face with it (docs/measurements/silent-liveness.md says what that costs).
    Shifted rather than padded, because black padding is an edge the networks have never seen
    beside a living face. Where the picture is too small for the whole window, the window shrinks
    to fit.

    Args:
        image: The picture.
        box: Face in the picture; its size must be above 0.
        scale: Wanted side of the window in multiples of the box's longer side.

    Returns:
        Left, top, right, bottom in whole pixels; right and bottom are exclusive, all inside.

    Source: shifting and the inclusive last pixel are the crop convention of the Silent-Face-Anti-
        Spoofing training pictures; the square window is this project's measurement.
    """
    side = min(scale * max(box.width, box.height), image.width - 1, image.height - 1)
    x, y = box.centre
    left, right = _span(x, side, image.width)
    top, bottom = _span(y, side, image.height)
    return left, top, right, bottom


def _span(centre: float, length: float, limit: int) -> tuple[int, int]:
    """Lay `length` around `centre`, pushed inside 0..limit; the end is exclusive."""
    start = min(max(centre - length / 2, 0.0), limit - 1 - length)
    return int(start), min(int(start + length) + 1, limit)


def crop(image: Image, box: Box, scale: float, size_px: int) -> NDArray[np.uint8]:
    """Cut the window around a face and resize it (bilinear).

    Returns:
        (size_px, size_px, 3) uint8 RGB; the face keeps its proportions.
    """
    left, top, right, bottom = window(image, box, scale)
    resized = cv2.resize(image.pixels[top:bottom, left:right], (size_px, size_px))
    return np.asarray(resized, np.uint8)


def context(image: Image, box: Box) -> float:
    """How many times the face box fits into the picture, by the tighter of the two directions."""
    return min(image.height / box.height, image.width / box.width)


def share_in_view(image: Image, box: Box, scale: float) -> float:
    """Side of the window that the picture offers, by the side that was wanted: 0..1."""
    wanted = scale * max(box.width, box.height)
    return min(1.0, (min(image.width, image.height) - 1) / wanted)
