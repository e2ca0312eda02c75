"""How old is the holder by the document, on a given day?"""

from collections.abc import Sequence
from datetime import date

from veridical.chip.inspection import ChipInspection
from veridical.ocr.dates import as_day, iso_day
from veridical.ocr.document import SURE_CHARACTER, Document
from veridical.result import EvidenceValue, Measurement

__all__ = ["AgeCheck", "years_on"]

SURE = 0.9
"""Mean probability from which a printed birth that no check digit guards is believed."""


class AgeCheck:
    """The holder's age in whole years by the document: the score itself.

    A zone has two digits of a year. Where more than one day of birth fits, because no full date and
    no day of issue decides, the age is not assessed: a child is never made a hundred years old, nor
    the other way round.
    """

    name = "document.age"

    def __call__(
        self, printed: Sequence[Document], chip: ChipInspection | None, today: date
    ) -> Measurement:
        """Measure one holder.

        Args:
            printed: The sides of the document that were read.
            chip: Its chip, where it is believed: asked first.
            today: The day.
        """
        source, days = _births(printed, chip, today)
        evidence: dict[str, EvidenceValue] = {"source": source, "birth_days": len(days)}
        if len(days) != 1:
            reason = "birth_century_open" if days else "birth_not_read"
            return Measurement(self.name, None, reason, evidence)
        age = years_on(days[0], today)
        return Measurement(self.name, float(age), "under_age", evidence)


def years_on(birth: date, day: date) -> int:
    """Whole years from a birth to a day; who was born on 29 February has birthday on 1 March."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def _births(
    printed: Sequence[Document], chip: ChipInspection | None, today: date
) -> tuple[str, Sequence[date]]:
    """Where the birth stands, and the days it can be."""
    if chip is not None and chip.zone is not None:
        days = chip.zone.birth_days(today)
        full, issued = _packed(chip.details.get("birth")), _packed(chip.details.get("issued"))
        if full in days:
            return "chip", (full,)
        return "chip", [day for day in days if issued is None or day <= issued]
    for side in printed:
        issued = as_day(side.value("issued") or side.value("valid_from"))
        if side.mrz is not None:
            if side.mrz.checks.get("birth"):
                days = side.mrz.birth_days(today)
                return "zone", [day for day in days if issued is None or day <= issued]
        elif birth := _printed(side, today):
            return "print", (birth,)
    return "", ()


def _printed(side: Document, today: date) -> date | None:
    """A birth with its whole year, read well."""
    field = side.fields.get("birth")
    if field is None or field.score < SURE:
        return None
    if field.weakest is not None and field.weakest < SURE_CHARACTER:
        return None
    day = as_day(field.value)
    return day if day is not None and day <= today else None


def _packed(text: str | None) -> date | None:
    """YYYYMMDD as a day."""
    if text is None or len(text) != 8 or not text.isdigit():
        return None
    return as_day(iso_day(text[:4], text[4:6], text[6:]))
