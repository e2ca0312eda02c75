"""Does the picture stand still, or does the clip show the same stretch twice?"""

from collections.abc import Sequence

from veridical.liveness.repeats import find_repeats, longest_stand_ms
from veridical.types import Clip, View

__all__ = ["FrozenFrames", "LoopedFrames"]


class FrozenFrames:
    """Longest time in milliseconds during which one and the same picture stands.

    Cameras in dim light, screen recorders and lossy networks repeat frames too: only a long stand
    counts. Source: `veridical.liveness.repeats`.
    """

    name = "frozen_frames"
    reason = "frozen_frames"

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        """Measure; None for a picture or a clip of fewer than three frames."""
        return None if clip is None else longest_stand_ms(clip)


class LoopedFrames:
    """Longest stretch in milliseconds that is shown a second time, forwards or backwards.

    Source: `veridical.liveness.repeats`.
    """

    name = "looped_frames"
    reason = "looped_frames"

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        """Measure; None for a picture or a clip of fewer than three frames."""
        repeats = find_repeats(clip) if clip is not None else None
        return None if repeats is None else max(repeats.loop_ms, repeats.mirror_ms)
