"""The resident identity card of the People's Republic of China.

Sources: GA 448 (layout), GB 11643-1999 (number), the Law on Resident Identity Cards of 2003,
article 5 (terms by age).
"""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import ClassVar

from veridical.ocr.dates import as_day, is_anniversary
from veridical.ocr.document import Document
from veridical.ocr.kinds.kind import FieldSpec, Found, Kind, Side, Tools
from veridical.ocr.number import (
    birth_of,
    is_consistent,
    is_foreign,
    is_resident_elsewhere,
    sex_of,
)
from veridical.ocr.page import Page
from veridical.ocr.region import RegionStatus, province_name, region_status
from veridical.ocr.resident import Front, find_number, read_front, read_front_without_number
from veridical.ocr.resident_back import Back, read_back
from veridical.result import EvidenceValue

__all__ = ["KINDS", "PrcIdBack", "PrcIdFront", "number_findings", "region_never_issued"]

PLACE = re.compile("[省市区县旗州盟]")
"""What an address names before street and house: one without has lost its first line."""


class PrcIdFront(Kind):
    """The side with the portrait and the number."""

    document = "prc_id"
    sides = (
        Side(
            "prc_id_front",
            "PRC resident identity card, portrait side",
            "居民身份证人像面",
            (
                FieldSpec("name", "Name", "姓名"),
                FieldSpec("sex", "Sex", "性别"),
                FieldSpec("nation", "Nation", "民族"),
                FieldSpec("birth", "Date of birth", "出生日期"),
                FieldSpec("address", "Address", "住址"),
                FieldSpec("number", "Citizen number", "公民身份号码"),
            ),
            digits=(0.33, 0.80, 0.97, 0.96),
        ),
    )
    rank = 20

    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """By the number, which tells where the rest stands."""
        del names
        front = read_front(page, tools.ocrb)
        return self._found(page, front) if front is not None and self._is_mine(front) else None

    def find_partly(self, page: Page, names: Collection[str]) -> Found | None:
        """By the row of the birth date, where the number cannot be read, as under glare."""
        del names
        front = read_front_without_number(page)
        return None if front is None else self._found(page, front)

    def validate(self, document: Document, today: date) -> list[str]:
        """The number against birth and sex, its region, and whether the card is a temporary one."""
        del today
        # Only a temporary card prints its term beside the portrait.
        temporary = "valid_to" in document.fields or is_temporary(document)
        found = ["temporary_card"] if temporary else []
        found += number_findings({name: one.value for name, one in document.fields.items()})
        address = document.value("address")
        if address is not None and not PLACE.search(address):
            found.append("address_incomplete")
        return found

    def compare(self, front: Document, back: Document) -> list[str]:
        """The term against the holder's age, the authority against the address."""
        return sides_disagree(front, back)

    def specimen(self, document: Document) -> str:
        """A region that was never issued, in a number that is otherwise consistent."""
        return region_never_issued(document.value("number") or "")

    def evidence(self, document: Document) -> Mapping[str, EvidenceValue]:
        """What the table says of the number's region."""
        number = document.value("number")
        # A withdrawn code is no finding: people born under it keep it for life.
        return {"region": str(region_status(number[:6]))} if number else {}

    def holder_number(self, document: Document) -> str:
        """The citizen number."""
        number = document.value("number") or ""
        return number if is_consistent(number) else ""

    def others(self, page: Page, tools: Tools) -> int:
        """One if there is another number; a card's other side has none."""
        return int(tools.ocrb is not None and find_number(page, tools.ocrb) is not None)

    def _is_mine(self, front: Front) -> bool:
        """Foreigners and residents of Hong Kong, Macao and Taiwan have cards of their own."""
        number = front.fields["number"].value
        others = is_foreign(number) or is_resident_elsewhere(number)
        return not (others and is_consistent(number))

    def _found(self, page: Page, front: Front) -> Found:
        return Found(
            kind=self,
            name=self.sides[0].name,
            page=page,
            fields=front.fields,
            quad=front.quad,
            agreement=front.agreement,
            complete=front.complete,
            portrait=front.portrait,
            texts=front.texts,
            places=front.places,
            evidence={"layout": front.layout},
        )


class PrcIdBack(Kind):
    """The side with authority and term."""

    document = "prc_id"
    sides = (
        Side(
            "prc_id_back",
            "PRC resident identity card, emblem side",
            "居民身份证国徽面",
            (
                FieldSpec("authority", "Issuing authority", "签发机关"),
                FieldSpec("valid_from", "First day of validity", "有效期起"),
                FieldSpec("valid_to", "Last day of validity", "有效期至"),
            ),
            is_back=True,
        ),
    )
    rank = 90
    terms_years: ClassVar[tuple[int, ...]] = (5, 10, 20)

    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """By the term, or by the title of a temporary card."""
        del names, tools
        back = read_back(page)
        return None if back is None else self._found(page, back)

    def _found(self, page: Page, back: Back) -> Found:
        return Found(
            kind=self,
            name=self.sides[0].name,
            page=page,
            fields=back.fields,
            quad=back.quad,
            agreement=back.agreement,
            complete=back.complete,
            texts=back.texts,
            evidence={"layout": back.layout},
        )

    def validate(self, document: Document, today: date) -> list[str]:
        """A card is valid for some whole years to the day, or for good."""
        del today
        found = ["temporary_card"] if is_temporary(document) else []
        starts, ends = as_day(document.value("valid_from")), as_day(document.value("valid_to"))
        if starts is None or ends is None:
            return found
        legal = is_anniversary(starts, ends, self.terms_years)
        return found if legal else [*found, "term_not_legal"]


def is_temporary(document: Document) -> bool:
    """Whether a card says of itself that it is a temporary one."""
    return any("临时" in text for text in document.texts)


def region_never_issued(number: str) -> str:
    """The finding of a region that nobody has, in a number that is otherwise consistent."""
    never = is_consistent(number) and region_status(number[:6]) is RegionStatus.NEVER_ISSUED
    return "region_never_issued" if never else ""


def number_findings(values: Mapping[str, str]) -> list[str]:
    """What does not fit between a citizen number, birth and sex, by their field names."""
    number = values.get("number")
    if number is None:
        return []
    found: list[str] = []
    if not is_consistent(number):
        found.append("number_check_digit")
    if "birth" in values and values["birth"] != birth_of(number):
        found.append("number_birth_mismatch")
    if "sex" in values and values["sex"] != sex_of(number):
        found.append("number_sex_mismatch")
    status = region_status(number[:6])
    if status is RegionStatus.NEVER_ISSUED:
        found.append("region_never_issued")
    # Specimens have a city's code; one of a province that does not exist is a misread number.
    elsewhere = is_resident_elsewhere(number)
    if status is RegionStatus.UNKNOWN or (province_name(number[:6]) is None and not elsewhere):
        found.append("region_unknown")
    return found


def sides_disagree(front: Document, back: Document) -> list[str]:
    """What speaks for two sides of different cards.

    Returns:
        Codes: `term_not_for_age` (the law ties the term to the holder's age at issue),
        `issued_before_birth`, `front_back_mismatch` (no name of the issuing authority's place
        stands in the address: a sign, not proof, for people move).
    """
    found: list[str] = []
    birth, starts = as_day(front.value("birth")), as_day(back.value("valid_from"))
    ends = back.value("valid_to")
    if birth and starts:
        if starts < birth:
            found.append("issued_before_birth")
        elif ends:
            age = starts.year - birth.year - ((starts.month, starts.day) < (birth.month, birth.day))
            day = as_day(ends)
            term = day.year - starts.year if day else None
            if term not in _terms_at(age):
                found.append("term_not_for_age")
    authority, address = back.value("authority"), front.value("address")
    if authority and address and not _same_place(authority, address):
        found.append("front_back_mismatch")
    return found


def _terms_at(age: int) -> tuple[int | None, ...]:
    """Terms in years the law allows at an age; None stands for long-term."""
    if age < 16:
        return (5,)
    if age < 26:
        return (10,)
    return (20,) if age < 46 else (None,)


def _same_place(authority: str, address: str) -> bool:
    """Whether the authority's city, county or district, without its suffix, is in the address."""
    place = authority.split("公安")[0]
    rest = authority.split("公安局")[-1].removesuffix("分局")
    names = [part.rstrip("市县区旗州盟") for part in (place, rest)]
    return any(len(name) >= 2 and name in address for name in names)


KINDS = (PrcIdFront(), PrcIdBack())
