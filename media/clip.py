"""Which frames and sounds does a recording hold, and when?"""

import os
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

from veridical.errors import InputError
from veridical.media.decoder import default_pool, head_of, opened
from veridical.media.job import AUDIO_RATE_HZ, Job
from veridical.media.limits import Limits, check_size
from veridical.media.sniff import AUDIO_TYPES, CLIP, SOUND
from veridical.types import Audio, Clip

__all__ = ["read_audio", "read_clip", "read_sound", "read_windows"]

# The only libav demuxer that may open a sniffed type.
_DEMUXERS = {
    "video/mp4": "mov",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/mpeg": "mpeg",
    "video/mp2t": "mpegts",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/ogg": "ogg",
    "audio/aiff": "aiff",
    "audio/amr": "amr",
    "audio/x-caf": "caf",
}
_BLOCK_S = 120.0
_FASTEST_HZ = 120
"""Most frames a second of a long recording that are looked at at all."""


def read_clip(
    source: bytes | Path,
    limits: Limits = Limits(),  # noqa: B008
    *,
    max_side_px: int | None = None,
    keep_frames: int | None = None,
) -> Clip:
    """Decode one MP4, MOV, WebM, MKV, AVI or MPEG clip with its sound, in a separate process.

    Stamps are those of the file (variable frame rates included), counted from the first frame
    or sample, whichever is first; the sound starts at zero and is as long as it was, gaps filled
    with silence. Rotation metadata is applied. The frames share memory with nobody.

    Args:
        source: The file's bytes, or its path.
        limits: Caps on bytes, seconds, frames, pixels, and on the decoder itself.
        max_side_px: Scale frames down while decoding so that no side is longer.
        keep_frames: Keep at most this many frames, evenly spread over the clip's time.

    Raises:
        InputError: `media.missing`, `media.too_large`, `media.not_a_clip`, `media.no_frames`,
            `media.too_long`, `media.too_many_pixels`, `media.size_changes`, `media.truncated`,
            `media.unsupported`, `media.timeout`, `media.undecodable`.
    """
    with opened(source, limits.max_clip_bytes) as file:
        media_type = CLIP.found(head_of(file))
        job = Job(
            demuxer=_DEMUXERS[media_type],
            want_video=True,
            max_s=limits.max_clip_s,
            max_frames=limits.max_frames,
            max_frame_pixels=limits.max_frame_pixels,
            max_decoded_bytes=limits.max_decoded_bytes,
            memory_bytes=limits.decoder_memory_bytes,
            timeout_s=limits.decoder_timeout_s,
            cpu_s=limits.decoder_cpu_s,
            max_side_px=max_side_px or 0,
            keep_frames=keep_frames or 0,
        )
        decoded = default_pool().decode(file, job)
    sound = decoded.audio
    return Clip(
        frames=decoded.frames,
        times_ms=decoded.times_ms,
        ends=decoded.ends,
        audio=None if sound is None or not sound.size else Audio(sound, AUDIO_RATE_HZ),
    )


def read_audio(source: bytes | Path, limits: Limits = Limits()) -> Audio:  # noqa: B008
    """Decode the sound of a WAV, FLAC, MP3, OGG, AAC, M4A, AIFF, AMR or CAF file, or of a clip.

    Args:
        source: The file's bytes, or its path.
        limits: Caps on bytes, seconds, and on the decoder itself.

    Returns:
        Mono (the mean of all channels), 16 kHz, float32 within -1..1 but for resampling ripple.

    Raises:
        InputError: As `read_clip`, but `media.not_audio` and `media.no_audio` for their likes.
    """
    with opened(source, max(limits.max_audio_bytes, limits.max_clip_bytes)) as file:
        media_type = SOUND.found(head_of(file))
        if media_type in AUDIO_TYPES:
            check_size(os.fstat(file.fileno()).st_size, limits.max_audio_bytes)
        job = _sound_job(media_type, limits, limits.max_audio_s)
        sound = default_pool().decode(file, job).audio
    if sound is None or not sound.size:
        raise InputError("the recording holds no sound; record it again", "media.no_audio")
    return Audio(sound, AUDIO_RATE_HZ)


def read_sound(source: Path, limits: Limits = Limits()) -> Iterator[Audio]:  # noqa: B008
    """Decode the sound of a long recording or clip, a block at a time.

    Each block is decoded by itself, in the decoder process: however long the recording, no more
    than one is held.

    Args:
        source: The file.
        limits: Caps on bytes, seconds, and on the decoder itself.

    Yields:
        As `read_audio` gives them, two minutes each but for the last.

    Raises:
        InputError: As `read_audio`; `media.too_long` when the cap on seconds is reached.
    """
    with opened(source, limits.max_recording_bytes) as file:
        media_type = SOUND.found(head_of(file))
        start_s = 0.0
        while start_s < limits.max_recording_s:
            job = _sound_job(media_type, limits, 2 * _BLOCK_S)
            job = replace(job, start_s=start_s, span_s=_BLOCK_S)
            sound = default_pool().decode(file, job).audio
            if sound is None or not sound.size:
                if start_s:
                    return
                raise InputError("the recording holds no sound; record it again", "media.no_audio")
            yield Audio(sound, AUDIO_RATE_HZ)
            if len(sound) < int((_BLOCK_S - 1) * AUDIO_RATE_HZ):
                return
            start_s += _BLOCK_S
    raise InputError(
        f"at most {limits.max_recording_s:g} seconds are accepted, the recording is longer; "
        "send it in parts",
        "media.too_long",
    )


def read_windows(
    source: Path,
    limits: Limits = Limits(),  # noqa: B008
    *,
    window_s: float = 4.0,
    frames_a_second: float = 25.0,
    max_side_px: int = 640,
) -> Generator[Clip, None, None]:
    """Decode the frames of a long recording, a window at a time, in one pass.

    However long the recording, no more than one window is held. Stamps are those of the file, on
    the clock of `read_sound`; rotation metadata is applied. The sound is not decoded.

    Args:
        source: The file: MP4, MOV, WebM, MKV, AVI or MPEG.
        limits: Caps on bytes, seconds, pixels, and on the decoder itself.
        window_s: Length of a window.
        frames_a_second: Frames beyond this rate are left out, evenly over time.
        max_side_px: Frames are scaled down so that no side is longer.

    Yields:
        Windows in order, without sound; nothing of the recording is left out.

    Raises:
        InputError: As `read_clip`; `media.too_long` when the recording is longer than
            `limits.max_recording_s`, before anything is decoded.
    """
    with opened(source, limits.max_recording_bytes) as file:
        media_type = CLIP.found(head_of(file))
        job = Job(
            demuxer=_DEMUXERS[media_type],
            want_video=True,
            max_s=limits.max_recording_s,
            max_frames=int(limits.max_recording_s * _FASTEST_HZ),
            max_frame_pixels=limits.max_frame_pixels,
            max_decoded_bytes=limits.max_decoded_bytes,
            memory_bytes=limits.decoder_memory_bytes,
            timeout_s=limits.decoder_timeout_s,
            cpu_s=limits.decoder_cpu_s,
            max_side_px=max_side_px,
            window_s=window_s,
            frames_a_second=frames_a_second,
        )
        for window in default_pool().windows(file, job):
            yield Clip(window.frames, window.times_ms)


def _sound_job(media_type: str, limits: Limits, max_s: float) -> Job:
    """Decode the sound alone."""
    return Job(
        demuxer=_DEMUXERS[media_type],
        want_video=False,
        max_s=max_s,
        max_frames=0,
        max_frame_pixels=0,
        max_decoded_bytes=0,
        memory_bytes=limits.decoder_memory_bytes,
        timeout_s=limits.decoder_timeout_s,
        cpu_s=limits.decoder_cpu_s,
    )
