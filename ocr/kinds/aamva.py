"""Backs of driving licences and identification cards of the US and Canada, by their barcode.

Source: AAMVA DL/ID Card Design Standard. The barcode (PDF417) corrects its own errors or is not
read at all, so that what it says is sure; who wrote it, it does not say: it is not signed.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.media import read_symbols
from veridical.ocr.aamva import Licence, MalformedBarcodeError, looks_like_licence, parse_aamva
from veridical.ocr.document import Document, Field, Source
from veridical.ocr.geometry import Quad, bounds, edge_lengths
from veridical.ocr.kinds.kind import FieldSpec, Found, Inspection, Kind, Side, Tools
from veridical.ocr.page import Page
from veridical.result import EvidenceValue

__all__ = ["KINDS", "LicenceBack", "find_symbols"]

CARD_WIDTHS, CARD_ABOVE, CARD_BELOW = 0.08, 1.35, 1.35
"""How far a card reaches beyond its barcode: in widths to the sides, in heights up and down."""
SEARCHED_PX = 640
STRIPES_PX = 5.0
STRIPED = 0.35
SHAPES = (1.8, 9.0)
"""Width over height of a symbol with its start and stop."""
MOST_PARTS = 2
SYMBOL_PX = 1200
WORDS_READ = 12
BLUR_PX, BLUR_NOISE, BLUR_REACH_PX, ROWS_MEANT = 3.0, 0.003, 64, 5
"""Standard deviation of the blur that is taken out of a symbol of `SYMBOL_PX`, the noise over its
signal, and the rows that are averaged first: of own pictures this read three of seven that were too
blurred before."""


class LicenceBack(Kind):
    """The side with the barcode."""

    document = "aamva"
    sides = (
        Side(
            "aamva_back",
            "Driving licence or identification card of the US or Canada, back",
            "美国或加拿大驾驶证、身份证（背面）",
            (
                FieldSpec("number", "Number", "证件号码"),
                FieldSpec("surname", "Surname", "姓"),
                FieldSpec("given_names", "Given names", "名", wanted=False),
                FieldSpec("sex", "Sex", "性别", wanted=False),
                FieldSpec("birth", "Date of birth", "出生日期"),
                FieldSpec("issued", "Date of issue", "签发日期", wanted=False),
                FieldSpec("expiry", "Date of expiry", "有效期至"),
                FieldSpec("address", "Address", "住址", wanted=False),
                FieldSpec("issuer", "State or province", "签发州、省", wanted=False),
            ),
            is_back=True,
            alone=True,
        ),
    )
    rank = 95
    in_small_text = True
    has_company = False

    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """By a barcode that means to be a licence's."""
        del names, tools
        symbols = find_symbols(page.image.pixels)
        try:
            symbol = next((one for one in symbols if looks_like_licence(one[0])), None)
        except InputError:  # a symbol that the decoder dies over is none
            symbol = None
        if symbol is None:
            return None
        try:
            licence: Licence | None = parse_aamva(symbol[0])
        except MalformedBarcodeError:
            licence = None
        return self._found(page, symbol[1], licence)

    def validate(self, document: Document, today: date) -> list[str]:
        """A barcode that is not written as one, or by nobody who is known."""
        if not document.fields:
            return ["barcode_malformed"]
        unknown = "issuer" not in document.fields
        late = (document.value("issued") or "") > today.isoformat()
        found = {"barcode_issuer_unknown": unknown, "not_yet_valid": late}
        return [code for code, there in found.items() if there]

    def holder_number(self, document: Document) -> str:
        """The number, with who gave it: states count each for themselves."""
        number, issuer = document.value("number"), document.value("issuer")
        return f"{issuer}:{number}" if number and issuer else ""

    def _found(self, page: Page, quad: Quad, licence: Licence | None) -> Found:
        box = bounds(quad)
        values = {} if licence is None else dict(licence.fields)
        if licence is not None and licence.issuer:
            values["issuer"] = licence.issuer
        evidence: Mapping[str, EvidenceValue] = (
            {} if licence is None else {"barcode_version": licence.version}
        )
        lines = page.lines[:WORDS_READ]
        return Found(
            kind=self,
            name=self.sides[0].name,
            page=page,
            fields={name: Field(value, 1.0, box, Source.BARCODE) for name, value in values.items()},
            quad=_card_around(quad),
            agreement=10.0 + len(values),
            complete=True,
            evidence=evidence,
            texts=tuple(page.read(line).text for line in lines if not _inside(line.quad, quad)),
            inspect=Inspection,
        )


def find_symbols(pixels: NDArray[np.uint8]) -> Iterator[tuple[bytes, Quad]]:
    """PDF417 symbols in a picture, each with its bytes and its corners in the picture.

    The decoder reads along rows of pixels: a symbol is found by its stripes and laid flat first.

    Args:
        pixels: (height, width, 3) uint8.
    """
    grey = np.ascontiguousarray(pixels[:, :, 1])
    for quad in _striped(grey):
        flat, matrix = _laid_flat(grey, quad)
        for make in (lambda seen: seen, _cleared, _deblurred):
            for symbol in read_symbols(make(flat)):
                corners = np.array([symbol.corners], np.float64)
                back = cv2.perspectiveTransform(corners, np.linalg.inv(matrix))[0]
                yield symbol.data, back.astype(np.float32)


def _cleared(flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Uneven light taken out, and blur as far as it goes: the second try."""
    seen, reach = flat.astype(np.float32), np.ones((25, 25), np.uint8)
    low = cv2.GaussianBlur(cv2.erode(seen, reach), (0, 0), 12)
    high = cv2.GaussianBlur(cv2.dilate(seen, reach), (0, 0), 12)
    even = np.clip((seen - low) / np.maximum(high - low, 12) * 255, 0, 255)
    sharp = even + 2.5 * (even - cv2.GaussianBlur(even, (0, 0), 3))
    cleared: NDArray[np.uint8] = np.clip(sharp, 0, 255).astype(np.uint8)
    return cleared


def _deblurred(flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blur across the stripes taken out as far as noise lets it (Wiener filter): the third try."""
    along = cv2.blur(flat, (1, ROWS_MEANT)).astype(np.float32)
    width = along.shape[1]
    padded = cv2.copyMakeBorder(along, 0, 0, BLUR_REACH_PX, BLUR_REACH_PX, cv2.BORDER_REPLICATE)
    frequency = np.fft.rfftfreq(padded.shape[1])
    kept = np.exp(-2 * (np.pi * BLUR_PX * frequency) ** 2)
    inverse = kept / (kept**2 + BLUR_NOISE) * (1 + BLUR_NOISE)
    sharp = np.fft.irfft(np.fft.rfft(padded, axis=1) * inverse, n=padded.shape[1], axis=1)
    cut = sharp[:, BLUR_REACH_PX : BLUR_REACH_PX + width]
    deblurred: NDArray[np.uint8] = np.clip(cut, 0, 255).astype(np.uint8)
    return deblurred


def _striped(grey: NDArray[np.uint8]) -> list[Quad]:
    """Corners of the parts of a picture that are striped in one direction, the largest first."""
    scale = min(1.0, SEARCHED_PX / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    across, down = (cv2.Sobel(small, cv2.CV_32F, x, 1 - x) for x in (1, 0))
    xx, yy, xy = (
        cv2.GaussianBlur(part, (0, 0), STRIPES_PX)
        for part in (across * across, down * down, across * down)
    )
    # How much stronger the gradient is in its main direction (structure tensor).
    strength = np.sqrt((xx - yy) ** 2 + 4 * xy * xy)
    seen = (strength > STRIPED * np.percentile(strength, 99)).astype(np.uint8)
    seen = cv2.morphologyEx(seen, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)).astype(np.uint8)
    seen = cv2.morphologyEx(seen, cv2.MORPH_OPEN, np.ones((15, 15), np.uint8)).astype(np.uint8)
    outlines = cv2.findContours(seen, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    found = []
    parts = sorted(outlines, key=cv2.contourArea, reverse=True)[:MOST_PARTS]
    # A symbol may come in two, where a reflection or many blanks lie across it.
    whole = [np.concatenate(parts)] if len(parts) > 1 else []
    for outline in (*parts, *whole):
        quad = _corners(outline) / np.float32(scale)
        along, high = edge_lengths(quad)
        flat = quad.reshape(-1, 1, 2)
        shaped = high > 8 and SHAPES[0] < along / high < SHAPES[1]
        if shaped and cv2.isContourConvex(flat) and cv2.contourArea(flat) > 0.6 * along * high:
            found += [quad, np.roll(quad, 2, axis=0)]  # which way is up the stripes do not say
    return found


def _corners(outline: cv2.typing.MatLike) -> Quad:
    """The four corners of an outline, clockwise, a longer side first."""
    hull = cv2.convexHull(outline)[:, 0].astype(np.float32)
    (x, y), (width, height), angle_deg = cv2.minAreaRect(hull)
    turn = np.deg2rad(angle_deg)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    sizes = np.array([max(width, 1), max(height, 1)], np.float32)
    inside = (hull - np.array([x, y], np.float32)) @ axes.T / sizes
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    quad = hull[np.argmax(inside @ signs.T, axis=0)]
    if width < height:
        quad = np.roll(quad, -1, axis=0)
    corners: Quad = quad.astype(np.float32)
    return corners


def _laid_flat(
    grey: NDArray[np.uint8], quad: Quad
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A symbol with its quiet zone, and what carries the picture there."""
    along, high = edge_lengths(quad)
    height = round(SYMBOL_PX * high / along)
    left, top = round(0.06 * SYMBOL_PX), round(0.15 * height)
    right, bottom = left + SYMBOL_PX, top + height
    target = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad, target)
    size = (SYMBOL_PX + 2 * left, height + 2 * top)
    seen = cv2.warpPerspective(
        grey, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return seen.astype(np.uint8), matrix.astype(np.float64)


def _card_around(quad: Quad) -> Quad:
    """Where the card's corners are likely to be; its edges in the picture say it better."""
    across = (quad[1] - quad[0] + quad[2] - quad[3]) / 2 * CARD_WIDTHS
    down = (quad[3] - quad[0] + quad[2] - quad[1]) / 2
    up, low = down * CARD_ABOVE, down * CARD_BELOW
    corners = [
        quad[0] - across - up,
        quad[1] + across - up,
        quad[2] + across + low,
        quad[3] - across + low,
    ]
    return np.array(corners, np.float32)


def _inside(line: Quad, symbol: Quad) -> bool:
    middle = line.mean(axis=0)
    return cv2.pointPolygonTest(symbol, (float(middle[0]), float(middle[1])), True) > 0


KINDS = (LicenceBack(),)
