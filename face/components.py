"""How good is a capture of a face, aspect by aspect, in the terms of ISO/IEC 29794-5?

Each aspect has a raw value and a quality 0..100. Where a function follows the standard's reference
implementation (BSI, Open Source Face Image Quality, OFIQ 1.x) its docstring says so; it reads our
own landmarks and regions, so its values are near those of OFIQ but are not OFIQ's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.face.align import TEMPLATE_112, similarity, warp
from veridical.face.embed import embedding_points
from veridical.face.mesh import five_points
from veridical.face.pose import head_pose, inter_eye_px
from veridical.face.subject import rival_size
from veridical.types import Mesh, View

__all__ = ["Component", "measure_components"]

CROP_PX = 112
MIN_ZONE_PX = 20
SHARP_NONE, SHARP_FULL = 0.03, 0.21
ROUNDING = 0.5
"""Grey levels that whole numbers add to a smooth slope: no detail."""
UPPER_LIDS = ((160, 159, 158), (385, 386, 387))
LOWER_LIDS = ((144, 145, 153), (380, 374, 373))
INNER_LIPS = ((82, 13, 312), (87, 14, 317))
CHIN = 152
CHEEKS = ((50, 101, 36, 205, 187, 123), (280, 330, 266, 425, 411, 352))
EYE_RINGS = ((130, 29, 27, 28, 243, 22, 23, 24), (359, 259, 257, 258, 463, 252, 253, 254))
FOREHEAD = (67, 109, 10, 338, 297, 336, 9, 107)
BRIM = (54, 103, 67, 109, 10, 338, 297, 332, 284, 333, 299, 337, 151, 108, 69, 104)
"""The forehead below the hair: what a hat or a scarf covers first."""
LOWER_FACE = (205, 164, 425, 430, 152, 210)
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Numbers of MediaPipe's face mesh; pairs are the eyes or cheeks, left as seen first."""


@dataclass(frozen=True, slots=True)
class Component:
    """One aspect of quality.

    Attributes:
        name: Such as `sharpness`.
        raw: As measured, in the aspect's own unit; None when it could not be assessed.
        quality: 0..100, higher is better; None when it could not be assessed.
    """

    name: str
    raw: float | None
    quality: float | None


def measure_components(view: View) -> tuple[Component, ...]:
    """Measure every aspect of a view's subject.

    Args:
        view: An analysed picture with a subject. Without a mesh, the aspects that need one come
            back without a quality.

    Returns:
        One component per aspect, always the same ones in the same order.

    Raises:
        InputError: The view has no subject, or its points do not determine an alignment.
    """
    matrix = similarity(embedding_points(view), TEMPLATE_112)
    face = _Crop.of(warp(view.image, matrix, CROP_PX), _in_crop(view.mesh, matrix))
    f = rival_size(view.faces)
    return (
        Component("single_face", f, 100 * (1 - f)),
        *_geometry(view),
        *_margins(view),
        _background(view),
        _expression(view),
        _sharpness(face),
        _noise(face),
        _compression(view),
        *_light(face),
        *_covering(face),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Crop:
    """An aligned face.

    Attributes:
        grey: (112, 112) float32 luminance, 0..255.
        lab: (112, 112, 3) float32 CIELAB.
        points: The mesh's (468, 2) points in it; None without a mesh.
    """

    grey: NDArray[np.float32]
    lab: NDArray[np.float32]
    points: NDArray[np.float32] | None

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], points: NDArray[np.float32] | None) -> "_Crop":
        """From (112, 112, 3) uint8 RGB."""
        scaled = pixels.astype(np.float32) / np.float32(255)
        return cls(
            np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32),
            np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), np.float32),
            points,
        )

    def zone(self, numbers: Sequence[int]) -> NDArray[np.bool_]:
        """(112, 112): where the hull of some landmarks lies; all of it where there is no mesh."""
        mask = np.zeros((CROP_PX, CROP_PX), np.uint8)
        if self.points is None:
            return np.asarray(mask == 0)
        hull = cv2.convexHull(self.points[list(numbers)].round().astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1)
        return np.asarray(mask > 0)


def _in_crop(mesh: Mesh | None, matrix: NDArray[np.float32]) -> NDArray[np.float32] | None:
    return None if mesh is None else mesh.points[:, :2] @ matrix[:, :2].T + matrix[:, 2]


BACKGROUND_EYES_PX = 32.0
"""Eye distance at which the background is looked at."""
BACKGROUND_LEAST = 0.05
"""Share of the picture below which too little of it is seen."""
HEAD_OF_OVAL = 1.7
"""Head with hair by the size of the mesh's oval."""
LIP_CORNERS = (61, 291)
BROWS = ((105, 159), (334, 386))
REST_WIDTH, REST_GAP, REST_BROW = 0.85, 0.05, 0.40
"""Mouth and brows at rest, in eye distances: the nine tenths of the 100 colour portraits."""
GEOMETRY = (
    "inter_eye_distance", "head_size", "centring", "inside_picture", "yaw", "pitch", "roll",
    "eyes_open", "mouth_closed",
)  # fmt: skip


def _geometry(view: View) -> tuple[Component, ...]:
    """Size, place and turn of the head, eyes and mouth; most need the mesh."""
    mesh = view.mesh
    eyes_px = inter_eye_px(view)
    distance = Component("inter_eye_distance", eyes_px, 100 * _sigmoid(eyes_px, 70, 20))  # OFIQ
    if mesh is None:
        return (distance, *(Component(name, None, None) for name in GEOMETRY[1:]))
    points = mesh.points[:, :2]
    eyes = five_points(mesh)[:2]
    chin = float(np.linalg.norm(eyes.mean(0) - points[CHIN]))  # the T of ISO/IEC 29794-5
    size = chin / min(view.image.width, view.image.height)
    sides = np.array([view.image.width, view.image.height], np.float32)
    aside = float(np.linalg.norm(eyes.mean(0) / sides - 0.5))  # in sides of the picture
    # In eye distances: how far the outline keeps from the picture's border; below 0 it is cut.
    outline = points[list(OVAL)]
    margin = float(min(outline.min(), (sides - outline).min())) / max(eyes_px, 1e-6)
    pose = head_pose(mesh)
    aperture = min(
        float(np.linalg.norm(points[list(up)] - points[list(low)], axis=1).max())
        for up, low in zip(UPPER_LIDS, LOWER_LIDS, strict=True)
    ) / max(chin, 1e-6)
    gap = float(
        np.linalg.norm(points[list(INNER_LIPS[0])] - points[list(INNER_LIPS[1])], axis=1).max()
    ) / max(chin, 1e-6)
    return (
        distance,
        Component("head_size", size, 100 * _ramp(size, 0.08, 0.18) * _ramp(-size, -0.75, -0.55)),
        Component("centring", aside, 100 * _ramp(-aside, -0.4, -0.15)),
        Component("inside_picture", margin, 100 * _ramp(margin, -0.5, 0.0)),
        *(
            Component(name, angle, 100 * max(0.0, float(np.cos(np.radians(angle)))) ** 2)  # OFIQ
            for name, angle in (
                ("yaw", pose.yaw_deg),
                ("pitch", pose.pitch_deg),
                ("roll", pose.roll_deg),
            )
        ),
        Component("eyes_open", aperture, 100 * _sigmoid(aperture, 0.02, 0.01)),  # OFIQ
        Component("mouth_closed", gap, 100 * (1 - _sigmoid(gap, 0.2, 0.06))),  # OFIQ
    )


def _margins(view: View) -> tuple[Component, ...]:
    """How far the face keeps from each side of the picture; values and functions as OFIQ's.

    To the sides in eye distances, above and below in distances from eyes to chin.
    """
    names = ("leftward_crop", "rightward_crop", "margin_above", "margin_below")
    if view.mesh is None:
        return tuple(Component(name, None, None) for name in names)
    points = view.mesh.points[:, :2]
    x, y = (float(v) for v in five_points(view.mesh)[:2].mean(0))
    across = max(inter_eye_px(view), 1e-6)
    chin = max(float(np.linalg.norm(points[CHIN] - (x, y))), 1e-6)
    found = (
        (x / across, 0.9),
        ((view.image.width - x) / across, 0.9),
        (y / chin, 1.4),
        ((view.image.height - y) / chin, 1.8),
    )
    return tuple(
        Component(name, raw, 100 * _sigmoid(raw, centre, 0.1))
        for name, (raw, centre) in zip(names, found, strict=True)
    )


def _background(view: View) -> Component:
    """Mean gradient of what is beside and above the head, at one size of the face.

    OFIQ cuts the head out by a network; here an ellipse around the mesh stands for head and hair.
    """
    if view.mesh is None:
        return Component("background_uniformity", None, None)
    scale = min(1.0, BACKGROUND_EYES_PX / max(inter_eye_px(view), 1e-6))
    grey = cv2.cvtColor(view.image.pixels, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points = view.mesh.points[list(OVAL), :2] * scale
    middle = points.mean(0)
    mask = np.ones(grey.shape, np.uint8)
    head = middle + (points - middle) * HEAD_OF_OVAL
    cv2.fillConvexPoly(mask, cv2.convexHull(head.round().astype(np.int32)), 0)
    mask[max(0, int(view.mesh.points[CHIN, 1] * scale)) :] = 0  # shoulders are no background
    if int(mask.sum()) < BACKGROUND_LEAST * mask.size:
        return Component("background_uniformity", None, None)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0))
    raw = float(np.hypot(across, down)[mask > 0].mean())
    quality = min(100.0, 190 * (1 - _sigmoid(raw, 10, 100)))  # OFIQ
    return Component("background_uniformity", raw, quality)


def _expression(view: View) -> Component:
    """How far mouth and brows are from rest: widened, opened or raised.

    The lips' width in eye distances, their gap and the brows' distance from the eyes, each beyond
    what faces at rest have. Our own: OFIQ asks three networks.
    """
    if view.mesh is None:
        return Component("expression_neutrality", None, None)
    points = view.mesh.points[:, :2]
    eyes = max(inter_eye_px(view), 1e-6)

    def apart(one: int, other: int) -> float:
        return float(np.linalg.norm(points[one] - points[other])) / eyes

    width = max(0.0, apart(*LIP_CORNERS) - REST_WIDTH)
    gap = max(0.0, apart(13, 14) - REST_GAP)
    brow = max(0.0, max(apart(brow, lid) for brow, lid in BROWS) - REST_BROW)
    raw = width + gap + brow
    return Component("expression_neutrality", raw, 100 * _ramp(-raw, -0.5, 0.0))


def _sharpness(face: _Crop) -> Component:
    """How much fine detail the recogniser's own crop holds.

    Blurring a sharp picture takes much of its finest gradients away, blurring a blurred one
    little: the share that is lost is independent of contrast.

    Source: F. Crete et al., "The blur effect", SPIE 6492, 2007, with a Gaussian of one pixel.
    """
    # The median takes out single wild pixels, which would pass for detail in a noisy picture.
    grey = np.asarray(cv2.medianBlur(face.grey, 3), np.float32)
    soft = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)
    lost, kept = 0.0, 0.0
    for axis in (0, 1):
        fine = np.abs(np.diff(grey, axis=axis))
        rest = np.abs(np.diff(soft, axis=axis))
        lost += float(np.maximum(fine - rest - ROUNDING, 0).sum())
        kept += float(fine.sum())
    if kept == 0:
        return Component("sharpness", 0.0, 0.0)
    raw = lost / kept
    return Component("sharpness", raw, 100 * _ramp(raw, SHARP_NONE, SHARP_FULL))


def _noise(face: _Crop) -> Component:
    """Standard deviation of the pixel noise in the recogniser's own crop, in grey levels.

    Source: J. Immerkaer, "Fast noise variance estimation", CVIU 64(2), 1996; the median over the
    crop instead of the mean, so that eyes and edges count less.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(np.asarray(cv2.filter2D(face.grey, cv2.CV_32F, kernel), np.float32))
    # The mask has norm 6, and half of all normal values lie within 0.6745 standard deviations.
    raw = float(np.median(response[1:-1, 1:-1])) / (6 * 0.6745)
    return Component("noise", raw, 100 * _ramp(-raw, -20, -4))


def _compression(view: View) -> Component:
    """How strongly the borders of JPEG's blocks of eight stand out around the face.

    Only where the blocks still lie on the picture's own raster: after a crop or a change of size
    they cannot be told, and the component says so by finding none.
    """
    if view.subject is None:
        return Component("compression", None, None)
    box = view.subject.box
    left, top = max(0, int(box.left)) // 8 * 8, max(0, int(box.top)) // 8 * 8
    region = view.image.pixels[top : int(box.bottom), left : int(box.right)]
    if min(region.shape[:2]) < 24:
        return Component("compression", None, None)
    grey = np.asarray(cv2.cvtColor(region, cv2.COLOR_RGB2GRAY), np.float32)
    across = np.abs(np.diff(grey, axis=1)).mean(0)
    down = np.abs(np.diff(grey, axis=0)).mean(1)
    border = np.concatenate([across[7::8], down[7::8]]).mean()
    within = np.concatenate([across[3::8], down[3::8]]).mean()
    raw = float(border / max(float(within), 0.1))
    return Component("compression", raw, 100 * _ramp(-raw, -2.5, -1.2))


def _light(face: _Crop) -> tuple[Component, ...]:
    """Brightness, its evenness and its range over the face; colour over the cheeks."""
    grey = face.grey
    skin = grey[face.zone(OVAL)]
    mean = float(skin.mean()) / 255
    variance = float((skin / 255).var())
    dark, bright = float((skin <= 25).mean()), float((skin >= 247).mean())
    counts = np.bincount(skin.astype(np.intp), minlength=256) / skin.size
    entropy = float(-(counts[counts > 0] * np.log2(counts[counts > 0])).sum())
    saturation = variance * 60
    components = [
        Component(
            "luminance_mean",
            mean,
            100 * _sigmoid(mean, 0.2, 0.05) * (1 - _sigmoid(mean, 0.8, 0.05)),
        ),  # OFIQ
        Component(
            "luminance_variance",
            variance,
            100 * float(np.sin(np.pi * saturation / (saturation + 1))),
        ),  # OFIQ
        Component("under_exposure", dark, 100 * _ramp(-dark, -0.6, -0.05)),
        Component("over_exposure", bright, min(100.0, 1 / (bright + 0.01))),  # OFIQ
        Component("dynamic_range", entropy, min(100.0, 12.5 * entropy)),  # OFIQ
    ]
    if face.points is None:
        return (
            *components,
            Component("illumination_uniformity", None, None),
            Component("natural_colour", None, None),
        )
    left, right = (grey[face.zone(cheek)] for cheek in CHEEKS)
    if min(left.size, right.size) < MIN_ZONE_PX:
        uneven = Component("illumination_uniformity", None, None)
    else:
        raw = float(min(left.mean(), right.mean()) / max(left.mean(), right.mean(), 1.0))
        uneven = Component("illumination_uniformity", raw, 100 * _ramp(raw, 0.25, 0.85))
    a, b = (float(v) for v in face.lab[face.zone(CHEEKS[0]) | face.zone(CHEEKS[1])].mean(0)[1:])
    off = float(np.hypot(max(0, 5 - a, a - 25), max(0, 5 - b, b - 35))) if min(a, b) >= 0 else 100.0
    return (
        *components,
        uneven,
        Component("natural_colour", off, 200 * (1 - _sigmoid(off, 0, 10))),
    )  # OFIQ


def _covering(face: _Crop) -> tuple[Component, ...]:
    """Whether eyes, lower face and forehead show, as far as pixels alone can tell.

    Eyes: their zone holds light and dark where the eye is seen, and little of either behind dark
    glasses. Lower face: its colour is that of the forehead unless a mask or a scarf covers it. The
    upper forehead: its colour is that of the cheeks unless a brim or a fringe covers it.
    """
    names = ("eyes_visible", "lower_face_visible", "no_head_coverings")
    if face.points is None:
        return tuple(Component(name, None, None) for name in names)
    grey = face.grey
    eyes = []
    for ring, cheek in zip(EYE_RINGS, CHEEKS, strict=True):
        eye, skin = grey[face.zone(ring)], grey[face.zone(cheek)]
        light = float(np.percentile(eye, 90)) if eye.size else 0.0
        eyes.append(light / max(float(np.median(skin)) if skin.size else 0.0, 1.0))
    raw = min(eyes)
    upper, lower = (np.median(face.lab[face.zone(zone)], axis=0) for zone in (FOREHEAD, LOWER_FACE))
    differs = float(np.linalg.norm((upper - lower) * (0.5, 1, 1)))
    brim, side = (np.median(face.lab[face.zone(zone)], axis=0) for zone in (BRIM, CHEEKS[0]))
    covered = float(np.linalg.norm((brim - side) * (0.5, 1, 1)))
    return (
        Component(names[0], raw, 100 * _ramp(raw, 0.3, 0.6)),
        Component(names[1], differs, 100 * _ramp(-differs, -28, -14)),
        Component(names[2], covered, 100 * _ramp(-covered, -32, -12)),
    )


def _sigmoid(x: float, centre: float, width: float) -> float:
    return float(1 / (1 + np.exp(-(x - centre) / width)))


def _ramp(x: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, straight between."""
    return float(np.clip((x - low) / (high - low), 0, 1))
