"""Days as documents state them: ISO texts, or none at all."""

from collections.abc import Collection
from datetime import date

__all__ = ["LONG_TERM", "as_day", "is_anniversary", "iso_day"]

LONG_TERM = "long-term"
"""Value of a last day of validity that there is none of."""


def as_day(text: str | None) -> date | None:
    """A date in ISO form, or None for anything else."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def iso_day(year: str, month: str, day: str) -> str | None:
    """A date in ISO form, or None when there is no such day."""
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


def is_anniversary(start: date, day: date, years: Collection[int]) -> bool:
    """Whether a day is so many years after another, to the day; of 29 February beside it."""
    leap = (start.month, start.day) == (2, 29) and (day.month, day.day) in ((2, 28), (3, 1))
    same = (start.month, start.day) == (day.month, day.day)
    return day.year - start.year in years and (same or leap)
