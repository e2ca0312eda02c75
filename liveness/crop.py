"""Which part of the picture does a presentation attack detector see?

The nets were trained on the face with its surroundings: bezels, fingers and paper edges are much of
what gives an attack away.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.types import Box, Image

__all__ = ["context", "crop", "window"]


def window(image: Image, box: Box, scale: float) -> tuple[int, int, int, int]:
    """Place a window of `scale` times the face box, shifted into the picture rather than padded.

    Black padding would be an edge that the nets have never seen beside a living face. Where the
    picture is too small for the whole window, the scale shrinks until it fits.

    Args:
        image: The picture.
        box: Face in the picture; its size must be above 0.
        scale: Wanted size of the window in multiples of the box.

    Returns:
        Left, top, right, bottom in whole pixels; right and bottom are exclusive, all inside.

    Source: crop convention of the Silent-Face-Anti-Spoofing training pictures, re-derived; their
        last pixel is inclusive.
    """
    fitting = min((image.height - 1) / box.height, (image.width - 1) / box.width, scale)
    left, right = _span(box.centre[0], box.width * fitting, image.width)
    top, bottom = _span(box.centre[1], box.height * fitting, image.height)
    return left, top, right, bottom


def _span(centre: float, length: float, limit: int) -> tuple[int, int]:
    """Lay `length` around `centre`, pushed inside 0..limit; the end is exclusive."""
    start = min(max(centre - length / 2, 0.0), max(limit - 1 - length, 0.0))
    return int(start), min(int(start + length) + 1, limit)


def crop(image: Image, box: Box, scale: float, size_px: int) -> NDArray[np.uint8]:
    """Cut the window around a face and resize it (bilinear).

    Returns:
        (size_px, size_px, 3) uint8 RGB. The window keeps the box's aspect, the result is square:
        the nets were trained on pictures squeezed in the same way.
    """
    left, top, right, bottom = window(image, box, scale)
    resized = cv2.resize(image.pixels[top:bottom, left:right], (size_px, size_px))
    return np.asarray(resized, np.uint8)


def context(image: Image, box: Box) -> float:
    """How many times the face box fits into the picture, by the tighter of the two directions."""
    return min(image.height / box.height, image.width / box.width)
