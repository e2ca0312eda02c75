"""Is it the document itself that was photographed, whole and unaltered?

Twelve plain measurements, each named for what it measures and reported as evidence. None proves
anything alone; a skilled forgery shows none of them. Each becomes a suspicion between 0 and 1 by a
ramp between two values, `RAMPS`, which lie outside what specimens drawn and photographed without
tampering showed (docs/measurements/documents.md has the distributions).
"""

import itertools
import time
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.media import ImageInfo
from veridical.ocr.document import Document
from veridical.ocr.geometry import bounds
from veridical.ocr.glare import glare
from veridical.ocr.kinds import kind_of
from veridical.ocr.tampering import cut, jpeg_history, noise_contrast, portrait_edges
from veridical.result import EvidenceValue, Measurement
from veridical.types import Box, Image

__all__ = ["DocumentAuthenticCheck", "suspicion"]

RAMPS: Mapping[str, tuple[float, float]] = {
    "photocopy": (0.030, 0.012),
    "screen_recapture": (7.0, 9.0),
    "glare_on_field": (0.10, 0.40),
    "field_blurred": (0.56, 0.36),
    "border_cut": (0.0, 1.0),
    "border_covered": (0.25, 0.5),
    "several_documents": (0.0, 1.0),
    "edited": (0.0, 1.0),
    "portrait_noise": (1.3, 2.2),
    "portrait_edges": (3.2, 5.0),
    "jpeg_history": (0.94, 1.0),
    "digits_uneven": (0.10, 0.22),
}
"""From which value on a measurement raises suspicion, and where suspicion is full: above, or below
where less is worse."""
QUALITY = (
    "glare_on_field",
    "field_blurred",
    "border_cut",
    "border_covered",
    "several_documents",
)
"""What a careless photograph of a genuine document shows too: at most a doubt."""
MOST_DOUBT = 0.5
NAMED_FROM = 0.5
PIECE_ASPECT = 1.5
INKED = 0.35
"""Share of a field's highest contrast from which a piece of it holds print."""
SPECTRUM_PX = 384


class DocumentAuthenticCheck:
    """Looks for signs that a picture does not show a whole, unaltered document.

    The score is 1 less the gravest suspicion. The reason names it from a half on.
    """

    name = "document.authentic"

    def __call__(
        self, image: Image, document: Document, info: ImageInfo | None = None
    ) -> Measurement:
        """Judge one side.

        Args:
            image: The picture as decoded.
            document: What was read in it.
            info: What the picture's file says of itself, when it is known.
        """
        start = time.perf_counter()
        if document.kind == "none" or document.card is None or document.quad is None:
            return Measurement(self.name, None, "document_not_found", {}, document.models)
        grey = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8)
        fields = [field.box for field in document.fields.values() if field.box is not None]
        measured: dict[str, float | None] = {
            "photocopy": colour_spread(document.card),
            "screen_recapture": spectral_peak(grey, bounds(document.quad)),
            "glare_on_field": max((glare(image, box) for box in fields), default=None),
            "field_blurred": least_sharp(grey, fields),
            "border_cut": float(4 - int(document.evidence.get("edges_inside") or 0)),
            "border_covered": float(document.evidence.get("border_gap") or 0.0),
            "several_documents": float(int(document.evidence.get("other_documents") or 0)),
            "edited": None if info is None else float(bool(info.editor or info.generator)),
            "portrait_noise": None,
            "portrait_edges": None,
            "jpeg_history": None,
            "digits_uneven": None,
        }
        number = document.fields.get("number")
        portrait = document.portrait_box
        if portrait is not None:
            whole = bounds(document.quad)
            measured["portrait_noise"] = noise_contrast(grey, portrait, whole)
            measured["jpeg_history"] = jpeg_history(grey, portrait, whole)
            measured["portrait_edges"] = portrait_edges(
                grey, portrait, None if number is None else number.box
            )
        whole_card = document.evidence.get("edges_seen") == 4
        digits = kind_of(document.kind).side(document.kind).digits
        if number is not None and whole_card and digits is not None:
            measured["digits_uneven"] = _digits_uneven(document.card, digits)
        suspicions = {
            name: suspicion(name, value) for name, value in measured.items() if value is not None
        }
        worst = max(suspicions, key=lambda name: suspicions[name])
        evidence: dict[str, EvidenceValue] = {
            name: None if value is None else round(value, 4) for name, value in measured.items()
        }
        return Measurement(
            self.name,
            1 - suspicions[worst],
            worst if suspicions[worst] >= NAMED_FROM else "",
            evidence,
            document.models,
            (time.perf_counter() - start) * 1e3,
        )


def suspicion(name: str, value: float) -> float:
    """Suspicion, 0 to 1, that a measurement of this name raises."""
    none, full = RAMPS[name]
    share = min(max((value - none) / (full - none), 0.0), 1.0)
    return min(share, MOST_DOUBT) if name in QUALITY else share


def colour_spread(card: Image) -> float:
    """How much the hue differs over the card: next to nothing on a grey copy, in any light.

    Standard deviation of the logarithmic ratios red/green and blue/green over a small version.
    """
    small = cv2.resize(card.pixels, (86, 54), interpolation=cv2.INTER_AREA).astype(np.float32) + 8
    inner = small[5:-5, 5:-5].reshape(-1, 3)
    log = np.log(inner)
    ratios = log[:, [0, 2]] - log[:, 1:2]
    return float(np.sqrt(ratios.var(axis=0).sum()))


def spectral_peak(grey: NDArray[np.uint8], around: Box) -> float:
    """Height of the tallest isolated peak in the spectrum, over the median of its ring.

    A screen's pixel grid, sampled by the camera's, leaves peaks (moire) that print does not; the
    picture is taken as it is, for resampling would move or remove them.
    """
    side = SPECTRUM_PX
    x, y = (round(value) for value in around.centre)
    left = min(max(0, x - side // 2), max(0, grey.shape[1] - side))
    top = min(max(0, y - side // 2), max(0, grey.shape[0] - side))
    patch = grey[top : top + side, left : left + side].astype(np.float32)
    side = min(patch.shape)
    if side < 64:
        return 0.0
    patch = patch[:side, :side]
    window = np.hanning(side).astype(np.float32)
    magnitude = np.abs(np.fft.fft2((patch - patch.mean()) * window[:, None] * window))
    magnitude = np.fft.fftshift(magnitude)
    frequency = np.arange(side) - side // 2
    radius = np.hypot(frequency[:, None], frequency) / side
    log = np.log(magnitude + 1e-3)
    # Print and paper fall off with frequency: compare within narrow rings, off the axes, where
    # lines of text and the JPEG grid leave ridges of their own.
    off_axis = (np.abs(frequency)[:, None] > side * 0.03) & (np.abs(frequency) > side * 0.03)
    peak = 0.0
    for inner in np.arange(0.14, 0.46, 0.04):
        ring = log[(radius >= inner) & (radius < inner + 0.04) & off_axis]
        spread = float(np.median(np.abs(ring - np.median(ring)))) + 1e-6
        peak = max(peak, float((ring.max() - np.median(ring)) / spread))
    return peak


def least_sharp(grey: NDArray[np.uint8], fields: Sequence[Box]) -> float | None:
    """Sharpness of the second least sharp piece of print over the median of all pieces.

    A camera out of focus blurs all of them alike; what smears one field leaves the others, and its
    own caption, as they are. Fields are cut into pieces about as long as two characters; the least
    sharp one may hold paper alone.
    """
    pieces: list[float] = []
    for box in {(box.left, box.top): box for box in fields}.values():
        cuts = [found for piece in _pieces(box) if (found := _sharpness(grey, piece))]
        inked = INKED * max((contrast for _, contrast in cuts), default=0.0)
        pieces += [steepness for steepness, contrast in cuts if contrast >= inked]
    return sorted(pieces)[1] / max(float(np.median(pieces)), 1e-3) if len(pieces) > 2 else None


def _pieces(box: Box) -> list[Box]:
    """A field cut across its longer side."""
    long, short = max(box.width, box.height), min(box.width, box.height)
    ends = np.linspace(0, 1, max(1, round(long / max(PIECE_ASPECT * short, 1))) + 1)
    pieces: list[Box] = []
    for start, end in itertools.pairwise(ends.tolist()):
        if box.width >= box.height:
            left, right = box.left + start * box.width, box.left + end * box.width
            pieces.append(Box(left, box.top, right, box.bottom))
        else:
            top, bottom = box.top + start * box.height, box.top + end * box.height
            pieces.append(Box(box.left, top, box.right, bottom))
    return pieces


def _sharpness(grey: NDArray[np.uint8], box: Box) -> tuple[float, float] | None:
    """Steepest steps of a piece over its contrast, per pixel of a line 32 pixels high; contrast."""
    patch = cut(grey, box)
    if min(patch.shape) < 6:
        return None
    lines = max(1, round(min(patch.shape) / 32))
    shrunk = (max(8, patch.shape[1] // lines), max(8, patch.shape[0] // lines))
    small = cv2.resize(patch, shrunk, interpolation=cv2.INTER_AREA).astype(np.float32)
    steps = np.abs(np.diff(small, axis=1))
    low, high = np.percentile(small, (2, 98))
    contrast = float(high - low)
    return float(np.percentile(steps, 98)) / max(contrast, 8.0), contrast


def _digits_uneven(card: Image, place: tuple[float, float, float, float]) -> float | None:
    """How far a digit of the number stands off the others' line or height, in digit heights.

    Args:
        card: A card whose number has 18 digits, laid flat.
        place: Left, top, right, bottom of the number, in shares of the card's sides.
    """
    left, right = round(card.width * place[0]), round(card.width * place[2])
    top, bottom = round(card.height * place[1]), round(card.height * place[3])
    strip = cv2.cvtColor(card.pixels[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    ground = cv2.morphologyEx(strip, cv2.MORPH_CLOSE, np.ones((31, 31), np.uint8))
    ink = cv2.threshold(cv2.subtract(ground, strip), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink)
    parts = np.array(
        [row for row in stats[1:] if row[cv2.CC_STAT_HEIGHT] > strip.shape[0] * 0.2], np.float64
    )
    if len(parts) < 12:
        return None
    height = float(np.median(parts[:, cv2.CC_STAT_HEIGHT]))
    parts = parts[np.abs(parts[:, cv2.CC_STAT_HEIGHT] - height) < 0.5 * height]
    if not 14 <= len(parts) <= 19:
        return None
    x = parts[:, cv2.CC_STAT_LEFT] + parts[:, cv2.CC_STAT_WIDTH] / 2
    worst = 0.0
    for edge in (
        parts[:, cv2.CC_STAT_TOP],
        parts[:, cv2.CC_STAT_TOP] + parts[:, cv2.CC_STAT_HEIGHT],
    ):
        slope = float(np.median(np.diff(edge) / np.maximum(np.diff(x), 1))) if len(x) > 1 else 0.0
        off = edge - slope * x
        worst = max(worst, float(np.abs(off - np.median(off)).max()) / height)
    return worst
