"""Enrolled templates: compared one to one, and searched one to many."""

from veridical.gallery.entry import Attributes, Enrolment, Hit, Statistics
from veridical.gallery.gallery import Gallery
from veridical.gallery.rates import FmrCurve
from veridical.gallery.watchlist import WatchlistCheck

__all__ = [
    "Attributes",
    "Enrolment",
    "FmrCurve",
    "Gallery",
    "Hit",
    "Statistics",
    "WatchlistCheck",
]
