"""Which documents are in a picture, and what do they say?"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import cv2
import numpy as np

from veridical.models import ModelStore, Profile
from veridical.ocr.border import find_border
from veridical.ocr.document import Document
from veridical.ocr.geometry import Quad, bounds, crop_quad, edge_lengths
from veridical.ocr.glare import glare
from veridical.ocr.kinds import KINDS, Found, Tools, back_of, kind_names
from veridical.ocr.ocrb import OcrbRecogniser
from veridical.ocr.page import Line, Page, reading_angle
from veridical.ocr.text import (
    LineFinder,
    LineReader,
    TextBox,
    TextDetector,
    TextDirection,
    TextRecogniser,
)
from veridical.ocr.validate import validate
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
LINES_OF_A_SIDE = 3
"""Lines beside a document from which another one is looked for."""
MOST_DOCUMENTS = 4


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
        """The first of what `read_all` reads in a picture.

        Args:
            image: The picture, turned any way.
            kind: What to read it as, one of `kind_names()`; found out when None.
            today: Day by which validity is judged; the current one when None.

        Returns:
            What was read; kind `none` when the picture shows no document known here.
        """
        return next(self._read(image, kind, today))

    def read_all(
        self, image: Image, *, kind: str | None = None, today: date | None = None
    ) -> tuple[Document, ...]:
        """Read every document in a picture, such as both sides of a card on one sheet.

        They must lie the same way up; the first one found decides which way that is.

        Args:
            image: The picture, turned any way.
            kind: As for one document.
            today: Day by which validity is judged; the current one when None.

        Returns:
            The documents in the order found; empty when there is none.
        """
        documents = self._read(image, kind, today)
        return tuple(document for document in documents if document.kind != "none")

    def both_sides(
        self, image: Image, *, today: date | None = None
    ) -> tuple[Document, Document | None]:
        """A document, and its other side where both stand on one picture.

        Args:
            image: The picture.
            today: Day by which validity is judged; the current one when None.

        Returns:
            The front and the back when both are there; else what `__call__` reads, and None.
        """
        documents = list(self._read(image, None, today))
        sides = {side.kind: side for side in reversed(documents)}
        for name, front in sides.items():
            back = None if name == "none" else back_of(name)
            if back is not None and back.name in sides:
                return front, sides[back.name]
        return documents[0], None

    def _read(self, image: Image, kind: str | None, today: date | None) -> Iterator[Document]:
        """The documents in a picture as they are asked for; one of kind `none` if there is none."""
        search = _Search(self._looks(image))
        day = today or date.today()
        for found in self._search(image, search, kind, day):
            yield self._document(image, found, day, search.evidence)
        if not search.taken:
            yield Document("none", evidence=search.evidence, models=self.models)

    def _search(
        self, image: Image, search: "_Search", kind: str | None, today: date
    ) -> Iterator[Found]:
        """Documents one after the other, the best reading of each; all that is read starts here."""
        names = kind_names() if kind is None else (kind,)
        tools = Tools(self._ocrb, today)
        found = self._best(image, search, names, tools)
        while found is not None:
            yield found
            search.taken.append(found.quad)
            if not found.kind.has_company or len(search.taken) == MOST_DOCUMENTS:
                return
            found = self._best(image, search, names, tools)

    def _best(
        self, image: Image, search: "_Search", names: Collection[str], tools: Tools
    ) -> Found | None:
        """Look until a reading is complete, or two looks agree; the best one is kept."""
        best: Found | None = None
        before: Found | None = None
        for look in search.looks():
            found = _find(look, names, tools)
            if found is not None and (best is None or found.agreement > best.agreement):
                best = found
            if best is not None and (best.complete or _same(before, found)):
                return best
            before = found
            if best is None and search.taken and search.all_seen:
                return None  # beside a document that was read: not worth another look
        if best is not None:
            return self._rectified(image, best, names, tools)
        return None if search.taken else _find_partly(search.fullest, names)

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

    def _rectified(self, image: Image, best: Found, names: Collection[str], tools: Tools) -> Found:
        """Look once more at a document laid flat by its corners; the better reading is kept.

        Lines are found in the flat card and read where they stand in the picture.
        """
        border = find_border(image, best.quad)
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
        found = _find(_Look(self._page(image, laid)), names, tools)
        return found if found is not None and found.agreement > best.agreement else best

    def _others(self, outside: Page, today: date) -> int:
        """How many more holders' documents lie beside the one that was read."""
        if self._ocrb is None or not any(line.width > 6 * line.height for line in outside.lines):
            return 0
        return sum(kind.others(outside, Tools(self._ocrb, today)) for kind in KINDS)

    def _document(
        self,
        image: Image,
        found: Found,
        today: date,
        evidence: dict[str, EvidenceValue],
    ) -> Document:
        """Put together what was read, with its crops and what does not fit."""
        page = found.page
        border = find_border(image, found.quad)
        quad = border.quad if border.seen >= EDGES_WANTED else found.quad
        portrait = found.kind.portrait(found, quad)
        outside = page.without(line for line in page.lines if _within(line, quad))
        inspection = found.inspect()
        hidden = [
            name
            for name, place in found.places.items()
            if name not in found.fields and glare(image, bounds(place)) >= GLARE_HIDES
        ]
        evidence = {
            **evidence,
            "text_height_px": round(page.height, 1),
            "edges_seen": border.seen,
            "edges_inside": sum(border.inside),
            "border_gap": round(max(border.gaps), 3),
            "lines_outside": len(outside.lines),
            "other_documents": self._others(outside, today),
            **({"hidden_by_glare": " ".join(hidden)} if found.places else {}),
            **found.evidence,
            **inspection.evidence,
        }
        read = Document(found.name, found.fields, texts=found.texts, mrz=found.mrz)
        along, down = edge_lengths(quad)
        height_px = CARD_HEIGHT_PX if along >= down else round(CARD_HEIGHT_PX * down / along)
        return replace(
            read,
            quad=quad,
            rotation_deg=page.angle_deg,
            card=Image(crop_quad(image, quad, height_px)),
            portrait_box=None if portrait is None else bounds(portrait),
            portrait=None
            if portrait is None
            else Image(crop_quad(image, portrait, PORTRAIT_HEIGHT_PX)),
            warnings=(*validate(read, today), *inspection.warnings),
            evidence=evidence,
            models=self.models,
        )


class _Search:
    """The looks at one picture, each taken once, however many documents are sought in them.

    Attributes:
        taken: Corners of the documents that were found.
    """

    def __init__(self, looks: Iterator["_Look"]) -> None:
        self._coming = looks
        self._seen: list[_Look] = []
        self._asked = 0
        self.taken: list[Quad] = []

    def looks(self) -> Iterator["_Look"]:
        """The looks without what belongs to documents that were found, the coarsest first."""
        self._asked = 0
        while True:
            if self.all_seen:
                look = next(self._coming, None)
                if look is None:
                    return
                self._seen.append(look)
            look = self._seen[self._asked]
            self._asked += 1
            rest = look.page
            for quad in self.taken:
                rest = rest.without(line for line in rest.lines if _within(line, quad))
            if not self.taken:
                yield look
            elif look.legible and len(rest.lines) >= LINES_OF_A_SIDE:
                yield _Look(rest)
            elif self.all_seen:
                return

    @property
    def all_seen(self) -> bool:
        """Whether a further look would be a new one."""
        return self._asked == len(self._seen)

    @property
    def fullest(self) -> Page | None:
        """The page with the most lines; of several the last."""
        pages = (look.page for look in reversed(self._seen))
        return max(pages, key=lambda page: len(page.lines), default=None)

    @property
    def evidence(self) -> dict[str, EvidenceValue]:
        """How much was looked at."""
        fullest = self.fullest
        return {"looks": len(self._seen), "lines": len(fullest.lines) if fullest else 0}


def _find(look: _Look, names: Collection[str], tools: Tools) -> Found | None:
    """The document on a page, by the first kind that finds one."""
    for kind in KINDS:
        wanted = [side.name for side in kind.sides if side.name in names]
        if wanted and (look.legible or kind.in_small_text):
            found = kind.find(look.page, wanted, tools)
            if found is not None:
                return found
    return None


def _find_partly(page: Page | None, names: Collection[str]) -> Found | None:
    """The document on a page, by less than its kind usually takes."""
    if page is None:
        return None
    for kind in KINDS:
        wanted = [side.name for side in kind.sides if side.name in names]
        found = kind.find_partly(page, wanted) if wanted else None
        if found is not None:
            return found
    return None


def _same(before: Found | None, found: Found | None) -> bool:
    """Whether two looks read the same document, nothing missing: a third would read it again."""
    if before is None or found is None or before.name != found.name:
        return False
    one, other = (
        {name: field.value for name, field in read.fields.items()} for read in (before, found)
    )
    wanted = found.kind.wanted(Document(found.name, found.fields))
    return one == other and all(name in one for name in wanted)


def _within(line: Line, quad: Quad) -> bool:
    middle = line.quad.mean(axis=0)
    return cv2.pointPolygonTest(quad, (float(middle[0]), float(middle[1])), False) >= 0


def _text_height(boxes: Sequence[TextBox]) -> float:
    """Median height of a line in pixels."""
    return float(np.median([edge_lengths(box.quad)[1] for box in boxes]))
