"""Did the head turn as it was asked to? A challenge for those who cannot read aloud."""

from veridical.liveness.motion.check import MotionCheck, MotionFinding, MotionGate
from veridical.liveness.motion.course import DIRECTIONS, draw_turns
from veridical.liveness.motion.track import HeadTrack, head_track

__all__ = [
    "DIRECTIONS",
    "HeadTrack",
    "MotionCheck",
    "MotionFinding",
    "MotionGate",
    "draw_turns",
    "head_track",
]
