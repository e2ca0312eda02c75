"""How are short segments heard for half the cost?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veridical.result import ModelRef
from veridical.voiceprint.whisper import EncodedSound, Transcript, Whisper

__all__ = ["BriefRecogniser"]


class BriefRecogniser:
    """Whisper that fills short sound up to less than the half minute it was trained on.

    A recording is heard segment by segment, and most segments are short: half the window is half
    the cost (docs/measurements/recording.md says what it changes).

    Args:
        whisper: The recogniser.
        window_s: Shorter sound is filled up with silence to this length.
    """

    def __init__(self, whisper: Whisper, window_s: float) -> None:
        self._whisper = whisper
        self._window_s = window_s

    @property
    def refs(self) -> tuple[ModelRef, ...]:
        """See `Whisper`."""
        return self._whisper.refs

    def hear(self, samples: NDArray[np.float32]) -> EncodedSound:
        """See `Whisper`."""
        return self._whisper.hear(samples, self._window_s)

    def transcribe(self, heard: EncodedSound, language: str, context: str = "") -> Transcript:
        """See `Whisper`."""
        return self._whisper.transcribe(heard, language, context)

    def log_likelihoods(
        self, heard: EncodedSound, texts: Sequence[str], language: str, context: str = ""
    ) -> NDArray[np.float64]:
        """See `Whisper`."""
        return self._whisper.log_likelihoods(heard, texts, language, context)
