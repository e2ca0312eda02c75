"""Until when did each slice of a recording show it, and when was it here?"""

from collections.abc import Sequence

import numpy as np

from veridical.types import Arrival, Clip

__all__ = ["arrivals_of"]


def arrivals_of(
    clip: Clip, sizes: Sequence[int], arrived_ms: Sequence[float]
) -> tuple[Arrival, ...]:
    """Hold the slices against the frames that are judged: what was sent says nothing by itself.

    A slice shows the recording up to the last frame of which, and of all frames before, every byte
    had come by then. Slices that held back what they should show are late by as much.

    Args:
        clip: The whole clip, decoded, with the byte at which each frame ended.
        sizes: Bytes of each slice, in order.
        arrived_ms: When each was here, from the moment at which the recording could begin.

    Returns:
        One for each slice.

    Raises:
        ValueError: The clip does not know where its frames ended.
    """
    if clip.ends is None or len(clip.ends) != len(clip.frames):
        raise ValueError("a clip whose frames have no place in a file did not come in slices")
    unknown = clip.ends <= 0
    ends = np.maximum.accumulate(np.where(unknown, np.iinfo(np.int64).max, clip.ends))
    here = np.searchsorted(ends, np.cumsum(sizes), side="right")
    shown_ms = [float(clip.times_ms[count - 1]) if count else 0.0 for count in here]
    return tuple(Arrival(until, at) for until, at in zip(shown_ms, arrived_ms, strict=True))
