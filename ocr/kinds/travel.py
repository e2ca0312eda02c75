"""Travel documents with a machine-readable zone (ICAO Doc 9303, and one of France)."""

from collections.abc import Collection, Mapping
from datetime import date

import numpy as np

from veridical.ocr.document import Document, Field
from veridical.ocr.geometry import Quad, bounds
from veridical.ocr.kinds.kind import FieldSpec, Found, Inspection, Kind, Side, Tools, place_on
from veridical.ocr.mrz_zone import Zone, read_zone
from veridical.ocr.page import Page
from veridical.ocr.visual_zone import DIFFERS, compare_visual

__all__ = ["KINDS", "TravelDocument"]

PORTRAIT = (0.02, 0.1, 0.38, 0.72)
"""Left, top, right, bottom of the portrait on a page with a zone, in shares of the page."""
EXAMPLE_STATES = {"UTO"}
"""Utopia, the state of ICAO's examples (Doc 9303-3, part 5)."""
FIELDS = (
    FieldSpec("document_number", "Document number", "证件号码"),
    FieldSpec("surname", "Surname", "姓"),
    FieldSpec("given_names", "Given names", "名", wanted=False),
    FieldSpec("nationality", "Nationality", "国籍", wanted=False),
    FieldSpec("issuer", "Issuing state", "签发国", wanted=False),
    FieldSpec("birth", "Date of birth", "出生日期"),
    FieldSpec("sex", "Sex", "性别", wanted=False),
    FieldSpec("expiry", "Date of expiry", "有效期至"),
    FieldSpec("optional", "Optional data", "备注", wanted=False),
)


class TravelDocument(Kind):
    """Any document with a zone in one of ICAO's five formats."""

    document = "travel"
    sides = (
        Side(
            "td1",
            "Identity card with a zone (TD1)",
            "带机读码的身份证件（TD1）",
            FIELDS,
            alone=True,
        ),
        Side(
            "td2",
            "Identity document with a zone (TD2)",
            "带机读码的证件（TD2）",
            FIELDS,
            alone=True,
        ),
        Side("td3", "Passport (TD3)", "护照（TD3）", FIELDS, alone=True),
        Side("mrva", "Visa, format A", "签证（A 型）", FIELDS, alone=True),
        Side("mrvb", "Visa, format B", "签证（B 型）", FIELDS, alone=True),
        Side(
            "fra_id",
            "French identity card of 1988 to 2021",
            "法国身份证（1988–2021）",
            tuple(spec for spec in FIELDS if spec.name not in ("nationality", "expiry")),
            alone=True,
        ),
    )
    rank = 10
    in_small_text = True
    has_company = False

    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """The zone on a page, and the page around it."""
        del names  # what a zone is, its own length and first letter say
        if tools.ocrb is None:
            return None
        # The direction classifier knows fillers little: look from the other side too.
        for side in (page, page.upside_down()):
            zone = read_zone(side, tools.ocrb, tools.today)
            if zone is not None and zone.certain:
                return self._found(side, zone)
        return None

    def portrait(self, found: Found, quad: Quad) -> Quad | None:
        """Left of the data above the zone; a TD1's zone stands on the back."""
        return None if found.name == "td1" else place_on(quad, PORTRAIT)

    def wanted(self, document: Document) -> tuple[str, ...]:
        """A birth that the issuer does not know is not missing."""
        names = super().wanted(document)
        unknown = document.mrz is not None and document.mrz.birth_incomplete
        return tuple(name for name in names if name != "birth") if unknown else names

    def validate(self, document: Document, today: date) -> list[str]:
        """Check digits, states, and dates the zone does not tell."""
        del today
        mrz = document.mrz
        if mrz is None:
            return []
        found = {
            "mrz_check_digit": not all(mrz.checks.values()),
            "state_unknown": not mrz.known_states,
            "birth_incomplete": mrz.birth_incomplete,
            "expiry_not_read": not mrz.has_expiry,
        }
        return [code for code, there in found.items() if there]

    def specimen(self, document: Document) -> str:
        """A state that exists in examples only."""
        states = {document.value("issuer"), document.value("nationality")}
        return "example_state" if states & EXAMPLE_STATES else ""

    def holder_number(self, document: Document) -> str:
        """The document's number: a zone has no other."""
        if document.mrz is None or not document.mrz.checks.get("number"):
            return ""
        return document.value("document_number") or ""

    def others(self, page: Page, tools: Tools) -> int:
        """One if there is another zone."""
        zone = None if tools.ocrb is None else read_zone(page, tools.ocrb, tools.today)
        return int(zone is not None and zone.certain)

    def _found(self, page: Page, zone: Zone) -> Found:
        def inspect() -> Inspection:
            seen = compare_visual(page, zone.lines, zone.mrz.fields)
            differs = seen["visual_number"] == DIFFERS
            return Inspection(seen, ("visual_mismatch",) if differs else ())

        return Found(
            kind=self,
            name=zone.mrz.kind,
            page=page,
            fields=_fields(zone),
            quad=zone.outline(page),
            agreement=zone.agreement,
            complete=zone.complete,
            mrz=zone.mrz,
            evidence={"corrections": len(zone.mrz.corrections)},
            inspect=inspect,
        )


def _fields(zone: Zone) -> Mapping[str, Field]:
    """The fields of a zone; names as read, never corrected beyond their look-alike digits."""
    box = bounds(np.concatenate([line.quad for line in zone.lines]))
    return {
        name: Field(value, float(min(zone.mrz.scores)), box, weakest=zone.mrz.weakest.get(name))
        for name, value in zone.mrz.fields.items()
    }


KINDS = (TravelDocument(),)
