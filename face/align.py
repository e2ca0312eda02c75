"""Where must a face lie so that two pictures of it can be compared?"""

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.types import Image

__all__ = ["TEMPLATE_112", "align", "similarity", "warp"]

TEMPLATE_112 = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float32,
)
"""(5, 2) float32: where eyes, nose tip and mouth corners lie in a 112-px crop.

Source: the crop that ArcFace (Deng et al., CVPR 2019) and SFace were trained on.
"""


def similarity(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Find the rotation, scale and shift that carry one set of points onto another.

    Least squares; never a shear or a mirror, which would change the face.

    Args:
        source: (n, 2) points, n >= 2.
        target: (n, 2) points they should fall on.

    Returns:
        (2, 3) float32: `target ~ matrix[:, :2] @ point + matrix[:, 2]`.

    Raises:
        InputError: The shapes differ, a number is not finite, or fewer than two points of either
            set are distinct, so that no rotation is determined.

    Source: S. Umeyama, IEEE TPAMI 13(4), 1991, eq. 40-43.
    """
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise InputError(
            f"alignment needs two equal sets of (n, 2) points, got {source.shape} and "
            f"{target.shape}",
            "face.points",
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise InputError("alignment needs finite points", "face.points")
    mean_source, mean_target = source.mean(0, dtype=np.float64), target.mean(0, dtype=np.float64)
    from_source, from_target = source - mean_source, target - mean_target
    spread = float((from_source**2).sum())
    # A millionth of the points' own size is rounding, not a second point.
    for offsets, points in ((from_source, source), (from_target, target)):
        if float(np.abs(offsets).max(initial=0.0)) <= 1e-6 * (1 + float(np.abs(points).max())):
            raise InputError("alignment needs at least two distinct points", "face.points")
    u, singular, vt = np.linalg.svd(from_target.T @ from_source)
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    linear = (singular * sign).sum() / spread * (u * sign) @ vt
    shift = mean_target - linear @ mean_source
    return np.hstack([linear, shift[:, None]]).astype(np.float32)


def warp(image: Image, matrix: NDArray[np.float32], size_px: int) -> NDArray[np.uint8]:
    """Cut a square out of a picture along a similarity.

    A strong reduction first averages blocks of pixels: sampling a large face at 112 points a side
    without that turns hair and skin texture into noise that differs between two captures.

    Args:
        image: The picture.
        matrix: (2, 3) from picture pixels to pixels of the result, as `similarity` returns.
        size_px: Side of the result.

    Returns:
        (size_px, size_px, 3) uint8 RGB; what lies outside the picture is black.
    """
    linear, shift = matrix[:, :2].astype(np.float64), matrix[:, 2].astype(np.float64)
    corners = np.array([[0, 0], [size_px, 0], [0, size_px], [size_px, size_px]], np.float64)
    seen = (corners - shift) @ np.linalg.inv(linear).T
    left, top = (int(np.floor(v)) for v in np.clip(seen.min(0) - 2, 0, [image.width, image.height]))
    right, bottom = (
        int(np.ceil(v)) for v in np.clip(seen.max(0) + 3, 0, [image.width, image.height])
    )
    if right <= left or bottom <= top:
        return np.zeros((size_px, size_px, 3), np.uint8)
    blocks = int(1 / max(float(np.sqrt(abs(np.linalg.det(linear)))), 1e-6))
    if blocks >= 2:
        # Whole blocks are averaged twenty times as fast as broken ones.
        left, right = _whole_blocks(left, right, blocks, image.width)
        top, bottom = _whole_blocks(top, bottom, blocks, image.height)
    region = image.pixels[top:bottom, left:right]
    shift = shift + linear @ np.array([left, top], np.float64)
    if blocks >= 2:
        width, height = max(1, region.shape[1] // blocks), max(1, region.shape[0] // blocks)
        factor = np.array([region.shape[1] / width, region.shape[0] / height])
        region = np.asarray(
            cv2.resize(region, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
        # Pixel centres: x_region = (x_small + 0.5) * factor - 0.5.
        shift = shift + linear @ (0.5 * factor - 0.5)
        linear = linear * factor
    whole = np.hstack([linear, shift[:, None]])
    # OpenCV has a quick way through four channels, and none through three: the same numbers.
    four = cv2.cvtColor(region, cv2.COLOR_RGB2RGBA)
    cut = cv2.warpAffine(four, whole, (size_px, size_px), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(cut, cv2.COLOR_RGBA2RGB), np.uint8)


def _whole_blocks(low: int, high: int, block: int, limit: int) -> tuple[int, int]:
    """Widen a span to whole blocks; shorten it where the picture holds no more of them."""
    high = low + -(-(high - low) // block) * block
    if high > limit:
        low, high = low - (high - limit), limit
    return (low, high) if low >= 0 else (0, limit // block * block or limit)


def align(image: Image, points: NDArray[np.float32], size_px: int = 112) -> NDArray[np.uint8]:
    """Warp a face so that eyes, nose and mouth corners fall on fixed places.

    Args:
        image: The picture the points were found in.
        points: (5, 2) float32 pixels, x before y: eyes, nose tip, mouth corners, left to right as
            seen.
        size_px: Side of the square result.

    Returns:
        (size_px, size_px, 3) uint8 RGB; what lies outside the picture is black.

    Raises:
        InputError: Fewer than two points are distinct.
    """
    target = TEMPLATE_112 * np.float32(size_px / 112)
    return warp(image, similarity(points, target), size_px)
