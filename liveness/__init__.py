"""Liveness: is this a living person, here and now, before a real camera?"""

from veridical.liveness.ensemble import Ensemble, SilentSettings, Vote, read_settings
from veridical.liveness.scorer import FrameScorer, ScorerInput
from veridical.liveness.silent import Examination, FrameJudgement, SilentCheck

__all__ = [
    "Ensemble",
    "Examination",
    "FrameJudgement",
    "FrameScorer",
    "ScorerInput",
    "SilentCheck",
    "SilentSettings",
    "Vote",
    "read_settings",
]
