"""Enrolled templates: compared one to one, and searched one to many."""

from typing import TYPE_CHECKING

from veridical.gallery.entry import Attributes, Enrolment, Hit, Outdated, Statistics
from veridical.gallery.rates import FmrCurve
from veridical.gallery.watchlist import WatchlistCheck

if TYPE_CHECKING:
    from veridical.gallery.gallery import Gallery

__all__ = [
    "Attributes",
    "Enrolment",
    "FmrCurve",
    "Gallery",
    "Hit",
    "Outdated",
    "Statistics",
    "WatchlistCheck",
]


def __getattr__(name: str) -> object:
    """Import `Gallery` when it is asked for: verifying without a list needs no database."""
    if name == "Gallery":
        from veridical.gallery.gallery import Gallery

        return Gallery
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
