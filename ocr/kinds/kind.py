"""What is every kind of document asked: where is it, what does it say, and does that fit?"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

import cv2
import numpy as np

from veridical.ocr.document import Document, Field
from veridical.ocr.geometry import Quad
from veridical.ocr.mrz import Mrz
from veridical.ocr.ocrb import OcrbRecogniser
from veridical.ocr.page import Page
from veridical.result import EvidenceValue

__all__ = ["FieldSpec", "Found", "Inspection", "Kind", "Side", "Tools", "place_on"]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field that a side may have.

    Attributes:
        name: Its key in `Document.fields`.
        en: What people call it, in English.
        zh: The same in Chinese.
        wanted: Whether a side without it lacks something.
    """

    name: str
    en: str
    zh: str
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Side:
    """One side or page of a document.

    Attributes:
        name: `Document.kind` of what is read there.
        en: What people call it, in English.
        zh: The same in Chinese.
        fields: What may stand there.
        is_back: Whether it is the side that has no portrait and belongs to one that has.
        alone: Whether it is enough wherever it stands: a zone says everything on either side.
        digits: Left, top, right, bottom of a number of 18 digits, in shares of the card's sides:
            whether they stand on one line is measured there.
    """

    name: str
    en: str
    zh: str
    fields: tuple[FieldSpec, ...]
    is_back: bool = False
    alone: bool = False
    digits: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What a kind may ask while it looks at a page, beside the page's own reader.

    Attributes:
        ocrb: Reads a line of OCR-B in a twentieth of the time; None where it is missing.
        today: Day by which the century of a year is decided.
    """

    ocrb: OcrbRecogniser | None
    today: date


@dataclass(frozen=True, slots=True)
class Inspection:
    """What only the reading that is kept is asked for.

    Attributes:
        evidence: Small numbers and words about it.
        warnings: Codes of what does not fit.
    """

    evidence: Mapping[str, EvidenceValue] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One side of a document, as found on a page.

    Attributes:
        kind: Who found it.
        name: Which of its sides.
        page: Where.
        fields: Values by name.
        quad: Where the layout puts the corners, in the picture.
        agreement: How much of the reading supports itself: of two readings of one picture the one
            with more is kept. A number with right check digits should be worth 5 and more.
        complete: Whether there is nothing to gain from looking again, larger.
        portrait: Where the layout puts the portrait, in the picture.
        texts: Words outside the fields, such as a specimen mark.
        mrz: The machine-readable zone.
        places: Where the layout puts each field, in the picture, read or not.
        evidence: Small numbers and words about the reading.
        inspect: Asked once, of the reading that is kept; for what costs time.
    """

    kind: "Kind"
    name: str
    page: Page
    fields: Mapping[str, Field]
    quad: Quad
    agreement: float
    complete: bool
    portrait: Quad | None = None
    texts: tuple[str, ...] = ()
    mrz: Mrz | None = None
    places: Mapping[str, Quad] = field(default_factory=dict)
    evidence: Mapping[str, EvidenceValue] = field(default_factory=dict)
    inspect: Callable[[], Inspection] = Inspection


class Kind(ABC):
    """One kind of document, or one side of it where sides are found differently.

    A module of `ocr/kinds` with a `KINDS` of such objects is all that the reader, the checks, the
    command line and the evaluation need; docs/how-to/add-a-kind.md walks through one.

    Attributes:
        document: What its sides share, such as `prc_id`: two pictures of one document have it in
            common.
        sides: What it can find.
        rank: Kinds are tried in this order and the first that finds something is believed: 10 for
            zones, which geometry shows, 20 for numbers with check digits, 50 for other captions,
            90 for what is told by dates alone.
        in_small_text: Whether it can be found where text is too small to be told apart.
        has_company: Whether other documents are looked for beside it in the picture.
    """

    document: ClassVar[str]
    sides: ClassVar[tuple[Side, ...]]
    rank: ClassVar[int]
    in_small_text: ClassVar[bool] = False
    has_company: ClassVar[bool] = True

    @abstractmethod
    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """One of its sides on a page.

        Args:
            page: The page, whose lines are read when asked.
            names: Which sides to look for, at least one of its own.
            tools: What else may be asked.

        Returns:
            What was found; None when the page shows none, which is most often.
        """

    def find_partly(self, page: Page, names: Collection[str]) -> Found | None:
        """As `find`, where nothing was found in any look: by less than it usually takes."""
        del page, names
        return None

    def portrait(self, found: Found, quad: Quad) -> Quad | None:
        """Where the portrait is, once the edges of the document are known."""
        del quad
        return found.portrait

    def wanted(self, document: Document) -> tuple[str, ...]:
        """Names of the fields without which a side of it lacks something."""
        return tuple(spec.name for spec in self.side(document.kind).fields if spec.wanted)

    def validate(self, document: Document, today: date) -> list[str]:
        """Codes of what on one side does not fit, beyond what every document is asked.

        Args:
            document: What was read.
            today: Day by which validity is judged.
        """
        del document, today
        return []

    def compare(self, front: Document, back: Document) -> list[str]:
        """Codes of what speaks for two sides of different documents."""
        del front, back
        return []

    def specimen(self, document: Document) -> str:
        """Why what was read was never issued to anybody; empty when it may have been."""
        del document
        return ""

    def evidence(self, document: Document) -> Mapping[str, EvidenceValue]:
        """What a reviewer may want to know about what was read; nothing personal."""
        del document
        return {}

    def holder_number(self, document: Document) -> str:
        """The number that says who holds the document, if its check digits hold; else empty."""
        del document
        return ""

    def others(self, page: Page, tools: Tools) -> int:
        """How many more holders' documents of this kind are on a page; cheap, and only if sure."""
        del page, tools
        return 0

    def side(self, name: str) -> Side:
        """The side of a name."""
        return next(side for side in self.sides if side.name == name)


def place_on(quad: Quad, share: tuple[float, float, float, float]) -> Quad:
    """A part of a document in the picture.

    Args:
        quad: The document's corners.
        share: Left, top, right, bottom of the part, in shares of the document's sides.
    """
    left, top, right, bottom = share
    corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float32)
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    matrix = cv2.getPerspectiveTransform(unit, quad)
    placed: Quad = cv2.perspectiveTransform(corners, matrix)[0].astype(np.float32)
    return placed
