"""Signs of a presentation attack that need no network, each in a module of its own."""

from veridical.liveness.cues.cue import Cue, Limits

__all__ = ["Cue", "Limits"]
