"""Liveness: is this a living person, here and now, before a real camera?"""

from veridical.liveness.ensemble import Ensemble, SilentSettings, Vote, read_settings
from veridical.liveness.fingerprint import FingerprintIndex, distance_bits, fingerprint
from veridical.liveness.injection import (
    Attestor,
    CaptureFacts,
    InjectionCheck,
    InjectionSettings,
)
from veridical.liveness.scorer import FrameScorer, ScorerInput
from veridical.liveness.silent import Examination, FrameJudgement, SilentCheck

__all__ = [
    "Attestor",
    "CaptureFacts",
    "Ensemble",
    "Examination",
    "FingerprintIndex",
    "FrameJudgement",
    "FrameScorer",
    "InjectionCheck",
    "InjectionSettings",
    "ScorerInput",
    "SilentCheck",
    "SilentSettings",
    "Vote",
    "distance_bits",
    "fingerprint",
    "read_settings",
]
