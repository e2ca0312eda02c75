"""What the voice room found in a clip's sound, as far as lips are compared with it."""

from dataclasses import dataclass

from veridical.types import Audio

__all__ = ["Heard"]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The sound of a clip, analysed once.

    Attributes:
        audio: At 16 kHz, on the clip's clock.
        segments_s: Start and end of each stretch of speech in seconds, in order.
        onsets_ms: When each digit or word of the prompt began to sound; empty when nobody knows.
        content: Score of the check that heard the prompt, for the evidence; None without one.
    """

    audio: Audio
    segments_s: tuple[tuple[float, float], ...]
    onsets_ms: tuple[float, ...] = ()
    content: float | None = None

    @property
    def net_speech_s(self) -> float:
        """Speech without pauses."""
        return sum(end - start for start, end in self.segments_s)
