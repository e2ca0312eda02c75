"""Does the face carry the grid of a display? Moire and sub-pixel stripes in the spectrum.

A camera samples a display's regular grid with its own: what comes out are sharp peaks in the
spectrum where skin has none. A strong peak speaks for a screen; no peak says nothing, since blur,
scaling and strong compression take it away. Only the native pixels will do.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.types import Box, Clip, Image, View

__all__ = ["ScreenPattern", "peak_strength", "spectrum"]

PATCH_AT_MOST_PX = 256
PATCH_AT_LEAST_PX = 48
DETAIL_SIGMA_PX = 3.0
BAND = (0.08, 0.48)
"""Cycles per pixel: below is the face itself, above there is only the sensor's corner noise."""
AXIS_BINS = 2
"""Frequencies this near to the axes are left out: block edges of JPEG and video lie there."""
RINGS = 40
PEAKS = 4
"""Half of the plane is looked at, so these are four peaks and their mirror images."""
VIEWS = 3


class ScreenPattern:
    """Peaks of a display's grid in the face's spectrum, median over some views.

    Source: spectral peaks of recaptured pictures, after D. C. Garcia and R. L. de Queiroz, "Face-
        Spoofing 2D-Detection Based on Moire-Pattern Analysis", IEEE TIFS 10(4), 2015; the radial
        median in place of their band-pass search.
    """

    name = "screen_pattern"
    reason = "screen_pattern"

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        """Measure the median peak strength; None when every face is too small."""
        step = max(1, len(views) // VIEWS)
        found = [
            strength
            for view in views[::step][:VIEWS]
            if view.subject is not None
            and (strength := peak_strength(view.image, view.subject.box)) is not None
        ]
        return float(np.median(found)) if found else None


def peak_strength(image: Image, box: Box) -> float | None:
    """Mean height of the strongest off-axis peaks above their ring's median, in nepers.

    Returns:
        About 2 on skin; None when the face is smaller than 48 px.
    """
    height = spectrum(image, box)
    if height is None:
        return None
    band = _plane(height.shape[0])[1]
    return float(np.partition(height[band], -PEAKS)[-PEAKS:].mean())


def spectrum(image: Image, box: Box) -> NDArray[np.float32] | None:
    """Log spectrum of the middle of the face, each ring's median taken off.

    Returns:
        (n, n // 2 + 1) float32 in nepers, frequency 0 at the top left; None when the face is
        smaller than 48 px.
    """
    patch = _patch(image, box)
    if patch is None:
        return None
    side = patch.shape[0]
    detail = patch - cv2.GaussianBlur(patch, (0, 0), DETAIL_SIGMA_PX)
    hann = np.hanning(side).astype(np.float32)
    level = np.log(np.abs(np.fft.rfft2(detail * hann[:, None] * hann)) + 1e-3).astype(np.float32)
    by_ring = _plane(side)[0]
    height = np.empty(level.size, np.float32)
    flat = level.ravel()
    for ring in by_ring:
        height[ring] = flat[ring] - np.median(flat[ring])
    return height.reshape(level.shape)


def _patch(image: Image, box: Box) -> NDArray[np.float32] | None:
    """Square in the middle of the face, native pixels, (n, n) float32 luminance."""
    left, top = max(0, int(box.left)), max(0, int(box.top))
    right, bottom = min(image.width, int(box.right)), min(image.height, int(box.bottom))
    side = min(right - left, bottom - top, PATCH_AT_MOST_PX) // 2 * 2
    if side < PATCH_AT_LEAST_PX:
        return None
    y, x = (top + bottom - side) // 2, (left + right - side) // 2
    cut = image.pixels[y : y + side, x : x + side]
    return np.asarray(cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY), np.float32)


@lru_cache(maxsize=32)
def _plane(side: int) -> tuple[tuple[NDArray[np.intp], ...], NDArray[np.bool_]]:
    """Geometry of the half-plane: flat indices of every ring, and the band (n, n // 2 + 1)."""
    down = np.abs(np.fft.fftfreq(side))[:, None]
    across = np.fft.rfftfreq(side)[None]
    radius = np.hypot(down, across)
    ring = np.minimum((radius * RINGS).astype(np.intp), RINGS - 1)
    edge = (AXIS_BINS - 0.5) / side
    band = (radius > BAND[0]) & (radius < BAND[1]) & (down > edge) & (across > edge)
    order = np.argsort(ring, axis=None, kind="stable")
    starts = np.flatnonzero(np.diff(ring.ravel()[order])) + 1
    return tuple(np.split(order, starts)), band
