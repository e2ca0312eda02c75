"""Which documents are in a picture, and what do they say?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import cv2
import numpy as np

from veridical.models import ModelStore, Profile
from veridical.ocr.border import find_border
from veridical.ocr.document import Document, Field
from veridical.ocr.geometry import Quad, bounds, crop_quad, edge_lengths
from veridical.ocr.glare import glare
from veridical.ocr.mrz_zone import Zone, read_zone
from veridical.ocr.ocrb import OcrbRecogniser
from veridical.ocr.page import Line, Page, reading_angle
from veridical.ocr.resident import Front, find_number, read_front, read_front_without_number
from veridical.ocr.resident_back import Back, read_back
from veridical.ocr.text import (
    LineFinder,
    LineReader,
    TextBox,
    TextDetector,
    TextDirection,
    TextRecogniser,
)
from veridical.ocr.validate import WANTED_FIELDS, validate
from veridical.ocr.visual_zone import DIFFERS, compare_visual
from veridical.result import EvidenceValue, ModelRef
from veridical.types import Image

__all__ = ["DocumentReader"]

COARSE_SIDE_PX = 416
"""Where text is, is seen at this size; whether it must be looked at closer follows from it."""
SMALL_TEXT_PX = 10.0
"""Boxes lower than this at the size the detector saw merge and lose characters."""
CLOSER_TEXT_PX = (17.0, 24.0)
"""Heights at which text is seen when it is looked at again, one after the other."""
FEWEST_BOXES, FEW_BOXES = 6, 3
"""Boxes below which the height of the text is not known, and below which nor is its place."""
LARGER = 2.2
"""Factor on the scale of the next look when the height of the text does not say which."""
FINEST_SIDE_PX = 960
MARGIN_LINES = 3.0
"""Lines of margin around the text when the detector looks again."""
GLARE_HIDES = 0.1
"""Share of a field's place that is white from which glare is taken for the cause of its loss."""
CARD_HEIGHT_PX = 540
FLAT_HEIGHT_PX = 480
"""Height of a document laid flat to be looked at once more: its print is 17 pixels high or more."""
EDGES_WANTED = 3
"""Edges that must be seen before they move the corners that the layout predicts."""
PORTRAIT_HEIGHT_PX = 320
TRAVEL_PORTRAIT = (0.02, 0.1, 0.38, 0.72)
"""Left, top, right, bottom of the portrait on a page with a zone, in shares of the page."""

CARD_SIDES = ("prc_id_front", "prc_id_back")
LINES_OF_A_SIDE = 3
"""Lines beside a card from which its other side is looked for."""

Found = Front | Back | Zone


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """One document on one page."""

    page: Page
    found: Found


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What the detector saw at one size.

    Attributes:
        page: Its lines.
        legible: Whether its text was seen large enough for lines to be apart; the long lines of a
            zone may be apart even if not.
    """

    page: Page
    legible: bool = True


class DocumentReader:
    """Reads identity documents in pictures.

    The detector first looks at a small version of the picture. Only when its text is small there,
    or the reading does not support itself, it looks again at the part that matters, larger; the
    reading that supports itself best is kept.

    Args:
        detector: Finds lines.
        recogniser: Reads them.
        direction: Tells upright lines from those on their head.
        ocrb: Reads lines of machine-readable zones; without it they are not read.
    """

    def __init__(
        self,
        detector: LineFinder,
        recogniser: LineReader,
        direction: TextDirection,
        ocrb: OcrbRecogniser | None = None,
    ) -> None:
        self._detector = detector
        self._recogniser = recogniser
        self._direction = direction
        self._ocrb = ocrb

    @classmethod
    def load(cls, store: ModelStore, profile: Profile) -> "DocumentReader":
        """The reader of a profile.

        Raises:
            ModelError: A model is missing.
        """
        roles = profile.roles
        return cls(
            TextDetector(store.session(roles["ocr_detector"][0])),
            TextRecogniser(store.session(roles["ocr_recogniser"][0])),
            TextDirection(store.session(roles["ocr_direction"][0])),
            OcrbRecogniser(store.session(roles["ocr_zone"][0])),
        )

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """The models that take part."""
        engines = (self._detector, self._recogniser, self._direction, self._ocrb)
        return tuple(engine.ref for engine in engines if engine is not None)

    def __call__(
        self, image: Image, *, kind: str | None = None, today: date | None = None
    ) -> Document:
        """Read the document in a picture.

        Args:
            image: The picture, turned any way.
            kind: What to read it as: `prc_id_front`, `prc_id_back`, or any of the kinds with a
                machine-readable zone; found out when None.
            today: Day by which validity is judged; the current one when None.

        Returns:
            What was read; kind `none` when the picture shows no document known here.
        """
        day = today or date.today()
        best: _Reading | None = None
        before: Found | None = None
        fullest: Page | None = None
        looks = 0
        for look in self._looks(image):
            page = look.page
            looks += 1
            if fullest is None or len(page.lines) >= len(fullest.lines):
                fullest = page
            find = self._find if look.legible else self._find_zone
            reading = find(page, kind, day)
            found = reading.found if reading else None
            if reading and (best is None or reading.found.agreement > best.found.agreement):
                best = reading
            if best and (best.found.complete or _same(before, found)):
                break
            before = found
        else:
            best = self._rectified(image, best, kind, day)
        if best is None and fullest is not None and kind in (None, "prc_id_front"):
            front = read_front_without_number(fullest)
            best = None if front is None else _Reading(fullest, front)
        lines = len(fullest.lines) if fullest is not None else 0
        evidence: dict[str, EvidenceValue] = {"looks": looks, "lines": lines}
        if best is None:
            return Document("none", evidence=evidence, models=self.models)
        return self._document(image, best, day, evidence)

    def both_sides(
        self, image: Image, read: Document, *, today: date | None = None
    ) -> tuple[Document, Document | None]:
        """Front and back of a card whose two sides may stand on one picture.

        Args:
            image: The picture.
            read: What was read in it.
            today: Day by which validity is judged; the current one when None.

        Returns:
            The front and the back; what was read, and None, unless both sides are there.
        """
        beside = read.evidence.get("lines_outside")
        if read.kind not in CARD_SIDES or not isinstance(beside, int) or beside < LINES_OF_A_SIDE:
            return read, None
        sides = {side.kind: side for side in reversed(self.read_all(image, today=today))}
        if not all(kind in sides for kind in CARD_SIDES):
            return read, None
        front, back = (sides[kind] for kind in CARD_SIDES)
        return front, back

    def read_all(self, image: Image, *, today: date | None = None) -> tuple[Document, ...]:
        """Read every document in a picture, such as both sides of a card on one sheet.

        They must lie the same way up; the first one found decides which way that is.

        Args:
            image: The picture.
            today: Day by which validity is judged; the current one when None.

        Returns:
            The documents in the order found; empty when there is none.
        """
        day = today or date.today()
        most: list[_Reading] = []
        for look in self._looks(image):
            if not look.legible:
                continue
            readings: list[_Reading] = []
            rest = look.page
            while len(readings) < 4 and (reading := self._find(rest, None, day)) is not None:
                readings.append(reading)
                inside = _quad_of(reading.page, reading.found)
                rest = rest.without(line for line in rest.lines if _within(line, inside))
                if isinstance(reading.found, Zone) or not rest.lines:
                    break
            if sum(r.found.agreement for r in readings) > sum(r.found.agreement for r in most):
                most = readings
            if most and all(reading.found.complete for reading in most):
                break
        evidence: dict[str, EvidenceValue] = {"documents": len(most)}
        return tuple(self._document(image, reading, day, evidence) for reading in most)

    def _find(self, page: Page, kind: str | None, today: date) -> _Reading | None:
        """The document on a page: first the zones, which geometry shows, then the cards."""
        zone = self._find_zone(page, kind, today)
        if zone is not None or not (kind is None or kind.startswith("prc")):
            return zone
        front = read_front(page, self._ocrb) if kind in (None, "prc_id_front") else None
        if front is not None:
            return _Reading(page, front)
        back = read_back(page) if kind in (None, "prc_id_back") else None
        return None if back is None else _Reading(page, back)

    def _find_zone(self, page: Page, kind: str | None, today: date) -> _Reading | None:
        """The machine-readable zone on a page."""
        if self._ocrb is None or (kind is not None and kind.startswith("prc")):
            return None
        # The direction classifier knows fillers little: look from the other side too.
        for side in (page, page.upside_down()):
            zone = read_zone(side, self._ocrb, today)
            if zone is not None and zone.certain:
                return _Reading(side, zone)
        return None

    def _looks(self, image: Image) -> Iterator[_Look]:
        """One page after the other, each of text seen larger than before, at last all of it."""
        longest = max(image.width, image.height)
        boxes = self._detector(image, COARSE_SIDE_PX)
        scale = min(1.0, COARSE_SIDE_PX / longest)
        if boxes:
            text_px = _text_height(boxes)
            seen_px = text_px * scale
            yield _Look(self._page(image, boxes), legible=seen_px >= SMALL_TEXT_PX)
            for wanted_px in CLOSER_TEXT_PX if len(boxes) >= FEW_BOXES else ():
                if scale >= 1:
                    break
                # Boxes that merged several lines are few or tall, and tell no height of text.
                merged = len(boxes) < FEWEST_BOXES or seen_px >= wanted_px
                scale = min(1.0, LARGER * scale if merged else max(scale, wanted_px / text_px))
                boxes = self._look_closer(image, boxes, text_px, scale) or boxes
                text_px = _text_height(boxes)
                yield _Look(self._page(image, boxes))
        if longest > COARSE_SIDE_PX and (boxes := self._detector(image, FINEST_SIDE_PX)):
            yield _Look(self._page(image, boxes))

    def _page(self, image: Image, boxes: Sequence[TextBox]) -> Page:
        angle_deg = reading_angle(image, boxes, self._direction)
        return Page.of(image, boxes, angle_deg, self._recogniser)

    def _look_closer(
        self, image: Image, boxes: list[TextBox], text_px: float, scale: float
    ) -> list[TextBox]:
        """Look at the part of the picture around some text again, at a larger scale."""
        around = bounds(np.concatenate([box.quad for box in boxes]))
        margin = MARGIN_LINES * text_px
        left, top = max(0, int(around.left - margin)), max(0, int(around.top - margin))
        right, bottom = int(around.right + margin) + 1, int(around.bottom + margin) + 1
        part = Image(np.ascontiguousarray(image.pixels[top:bottom, left:right]))
        side_px = min(FINEST_SIDE_PX, int(max(part.width, part.height) * scale))
        shift = np.array([left, top], np.float32)
        return [TextBox(box.quad + shift, box.score) for box in self._detector(part, side_px)]

    def _rectified(
        self, image: Image, best: _Reading | None, kind: str | None, today: date
    ) -> _Reading | None:
        """Look once more at a document laid flat by its corners; the better reading is kept.

        Lines are found in the flat card and read where they stand in the picture.
        """
        if best is None:
            return None
        border = find_border(image, _quad_of(best.page, best.found))
        if border.seen < EDGES_WANTED:
            return best
        flat = Image(crop_quad(image, border.quad, FLAT_HEIGHT_PX))
        boxes = self._detector(flat, FINEST_SIDE_PX)
        if not boxes:
            return best
        sides = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        corners = sides * np.array([flat.width, flat.height], np.float32)
        matrix = cv2.getPerspectiveTransform(corners, border.quad)
        laid = [
            TextBox(cv2.perspectiveTransform(box.quad[None], matrix)[0], box.score) for box in boxes
        ]
        reading = self._find(self._page(image, laid), kind, today)
        better = reading is not None and reading.found.agreement > best.found.agreement
        return reading if better else best

    def _others(self, outside: Page, today: date) -> int:
        """How many more holders' documents lie beside the one that was read.

        The other side of a card has neither a number nor a zone, and is none.
        """
        if self._ocrb is None or not any(line.width > 6 * line.height for line in outside.lines):
            return 0
        zone = read_zone(outside, self._ocrb, today)
        number = find_number(outside, self._ocrb)
        return int(zone is not None and zone.certain) + int(number is not None)

    def _document(
        self, image: Image, reading: _Reading, today: date, evidence: dict[str, EvidenceValue]
    ) -> Document:
        """Put together what was read, with its crops and what does not fit."""
        page, found = reading.page, reading.found
        predicted = _quad_of(page, found)
        border = find_border(image, predicted)
        quad = border.quad if border.seen >= EDGES_WANTED else predicted
        mrz = found.mrz if isinstance(found, Zone) else None
        fields = _fields_of(found)
        kind = _kind_of(found)
        portrait = _portrait_of(found, quad)
        texts = () if isinstance(found, Zone) else found.texts
        evidence = evidence | {
            "text_height_px": round(page.height, 1),
            "edges_seen": border.seen,
            "edges_inside": sum(border.inside),
            "border_gap": round(max(border.gaps), 3),
        }
        warnings = validate(kind, fields, mrz, today, texts)
        outside = page.without(line for line in page.lines if _within(line, quad))
        evidence["lines_outside"] = len(outside.lines)
        evidence["other_documents"] = self._others(outside, today)
        if not isinstance(found, Zone):
            evidence["layout"] = found.layout
        if isinstance(found, Front):
            hidden = [
                name
                for name, place in found.places.items()
                if name not in fields and glare(image, bounds(place)) >= GLARE_HIDES
            ]
            evidence["hidden_by_glare"] = " ".join(hidden)
        if isinstance(found, Zone):
            evidence["corrections"] = len(found.mrz.corrections)
            evidence |= compare_visual(page, found.lines, found.mrz.fields)
            if evidence["visual_number"] == DIFFERS:
                warnings = (*warnings, "visual_mismatch")
        along, down = edge_lengths(quad)
        height_px = CARD_HEIGHT_PX if along >= down else round(CARD_HEIGHT_PX * down / along)
        return Document(
            kind=kind,
            fields=fields,
            quad=quad,
            rotation_deg=page.angle_deg,
            card=Image(crop_quad(image, quad, height_px)),
            portrait_box=None if portrait is None else bounds(portrait),
            portrait=None
            if portrait is None
            else Image(crop_quad(image, portrait, PORTRAIT_HEIGHT_PX)),
            texts=texts,
            warnings=warnings,
            mrz=mrz,
            evidence=evidence,
            models=self.models,
        )


def _same(before: Found | None, found: Found | None) -> bool:
    """Whether two looks read the same document, nothing missing: a third would read it again."""
    if before is None or found is None or _kind_of(before) != _kind_of(found):
        return False
    one, other = (
        {name: field.value for name, field in fields.items()}
        for fields in (_fields_of(before), _fields_of(found))
    )
    return one == other and all(name in one for name in WANTED_FIELDS[_kind_of(found)])


def _fields_of(found: Found) -> Mapping[str, Field]:
    return _zone_fields(found) if isinstance(found, Zone) else found.fields


def _kind_of(found: Found) -> str:
    if isinstance(found, Zone):
        return found.mrz.kind
    return "prc_id_front" if isinstance(found, Front) else "prc_id_back"


def _quad_of(page: Page, found: Found) -> Quad:
    return found.outline(page) if isinstance(found, Zone) else found.quad


def _portrait_of(found: Found, quad: Quad) -> Quad | None:
    """Where the portrait must be: by the layout of cards, or left of the data above a zone."""
    if isinstance(found, Front):
        return found.portrait
    if isinstance(found, Back) or found.mrz.kind == "td1":
        return None
    left, top, right, bottom = TRAVEL_PORTRAIT
    corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float32)
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    matrix = cv2.getPerspectiveTransform(unit, quad)
    portrait: Quad = cv2.perspectiveTransform(corners, matrix)[0].astype(np.float32)
    return portrait


def _zone_fields(zone: Zone) -> dict[str, Field]:
    """The fields of a zone; names as read, never corrected beyond their look-alike digits."""
    box = bounds(np.concatenate([line.quad for line in zone.lines]))
    return {
        name: Field(value, float(min(zone.mrz.scores)), box, weakest=zone.mrz.weakest.get(name))
        for name, value in zone.mrz.fields.items()
    }


def _within(line: Line, quad: Quad) -> bool:
    middle = line.quad.mean(axis=0)
    return cv2.pointPolygonTest(quad, (float(middle[0]), float(middle[1])), False) >= 0


def _text_height(boxes: Sequence[TextBox]) -> float:
    """Median height of a line in pixels."""
    return float(np.median([edge_lengths(box.quad)[1] for box in boxes]))
