"""The residence permit for residents of Hong Kong, Macao and Taiwan.

Sources: the State Council's measures of 2018 (a citizen number of 810000, 820000 or 830000, valid
for five years, the number of the holder's travel permit on it) and GB 11643. The portrait side has
the layout of the identity card, without a nation; that of the other side is known in its outlines
and was tried on own drawings only.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from veridical.ocr.document import Document, Field
from veridical.ocr.kinds.kind import FieldSpec, Found, Side, Tools
from veridical.ocr.kinds.prc_id import PrcIdBack, PrcIdFront
from veridical.ocr.number import is_consistent, is_resident_elsewhere
from veridical.ocr.page import Line, Page
from veridical.ocr.resident import Front
from veridical.ocr.resident_back import read_back
from veridical.ocr.written import Written

__all__ = ["KINDS", "ResidenceBack", "ResidenceFront"]

PERMIT = re.compile(r"(?<![A-Z\d])([HM]\d{8}|[HM]A\d{7}|\d{8})(?!\d)")
TITLE = re.compile("居民居住证|民居住证")
PERMIT_ROWS = 2
PERMITS_OF = {"810000": "H", "820000": "M"}
"""First letter of the travel permit by the region of the number; that of Taiwan has none."""


class ResidenceFront(PrcIdFront):
    """The side with the portrait and the number."""

    document = "prc_residence"
    sides = (
        Side(
            "prc_residence_front",
            "Residence permit for Hong Kong, Macao or Taiwan residents, portrait side",
            "港澳台居民居住证人像面",
            (
                FieldSpec("name", "Name", "姓名"),
                FieldSpec("sex", "Sex", "性别"),
                FieldSpec("birth", "Date of birth", "出生日期"),
                FieldSpec("address", "Address", "住址"),
                FieldSpec("number", "Citizen number", "公民身份号码"),
            ),
            digits=PrcIdFront.sides[0].digits,
        ),
    )
    rank = 21  # after the identity card, which leaves such numbers alone

    def find_partly(self, page: Page, names: Collection[str]) -> Found | None:
        """Without its number it is told from an identity card by nothing that is read."""
        del page, names
        return None

    def others(self, page: Page, tools: Tools) -> int:
        """None: the identity card counts every citizen number, whichever card bears it."""
        del page, tools
        return 0

    def compare(self, front: Document, back: Document) -> list[str]:
        """The region of the number against the letter of the travel permit."""
        number, permit = front.value("number") or "", back.value("permit_number")
        wanted = PERMITS_OF.get(number[:6], "")
        if permit is None or not is_resident_elsewhere(number):
            return []
        return [] if re.sub(r"\d", "", permit)[:1] == wanted else ["front_back_mismatch"]

    def _is_mine(self, front: Front) -> bool:
        number = front.fields["number"].value if "number" in front.fields else ""
        return is_resident_elsewhere(number) and is_consistent(number)


class ResidenceBack(PrcIdBack):
    """The side with authority, term, and the number of the travel permit."""

    document = "prc_residence"
    sides = (
        Side(
            "prc_residence_back",
            "Residence permit for Hong Kong, Macao or Taiwan residents, emblem side",
            "港澳台居民居住证国徽面",
            (
                FieldSpec("authority", "Issuing authority", "签发机关"),
                FieldSpec("valid_from", "First day of validity", "有效期起"),
                FieldSpec("valid_to", "Last day of validity", "有效期至"),
                FieldSpec("permit_number", "Number of the travel permit", "通行证号码"),
            ),
            is_back=True,
        ),
    )
    rank = 89
    terms_years = (5,)

    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """By the title, or by the travel permit's number below the term."""
        del names, tools
        back = read_back(page)
        if back is None or "valid_to" not in back.fields:
            return None
        permit = _permit(page, back.below)
        if permit is None and not any(TITLE.search(text.replace(" ", "")) for text in back.texts):
            return None
        fields = {**back.fields} if permit is None else {**back.fields, "permit_number": permit}
        return self._found(page, replace(back, fields=fields, wanted=4))


def _permit(page: Page, rows: Sequence[Sequence[Line]]) -> Field | None:
    """The travel permit's number in the rows below the term."""
    for row in rows[:PERMIT_ROWS]:
        written = Written.on(page, row)
        if match := PERMIT.search(written.text):
            return written.part(*match.span()).field()
    return None


KINDS = (ResidenceFront(), ResidenceBack())
