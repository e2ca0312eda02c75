"""The Foreign Permanent Resident Identity Card of 2023, by its number.

Source: GA 2102-2023: 18 digits as on resident cards, of which the first is 9. The card's layout was
not to be had, so only what the number says is believed, and every card is handed to a person. Cards
of 2017 have another number and are not known.
"""

from collections.abc import Collection
from datetime import date

from veridical.ocr.document import Document
from veridical.ocr.kinds.kind import FieldSpec, Found, Kind, Side, Tools
from veridical.ocr.number import birth_of, is_consistent, is_foreign, sex_of
from veridical.ocr.page import Page
from veridical.ocr.resident import read_front

__all__ = ["KINDS", "ForeignPermanentResident"]

KEPT = ("number", "birth", "sex", "name")


class ForeignPermanentResident(Kind):
    """The side with the portrait."""

    document = "prc_foreign_permanent"
    sides = (
        Side(
            "prc_foreign_permanent",
            "PRC foreign permanent resident identity card",
            "外国人永久居留身份证",
            (
                FieldSpec("name", "Name", "姓名", wanted=False),
                FieldSpec("sex", "Sex", "性别"),
                FieldSpec("birth", "Date of birth", "出生日期"),
                FieldSpec("number", "Number", "证件号码"),
            ),
        ),
    )
    rank = 25  # after the resident card, which leaves such numbers alone

    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """By a consistent number that begins with 9."""
        del names
        front = read_front(page, tools.ocrb)
        if front is None:
            return None
        number = front.fields["number"].value
        if not (is_foreign(number) and is_consistent(number)):
            return None
        fields = {name: field for name, field in front.fields.items() if name in KEPT}
        return Found(
            kind=self,
            name=self.sides[0].name,
            page=page,
            fields=fields,
            quad=front.quad,
            agreement=front.agreement,
            complete=all(name in fields for name in self.wanted(Document(self.sides[0].name))),
            portrait=front.portrait,
            texts=front.texts,
        )

    def validate(self, document: Document, today: date) -> list[str]:
        """Birth and sex against the number; and that the kind is not fully known."""
        del today
        found = ["kind_not_supported"]
        number = document.value("number") or ""
        if is_consistent(number):
            if document.value("birth") not in (None, birth_of(number)):
                found.append("number_birth_mismatch")
            if document.value("sex") not in (None, sex_of(number)):
                found.append("number_sex_mismatch")
        return found

    def holder_number(self, document: Document) -> str:
        """The number, if its check character holds."""
        number = document.value("number") or ""
        return number if is_foreign(number) and is_consistent(number) else ""


KINDS = (ForeignPermanentResident(),)
