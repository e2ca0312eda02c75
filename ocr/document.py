"""What was read from one side of an identity document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from veridical.ocr.geometry import Quad
from veridical.ocr.mrz import Mrz
from veridical.result import EvidenceValue, ModelRef
from veridical.types import Box, Image

__all__ = ["SURE_CHARACTER", "Document", "Field", "Source", "unsure_fields"]

SURE_CHARACTER = 0.65
"""Probability from which a character is believed where no check digit guards it. Of 1,340 zone
lines and 990 values of cards that were read right 2 and 0 held one below; of 16 read wrong all but
those that lost whole characters did (own renders, docs/measurements/documents.md)."""


class Source(StrEnum):
    """Where the value of a field comes from."""

    READ = "read"
    DERIVED = "derived"
    CORRECTED = "corrected"
    BARCODE = "barcode"


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a document.

    Attributes:
        value: NFKC text; dates as YYYY-MM-DD or `long-term`.
        score: Mean probability of its characters, 0..1; that of its origin for a derived value.
        box: Where it stands in the picture; None for a derived value.
        source: `read` as printed, `derived` from another field (a birth date from the number),
            `corrected` where a character was replaced by the one that only fits there, `barcode`
            for what a symbol that corrects its own errors says.
        corrections: Each correction as `position:read>value`, position counted from 0.
        weakest: Probability of its least certain character, 0..1, where no check digit guards
            it; None where one does, and for dates, which other fields confirm.
    """

    value: str
    score: float
    box: Box | None
    source: Source = Source.READ
    corrections: tuple[str, ...] = ()
    weakest: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One side of a document, as read from one picture.

    Attributes:
        kind: `prc_id_front`, `prc_id_back`, `td1`, `td2`, `td3`, `mrva`, `mrvb`, or `none`.
        fields: Values by name. Resident identity card, front: `name sex nation birth address
            number`; back: `authority valid_from valid_to`. Machine-readable zone:
            `document_number surname given_names nationality issuer birth sex expiry`.
        quad: Corners of the card in the picture, top left of the upright card first; None when
            its place is unknown.
        rotation_deg: How far the card lies turned clockwise in the picture, -180..180.
        card: The card laid flat and upright.
        portrait_box: Where the portrait is in the picture.
        portrait: The portrait, upright, with some margin.
        texts: Other words on the document, such as a specimen mark.
        warnings: Stable codes of what does not fit, such as `number_check_digit`.
        mrz: The machine-readable zone, when the document has one.
        evidence: Small numbers about the reading.
        models: The models that took part.
    """

    kind: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    quad: Quad | None = None
    rotation_deg: float = 0.0
    card: Image | None = None
    portrait_box: Box | None = None
    portrait: Image | None = None
    texts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    mrz: Mrz | None = None
    evidence: Mapping[str, EvidenceValue] = field(default_factory=dict)
    models: tuple[ModelRef, ...] = ()

    def value(self, name: str) -> str | None:
        """Value of a field, or None when it was not read."""
        found = self.fields.get(name)
        return found.value if found else None


def unsure_fields(fields: Mapping[str, Field]) -> tuple[str, ...]:
    """Names of the fields with a character that was hard to read and that nothing else guards."""
    return tuple(
        name
        for name, found in fields.items()
        if found.weakest is not None and found.weakest < SURE_CHARACTER
    )
