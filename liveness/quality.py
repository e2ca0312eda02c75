"""Can this view be judged at all? What must hold before a network is asked.

On grey, noisy or tightly cropped pictures the networks do not grow careful, they grow wrong: noise
of 8 grey levels lets attacks pass, a grey picture refuses half of all bona fide applicants.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.liveness.crop import context
from veridical.types import Box, Image, View

__all__ = ["Quality", "QualityGate", "QualityLimits", "assess_quality"]

NOISE_SIDE_PX = 96
"""Noise is read from a square of this side in the middle of the face: more pixels add little."""

SHARPNESS_SIDE_PX = 112
"""Faces are brought down to this side before sharpness is read, so that pictures compare."""

# Immerkaer's difference of two Laplacians: blind to constant, linear and most edge structure.
_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@dataclass(frozen=True, slots=True)
class Quality:
    """What a view offers.

    Attributes:
        face_px: Width of the face box in pixels.
        context: How many times the box fits into the picture, by its tighter direction.
        chroma: Spread of the two colour differences over the picture, in grey levels; 0 is grey.
        noise: Standard deviation of the noise on the face, in grey levels.
        sharpness: Variance of the Laplacian by the variance of the luminance, on the face.
        brightness: Mean luminance of the face, 0..255.
        turn: Nose tip's distance from the line between the eyes' middles, sideways, by the
            distance of the eyes; 0 is frontal, about 0.35 is 30 degrees.
    """

    face_px: float
    context: float
    chroma: float
    noise: float
    sharpness: float
    brightness: float
    turn: float


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """What is demanded of a view; each limit has its measured reason in `silent.toml`.

    Attributes:
        face_px_at_least: Narrowest face.
        context_at_least: Least surroundings.
        chroma_at_least: Least colour.
        noise_at_most: Most noise.
        sharpness_at_least: Least sharpness.
        brightness_at_least: Darkest face.
        brightness_at_most: Brightest face.
        turn_at_most: Farthest turn of the head.
    """

    face_px_at_least: float
    context_at_least: float
    chroma_at_least: float
    noise_at_most: float
    sharpness_at_least: float
    brightness_at_least: float
    brightness_at_most: float
    turn_at_most: float


def assess_quality(view: View) -> Quality | None:
    """Measure a view; None when it has no subject or the subject lies outside the picture."""
    if view.subject is None:
        return None
    box = view.subject.box
    face = _cut(view.image, box)
    if min(face.shape[:2], default=0) < 3 or min(box.width, box.height) <= 0:
        return None
    small = _grey(_at_most(face, SHARPNESS_SIDE_PX))
    eyes = view.subject.points[:2]
    between = max(view.subject.inter_eye_px, 1e-6)
    return Quality(
        face_px=box.width,
        context=context(view.image, box),
        chroma=_chroma(view.image),
        noise=_noise(face),
        sharpness=float(cv2.Laplacian(small, cv2.CV_32F).var()) / max(float(small.var()), 1.0),
        brightness=float(small.mean()),
        turn=abs(float(view.subject.points[2, 0] - eyes[:, 0].mean())) / between,
    )


class QualityGate:
    """Turns measurements into the reason why a view is not judged.

    Args:
        limits: What is demanded.
    """

    def __init__(self, limits: QualityLimits) -> None:
        self._limits = limits

    def __call__(self, quality: Quality) -> str:
        """Name the first demand that is not met, or answer an empty text.

        What the applicant mends most easily comes first.
        """
        limits = self._limits
        failed: Mapping[str, bool] = {
            "face_too_small": quality.face_px < limits.face_px_at_least,
            "face_too_close": quality.context < limits.context_at_least,
            "too_dark": quality.brightness < limits.brightness_at_least,
            "too_bright": quality.brightness > limits.brightness_at_most,
            "grey_picture": quality.chroma < limits.chroma_at_least,
            "too_noisy": quality.noise > limits.noise_at_most,
            "too_blurred": quality.sharpness < limits.sharpness_at_least,
            "look_straight": quality.turn > limits.turn_at_most,
        }
        return next((reason for reason, is_so in failed.items() if is_so), "")


def _cut(image: Image, box: Box) -> NDArray[np.uint8]:
    """The part of the box that lies inside the picture; may be empty."""
    left, top = max(0, int(box.left)), max(0, int(box.top))
    return image.pixels[top : max(top, int(box.bottom)), left : max(left, int(box.right))]


def _chroma(image: Image) -> float:
    """Spread of the colour differences; a tinted grey picture has as little as a grey one."""
    step = max(1, max(image.width, image.height) // 160)
    ycc = cv2.cvtColor(np.ascontiguousarray(image.pixels[::step, ::step]), cv2.COLOR_RGB2YCrCb)
    return float(np.hypot(ycc[:, :, 1].std(), ycc[:, :, 2].std()))


def _noise(face: NDArray[np.uint8]) -> float:
    """Standard deviation of white noise, by the median so that hair and edges do not count.

    Source: J. Immerkaer, "Fast Noise Variance Estimation", CVIU 64(2), 1996; the median in place
        of the mean is the usual robust estimate (0.6745 of a normal distribution's sigma).
    """
    y, x = (max(0, (side - NOISE_SIDE_PX) // 2) for side in face.shape[:2])
    middle = _grey(face[y : y + NOISE_SIDE_PX, x : x + NOISE_SIDE_PX])
    response = cv2.filter2D(middle, cv2.CV_32F, _NOISE_MASK)[1:-1, 1:-1]
    return float(np.median(np.abs(response))) / (0.6745 * 6.0)


def _at_most(face: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """A face brought down to a common size, never up."""
    scale = side_px / max(face.shape[:2])
    if scale >= 1:
        return face
    return np.asarray(
        cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Luminance as float: rounded to whole levels, small noise would be rounded away."""
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)
