"""Did skin answer the colours a screen showed it? A challenge that stored media cannot know."""

from veridical.liveness.light.check import LightCheck, LightFinding, LightGate
from veridical.liveness.light.colours import HUES, draw_colours
from veridical.liveness.light.trace import Trace, trace_of

__all__ = [
    "HUES",
    "LightCheck",
    "LightFinding",
    "LightGate",
    "Trace",
    "draw_colours",
    "trace_of",
]
