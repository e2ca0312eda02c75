"""Are two pictures of a face one picture? A portrait that is handed in as a selfie matches itself.

Two photographs of one person differ in pose, light and expression, however little; copies of one
photograph differ only by what smooth changes undo: place, size, tilt, bend, light, blur. So the two
faces are laid on each other as smoothly as may be, and what is left is compared in a band of detail
that a document's portrait still holds.
"""

import time
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.face.align import TEMPLATE_112, similarity, warp
from veridical.face.mesh import five_points
from veridical.face.pose import inter_eye_px
from veridical.result import EvidenceValue, Measurement
from veridical.types import View

__all__ = ["CopyCheck", "agreement", "face_crop"]

Grey = NDArray[np.float32]

SIDE = 96
"""Side of the compared crops: the eyes are 21 pixels apart, as far as a portrait's often are."""
SHARE = 0.7
"""Size of the face in the crop, against the template of the recognisers."""
DETAIL = (0.8, 2.0)
"""Widths of the two blurs between which details are compared, in pixels of the crop."""
SHAPES = (1.0, 8.0)
"""The same for what the faces are laid on each other by."""
WINDOW = 12
"""Side of the windows in which contrast and brightness may differ."""
HALF = 48
"""Side of the reduced crops on which a whole shift, turn or shear is found first."""
ROUNDS = ((False, (14.0, 8.0, 5.0)), (True, (10.0, 5.0)))
"""Two ways of laying on: whether by one affine map first, and how smooth each further bend is."""
NOTHING_ALIKE = 0.35
"""Agreement after the smoothest bend alone, below which no closer look is worth its time."""
ALTERED = 0.8
"""Share of the face that may be drawn over: glasses, a beard. What is left of a copy is one picture
nearly to the last digit, and nothing in two photographs is, though they be taken seconds apart."""
MIN_EYES_PX = 16.0
LEAST_DETAIL = 1.6
"""Grey levels of detail that a portrait must show over the noise: less is a dark or washed-out one,
of which copies and other pictures look alike."""
MOST_VIEWS = 3

_Y, _X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


def _oval(middle: float, across: float, down: float) -> NDArray[np.uint8]:
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    axes = (int(SIDE * across), int(SIDE * down))
    cv2.ellipse(drawn, (SIDE // 2, int(SIDE * middle)), axes, 0, 0, 360, 1, -1)
    return drawn


_FACE = _oval(0.54, 0.25, 0.31) > 0
_AROUND = _oval(0.52, 0.31, 0.36)
_MAPPED = np.ascontiguousarray(cv2.resize(_AROUND, (HALF, HALF), interpolation=cv2.INTER_NEAREST))
_FADED = np.asarray(cv2.GaussianBlur(_AROUND.astype(np.float32), (0, 0), 3.0), np.float32)
"""1 on the face, 0 away from it: a cut-out portrait keeps the face and changes what is around."""


class CopyCheck:
    """Compares the document's portrait with the applicant's own pictures, as pictures.

    Args:
        views: How many frames of a clip are compared, at most; the most alike counts, for one
            frame of the portrait is one too many.
    """

    name = "face.copy"

    def __init__(self, *, views: int = MOST_VIEWS) -> None:
        self._views = views

    def __call__(self, portrait: View, probes: Sequence[View]) -> Measurement:
        """Compare a portrait with a selfie or with frames of a clip.

        Args:
            portrait: The document's portrait.
            probes: The selfie, or frames of one clip.

        Returns:
            `face.copy`: 1 less the agreement of the most alike picture, 0..2: 0 for one and the
            same, with reason `one_picture` for what a low one means. Not assessed with
            `portrait_no_face`, `portrait_too_small`, `portrait_unclear`, `no_face` or what the
            views themselves give as reason.
        """
        start = time.perf_counter()
        usable = [view for view in probes if view.subject is not None]
        evidence: dict[str, EvidenceValue] = {"views": len(probes)}
        reason = _unfit(portrait, probes, usable)
        reference = face_crop(portrait) if not reason else None
        if reference is not None and _detail_of(reference) < LEAST_DETAIL:
            reason = "portrait_unclear"
        if reference is None or reason:
            return Measurement(self.name, None, reason, evidence, (), _since(start))
        places = np.linspace(0, len(usable) - 1, min(len(usable), self._views)).round().astype(int)
        best, mirrored = -1.0, False
        for place in places:
            probe = face_crop(usable[place])
            for turned in (False, True):
                found = agreement(
                    reference, np.ascontiguousarray(probe[:, ::-1]) if turned else probe
                )
                if found > best:
                    best, mirrored = found, turned
        evidence |= {
            "views_used": len(places),
            "agreement": round(best, 3),
            "mirrored": mirrored,
        }
        return Measurement(self.name, 1 - best, "one_picture", evidence, (), _since(start))


def _unfit(portrait: View, probes: Sequence[View], usable: Sequence[View]) -> str:
    """Why there is nothing to compare; empty where there is."""
    if portrait.subject is None:
        return "portrait_no_face"
    if inter_eye_px(portrait) < MIN_EYES_PX:
        return "portrait_too_small"
    return "" if usable else next((view.reason for view in probes if view.reason), "no_face")


def face_crop(view: View) -> Grey:
    """The head of a view's subject, upright, grey: (96, 96) float32 of 0..255.

    Raises:
        InputError: The subject's points lie on one place.
    """
    if view.subject is None:
        raise ValueError("a crop is of a subject, and the view has none")
    points = view.subject.points if view.mesh is None else five_points(view.mesh)
    margin = np.float32((1 - SHARE) / 2)
    target = (TEMPLATE_112 * np.float32(SHARE / 112) + margin) * np.float32(SIDE)
    cut = warp(view.image, similarity(points, target.astype(np.float32)), SIDE)
    return np.asarray(cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY), np.float32)


def agreement(reference: Grey, probe: Grey) -> float:
    """How alike two crops are in detail, after one was laid on the other as smoothly as may be.

    Args:
        reference: (96, 96) float32, as `face_crop` gives it.
        probe: The same of the other picture.

    Returns:
        What a fifth of the face exceeds of the local correlations, -1..1.

    Source: the affine map by G. Evangelidis and E. Psarakis, "Parametric image alignment using
    enhanced correlation coefficient maximization", TPAMI 30(10), 2008; the bend by T. Kroeger et
    al., "Fast optical flow using dense inverse search", ECCV 2016.
    """
    best = -1.0
    for whole, bends in ROUNDS:
        place = _affine(reference, probe) if whole else (_X, _Y)
        laid = _moved(probe, place)
        for turn, smooth in enumerate(bends):
            place = _bent(reference, laid, place, smooth)
            laid = _moved(probe, place)
            if not whole and not turn:
                local = _local(reference, laid)
                if np.median(local) < NOTHING_ALIKE:
                    return _of_best(local)
        best = max(best, _of_best(_local(reference, laid)))
    return best


def _band(grey: Grey, widths: tuple[float, float]) -> Grey:
    fine, coarse = (cv2.GaussianBlur(grey, (0, 0), width) for width in widths)
    return np.asarray(fine - coarse, np.float32)


def _affine(reference: Grey, probe: Grey) -> tuple[Grey, Grey]:
    """Where each pixel of the reference lies in the probe, by one affine map."""
    small = [
        cv2.resize(_band(grey, (1.5, 8.0)), (HALF, HALF), interpolation=cv2.INTER_AREA)
        for grey in (reference, probe)
    ]
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-3)
    try:
        _, found = cv2.findTransformECC(
            small[0], small[1], np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE, until, _MAPPED, 3
        )
    except cv2.error:  # it does not converge where nothing agrees
        return _X, _Y
    a = np.asarray(found, np.float32)
    a[:, 2] *= SIDE / HALF
    return a[0, 0] * _X + a[0, 1] * _Y + a[0, 2], a[1, 0] * _X + a[1, 1] * _Y + a[1, 2]


def _bent(
    reference: Grey, laid: Grey, place: tuple[Grey, Grey], smooth: float
) -> tuple[Grey, Grey]:
    """Follow what is still shifted, but only as far as a smooth bend goes."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(0)
    flow.setPatchSize(8)
    flow.setPatchStride(4)
    shift = flow.calc(_levelled(reference), _levelled(laid), np.zeros((SIDE, SIDE, 2), np.float32))
    shift = np.asarray(cv2.GaussianBlur(shift, (0, 0), smooth), np.float32)
    return place[0] + shift[..., 0], place[1] + shift[..., 1]


def _moved(probe: Grey, place: tuple[Grey, Grey]) -> Grey:
    moved = cv2.remap(probe, *place, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _levelled(grey: Grey) -> NDArray[np.uint8]:
    """Shapes alone, light and contrast evened out, 0..255."""
    shapes = _band(grey, SHAPES)
    strength = np.sqrt(cv2.GaussianBlur(shapes * shapes, (0, 0), SHAPES[1]) + 4)
    return np.clip(shapes / strength * 48 * _FADED + 128, 0, 255).astype(np.uint8)


def _local(reference: Grey, laid: Grey) -> NDArray[np.float64]:
    """Correlation of the details around each pixel of the face."""

    def mean(grey: Grey) -> Grey:
        return np.asarray(cv2.boxFilter(grey, -1, (WINDOW, WINDOW)), np.float32)

    a, b = _band(reference, DETAIL), _band(laid, DETAIL)
    mean_a, mean_b = mean(a), mean(b)
    spread_a = np.maximum(mean(a * a) - mean_a**2, 1e-2)
    spread_b = np.maximum(mean(b * b) - mean_b**2, 1e-2)
    local = (mean(a * b) - mean_a * mean_b) / np.sqrt(spread_a * spread_b)
    return np.asarray(local[_FACE], np.float64)


def _of_best(local: NDArray[np.float64]) -> float:
    """What the best fifth of a face exceeds."""
    return float(np.quantile(local, ALTERED))


def _detail_of(grey: Grey) -> float:
    return float(_band(grey, DETAIL)[_FACE].std())


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
