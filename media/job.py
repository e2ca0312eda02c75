"""What is the decoder process asked to do?"""

from dataclasses import dataclass

__all__ = ["AUDIO_RATE_HZ", "Job"]

AUDIO_RATE_HZ = 16_000
"""Rate of all decoded sound."""


@dataclass(frozen=True, slots=True)
class Job:
    """One file to decode, as it crosses to the decoder process.

    Attributes:
        demuxer: The only demuxer that may open the file, in libav's words.
        want_video: Whether frames are wanted; sound is always decoded when there is any.
        max_s: Longest span of time stamps accepted.
        max_frames: Most frames accepted in the file.
        max_frame_pixels: Largest frame accepted, as stored.
        max_decoded_bytes: Cap on all kept frames together.
        memory_bytes: What decoding may allocate.
        timeout_s: Wall time after which the process is killed.
        max_side_px: Frames are scaled down so that neither side is longer; 0 keeps the size.
        keep_frames: At most this many frames, evenly spread in time, are kept; 0 keeps all.
        start_s: Sound before this time, counted from the file's first, is left out.
        span_s: Only so much sound is decoded, and the file may be of any length; 0 decodes all.
        window_s: Frames alone are wanted, a window of this length at a time; 0 decodes all at once.
        frames_a_second: At most this many frames a second are kept; 0 keeps all.
    """

    demuxer: str
    want_video: bool
    max_s: float
    max_frames: int
    max_frame_pixels: int
    max_decoded_bytes: int
    memory_bytes: int
    timeout_s: float
    max_side_px: int = 0
    keep_frames: int = 0
    start_s: float = 0.0
    span_s: float = 0.0
    window_s: float = 0.0
    frames_a_second: float = 0.0
