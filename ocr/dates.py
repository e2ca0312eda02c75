"""Days as documents state them: ISO texts, or none at all."""

from datetime import date

__all__ = ["LONG_TERM", "as_day", "iso_day"]

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
