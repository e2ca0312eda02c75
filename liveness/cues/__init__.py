"""Signs of a presentation attack that need no network, each in a module of its own."""

from veridical.liveness.cues.border import HeldFrame
from veridical.liveness.cues.cue import Cue, Limits
from veridical.liveness.cues.eyes import EyeMotion
from veridical.liveness.cues.flat import FlatMotion
from veridical.liveness.cues.frozen import FrozenFrames, LoopedFrames
from veridical.liveness.cues.plane import OnePlane
from veridical.liveness.cues.screen import ScreenPattern
from veridical.liveness.cues.second_face import SecondFace

__all__ = [
    "ALL_CUES",
    "Cue",
    "EyeMotion",
    "FlatMotion",
    "FrozenFrames",
    "HeldFrame",
    "Limits",
    "LoopedFrames",
    "OnePlane",
    "ScreenPattern",
    "SecondFace",
]

ALL_CUES: tuple[Cue, ...] = (
    ScreenPattern(),
    FlatMotion(),
    OnePlane(),
    HeldFrame(),
    FrozenFrames(),
    LoopedFrames(),
    SecondFace(),
    EyeMotion(),
)
"""Every cue; those without limits in `silent.toml` are evidence only."""
