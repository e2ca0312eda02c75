"""Signals: what surrounds an applicant. They lower an accept to review, and do nothing else."""

from veridical.signals.facts import FACT_KEYS, SignalFacts
from veridical.signals.settings import COMPARING, LIMITS, SignalSettings

__all__ = ["COMPARING", "FACT_KEYS", "LIMITS", "SignalFacts", "SignalSettings"]
