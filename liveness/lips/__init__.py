"""Did these lips speak the prompt, now?"""

from veridical.liveness.lips.adaptation import Adaptation
from veridical.liveness.lips.check import Finding, LipsCheck
from veridical.liveness.lips.gate import Gate
from veridical.liveness.lips.heard import Heard
from veridical.liveness.lips.read import LipReader, LipScorer
from veridical.liveness.lips.schedule import Reader, ScheduleModel
from veridical.liveness.lips.sync import Agreement, LipSync
from veridical.liveness.lips.track import (
    MouthFrame,
    MouthTrack,
    follow_mouth,
    mouth_frame,
    mouth_track,
    track_of,
)

__all__ = [
    "Adaptation",
    "Agreement",
    "Finding",
    "Gate",
    "Heard",
    "LipReader",
    "LipScorer",
    "LipSync",
    "LipsCheck",
    "MouthFrame",
    "MouthTrack",
    "Reader",
    "ScheduleModel",
    "follow_mouth",
    "mouth_frame",
    "mouth_track",
    "track_of",
]
