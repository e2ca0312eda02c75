"""Can this clip be judged at all, and if not, what should the applicant do?"""

from dataclasses import dataclass

from veridical.liveness.lips.heard import Heard
from veridical.liveness.lips.track import MouthTrack

__all__ = ["Gate"]


@dataclass(frozen=True, slots=True)
class Gate:
    """What lips and sound must offer before a score means something.

    Attributes:
        fps_at_least: Below this visemes fall between frames; 14.985 frames a second must pass.
        gap_ms_at_most: Longest time between two frames that show the mouth.
        seen_share_at_least: Share of the frames in which the mouth must be found, 0..1.
        inter_eye_px_at_least: Smallest distance of the eyes.
        duration_ms_at_least: Shortest clip.
        net_speech_s_at_least: Least speech without pauses.
        words_at_least: Fewest digits or words that must have been heard, where they are known.
    """

    fps_at_least: float = 14.5
    gap_ms_at_most: float = 150.0
    seen_share_at_least: float = 0.9
    inter_eye_px_at_least: float = 36.0
    duration_ms_at_least: float = 2500.0
    net_speech_s_at_least: float = 1.5
    words_at_least: int = 4

    def __call__(self, track: MouthTrack, heard: Heard | None) -> str:
        """Look for what is missing.

        Returns:
            A reason code; empty when the clip can be judged.
        """
        return self.of_picture(track) or self.of_sound(heard)

    def of_picture(self, track: MouthTrack) -> str:
        """What is missing in the picture: the cause the applicant should mend first."""
        if track.duration_ms < self.duration_ms_at_least:
            return "too_short"
        if track.fps < self.fps_at_least:
            return "frame_rate_low"
        if track.seen_share < self.seen_share_at_least:
            return track.reasons[0] if track.reasons else "mouth_hidden"
        if track.longest_gap_ms > self.gap_ms_at_most:
            return "frames_missing"
        if track.inter_eye_px < self.inter_eye_px_at_least:
            return "face_too_small"
        return ""

    def of_sound(self, heard: Heard | None) -> str:
        """What is missing in the sound."""
        if heard is None or not len(heard.audio.samples):
            return "no_sound"
        if heard.net_speech_s < self.net_speech_s_at_least:
            return "too_little_speech"
        if heard.onsets_ms and len(heard.onsets_ms) < self.words_at_least:
            return "too_little_speech"
        return ""
