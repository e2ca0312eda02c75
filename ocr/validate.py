"""Does what a document says fit together?

Every finding is a stable code; what it is worth is the decision's business. Sources: GB 11643-1999
(number), the Law on Resident Identity Cards of 2003, article 5 (terms by age), ICAO Doc 9303.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from veridical.ocr.document import Document, Field, unsure_fields
from veridical.ocr.mrz import Mrz
from veridical.ocr.number import birth_of, is_consistent, sex_of
from veridical.ocr.region import RegionStatus, province_name, region_status

__all__ = ["LONG_TERM", "WANTED_FIELDS", "sides_disagree", "validate"]

LONG_TERM = "long-term"
MRZ_FIELDS = ("document_number", "surname", "birth", "expiry")
WANTED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "prc_id_front": ("name", "sex", "nation", "birth", "address", "number"),
    "prc_id_back": ("authority", "valid_from", "valid_to"),
    "td1": MRZ_FIELDS,
    "td2": MRZ_FIELDS,
    "td3": MRZ_FIELDS,
    "mrva": MRZ_FIELDS,
    "mrvb": MRZ_FIELDS,
}
TERMS_YEARS = (5, 10, 20)
PLACE = re.compile("[省市区县旗州盟]")
"""What an address names before street and house: one without has lost its first line."""


def validate(
    kind: str,
    fields: Mapping[str, Field],
    mrz: Mrz | None,
    today: date,
    texts: Sequence[str] = (),
) -> tuple[str, ...]:
    """Everything about one side that does not fit.

    Args:
        kind: Kind of the document.
        fields: What was read.
        mrz: Its machine-readable zone, when it has one.
        today: Day by which validity is judged.
        texts: Other words on it.

    Returns:
        Codes: `temporary_card number_check_digit number_birth_mismatch number_sex_mismatch
        region_unknown region_never_issued address_incomplete term_not_legal expired not_yet_valid
        mrz_check_digit state_unknown field_unsure birth_in_future fields_missing`.
    """
    values = {name: field.value for name, field in fields.items()}
    found: list[str] = []
    # Only a temporary card prints its term beside the portrait.
    issued = kind == "prc_id_front" and "valid_to" in fields
    if issued or (kind.startswith("prc") and any("临时" in text for text in texts)):
        found.append("temporary_card")
    if kind == "prc_id_front":
        found += _number_findings(values)
    if kind == "prc_id_back":
        found += _term_findings(values)
    if "address" in values and not PLACE.search(values["address"]):
        found.append("address_incomplete")
    if mrz is not None and not all(mrz.checks.values()):
        found.append("mrz_check_digit")
    if mrz is not None and not mrz.known_states:
        found.append("state_unknown")
    if unsure_fields(fields):
        found.append("field_unsure")
    if _day(values.get("birth")) and values["birth"] > today.isoformat():
        found.append("birth_in_future")
    ends = _day(values.get("valid_to") or values.get("expiry"))
    if ends and ends < today:
        found.append("expired")
    starts = _day(values.get("valid_from"))
    if starts and starts > today:
        found.append("not_yet_valid")
    if any(name not in fields for name in WANTED_FIELDS.get(kind, ())):
        found.append("fields_missing")
    return tuple(found)


def _number_findings(values: Mapping[str, str]) -> list[str]:
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
    if status is RegionStatus.UNKNOWN or province_name(number[:6]) is None:
        found.append("region_unknown")
    return found


def _term_findings(values: Mapping[str, str]) -> list[str]:
    """A card is valid for 5, 10 or 20 years to the day, or for good."""
    starts, ends = _day(values.get("valid_from")), _day(values.get("valid_to"))
    if starts is None or ends is None:
        return []
    years = ends.year - starts.year
    # Issued on 29 February, a card ends on the day before or after that day.
    leap = (starts.month, starts.day) == (2, 29) and (ends.month, ends.day) in ((2, 28), (3, 1))
    same_day = (starts.month, starts.day) == (ends.month, ends.day)
    return [] if years in TERMS_YEARS and (same_day or leap) else ["term_not_legal"]


def sides_disagree(front: Document, back: Document) -> tuple[str, ...]:
    """What speaks for two sides of different resident identity cards.

    Returns:
        Codes: `term_not_for_age` (the law ties the term to the holder's age at issue),
        `issued_before_birth`, `front_back_mismatch` (no name of the issuing authority's place
        stands in the address: a sign, not proof, for people move).
    """
    found: list[str] = []
    birth, starts = _day(front.value("birth")), _day(back.value("valid_from"))
    ends = back.value("valid_to")
    if birth and starts:
        if starts < birth:
            found.append("issued_before_birth")
        elif ends:
            age = starts.year - birth.year - ((starts.month, starts.day) < (birth.month, birth.day))
            day = _day(ends)
            term = day.year - starts.year if day else None
            if term not in _terms_at(age):
                found.append("term_not_for_age")
    authority, address = back.value("authority"), front.value("address")
    if authority and address and not _same_place(authority, address):
        found.append("front_back_mismatch")
    return tuple(found)


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


def _day(text: str | None) -> date | None:
    """A date in ISO form, or None for anything else."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
