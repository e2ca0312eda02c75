"""Are today's scores and reasons still those of the period somebody approved? Counts only."""

from veridical.verification.drift.assess import Baseline, Finding, assess
from veridical.verification.drift.rules import DriftRules, RiseRule, Scale, ShiftRule
from veridical.verification.drift.series import Series, Tally, line_of, merged, observations

__all__ = [
    "Baseline",
    "DriftRules",
    "Finding",
    "RiseRule",
    "Scale",
    "Series",
    "ShiftRule",
    "Tally",
    "assess",
    "line_of",
    "merged",
    "observations",
]
