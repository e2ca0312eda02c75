"""Corners, turns and cut-outs: the plane geometry behind reading a document."""

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.types import Box, Image

__all__ = ["Quad", "bounds", "crop_quad", "edge_lengths", "rotate_points", "turn_quad"]

Quad = NDArray[np.float32]
"""(4, 2) float32 pixels, x before y, clockwise, starting at the top left of what is read."""


def edge_lengths(quad: Quad) -> tuple[float, float]:
    """Mean length along the reading direction and mean height, in pixels."""
    along = np.linalg.norm(quad[1] - quad[0]) + np.linalg.norm(quad[2] - quad[3])
    down = np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])
    return float(along) / 2, float(down) / 2


def bounds(points: NDArray[np.float32]) -> Box:
    """The upright box around some points."""
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return Box(float(left), float(top), float(right), float(bottom))


def rotate_points(points: NDArray[np.float32], angle_deg: float) -> NDArray[np.float32]:
    """Turn points about the origin, so that a line running at `angle_deg` comes to lie flat."""
    turn = np.deg2rad(angle_deg)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32)
    return (points @ matrix).astype(np.float32)


def turn_quad(quad: Quad, angle_deg: float) -> Quad:
    """Start a rectangle at the corner from which its first edge runs nearest to a direction."""
    turn = np.deg2rad(angle_deg)
    direction = np.array([np.cos(turn), np.sin(turn)], np.float32)
    edges = np.roll(quad, -1, 0) - quad
    edges /= np.maximum(np.linalg.norm(edges, axis=1, keepdims=True), 1e-6)
    return np.roll(quad, -int((edges @ direction).argmax()), 0)


def crop_quad(image: Image, quad: Quad, height_px: int) -> NDArray[np.uint8]:
    """Cut a four-cornered patch out and lay it flat.

    Args:
        image: The picture.
        quad: The patch; parts outside the picture repeat its border.
        height_px: Height of the result.

    Returns:
        (height_px, width, 3) uint8 RGB; the width follows from the patch's proportions.
    """
    along, down = edge_lengths(quad)
    width = max(1, round(along / max(down, 1e-6) * height_px))
    flat = np.array([[0, 0], [width, 0], [width, height_px], [0, height_px]], np.float32)
    # Work on the neighbourhood only: a warp from a large picture touches all of it otherwise.
    box = bounds(quad)
    left, top = max(0, int(box.left) - 2), max(0, int(box.top) - 2)
    right = min(image.width, int(box.right) + 3)
    bottom = min(image.height, int(box.bottom) + 3)
    if right <= left or bottom <= top:
        return np.zeros((height_px, width, 3), np.uint8)
    patch = image.pixels[top:bottom, left:right]
    corners = (quad - np.array([left, top])).astype(np.float32)
    if down > 2 * height_px:
        shrink = 2 * height_px / down
        size = (max(1, round(patch.shape[1] * shrink)), max(1, round(patch.shape[0] * shrink)))
        corners = corners * np.array(
            [size[0] / patch.shape[1], size[1] / patch.shape[0]], np.float32
        )
        patch = cv2.resize(patch, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return cv2.warpPerspective(
        patch,
        cv2.getPerspectiveTransform(corners, flat),
        (width, height_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.uint8)
