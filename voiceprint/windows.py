"""How is an hour of speech heard with the memory of half a minute? Windows cut at pauses."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.models import Session
from veridical.types import Audio
from veridical.voiceprint.fbank import RATE_HZ
from veridical.voiceprint.speech import SpeechAnalysis, analyse_speech

__all__ = ["LONGEST_S", "Window", "speech_windows"]

LONGEST_S = 28.0
"""Longest window: what the recogniser hears at once, less room for rounding."""
SHORTEST_S = 10.0
"""From here on a pause may end a window; the longest such pause does."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A stretch of a recording.

    Attributes:
        start_s: Where it begins in the recording.
        speech: Its analysis.
    """

    start_s: float
    speech: SpeechAnalysis


def speech_windows(blocks: Iterable[Audio], vad_session: Session) -> Iterator[Window]:
    """Cut a recording into windows of at most 28 s, in the longest pause that can be had.

    Args:
        blocks: The recording in pieces of any length, at 16 kHz.
        vad_session: As for `analyse_speech`.

    Yields:
        Windows in order; nothing of the recording is left out.

    Raises:
        InputError: A block holds a sample that is not finite.
        ValueError: A block is of another rate.
    """
    longest = int(LONGEST_S * RATE_HZ)
    held = np.zeros(0, np.float32)
    start = 0
    for block in blocks:
        if block.rate_hz != RATE_HZ:
            raise ValueError(f"blocks of {RATE_HZ} Hz are wanted, got {block.rate_hz}")
        held = np.concatenate((held, block.samples))
        while len(held) > longest:
            window = held[:longest]
            at = _cut(window, vad_session)
            yield Window(start / RATE_HZ, analyse_speech(Audio(window[:at], RATE_HZ), vad_session))
            start += at
            held = held[at:]
    if len(held):
        yield Window(start / RATE_HZ, analyse_speech(Audio(held, RATE_HZ), vad_session))


def _cut(samples: NDArray[np.float32], session: Session) -> int:
    """Where to end a window: the middle of its longest late pause, or its very end."""
    segments = analyse_speech(Audio(samples, RATE_HZ), session).segments_s
    ends = [0.0, *(end for _, end in segments)]
    starts = [*(start for start, _ in segments), LONGEST_S]
    pauses = [
        (start - max(end, SHORTEST_S), (start + max(end, SHORTEST_S)) / 2)
        for end, start in zip(ends, starts, strict=True)
        if start > SHORTEST_S
    ]
    longest, middle = max(pauses, default=(0.0, LONGEST_S))
    return int((middle if longest > 0 else LONGEST_S) * RATE_HZ)
