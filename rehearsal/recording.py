"""How is simulated media written to a file that any player opens?

Every file says in its own metadata that it was simulated, by which attack and seed.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo

from veridical.errors import InputError
from veridical.types import Audio, Clip, Image

__all__ = [
    "AUDIO_SUFFIXES",
    "CLIP_SUFFIXES",
    "IMAGE_SUFFIXES",
    "write_audio",
    "write_clip",
    "write_image",
]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
CLIP_SUFFIXES = frozenset({".mp4", ".webm"})
AUDIO_SUFFIXES = frozenset({".wav", ".flac"})

JPEG_QUALITY = 92
MILLISECOND = Fraction(1, 1000)
OPUS_RATE_HZ = 48000


def write_image(path: Path, image: Image, label: str) -> None:
    """Write a picture as PNG or JPEG with the label as its comment.

    Args:
        path: Where to; the suffix decides the format.
        image: The picture.
        label: What the file says about itself.

    Raises:
        InputError: The suffix is of no picture format written here.
    """
    _wanted(path, IMAGE_SUFFIXES, "a picture")
    picture = PillowImage.fromarray(image.pixels)
    if path.suffix.lower() == ".png":
        comment = PngInfo()
        comment.add_text("Comment", label)
        picture.save(path, pnginfo=comment)
    else:
        picture.save(path, quality=JPEG_QUALITY, comment=label.encode())


def write_audio(path: Path, audio: Audio, label: str) -> None:
    """Write sound as 16-bit WAV or FLAC with the label as its comment.

    Args:
        path: Where to; the suffix decides the format.
        audio: The sound.
        label: What the file says about itself.

    Raises:
        InputError: The suffix is of no sound format written here.
    """
    _wanted(path, AUDIO_SUFFIXES, "sound")
    codec = "pcm_s16le" if path.suffix.lower() == ".wav" else "flac"
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = label
        _encode(container, _audio_stream(container, codec, "s16", audio.rate_hz), audio)


def write_clip(path: Path, clip: Clip, label: str) -> None:
    """Write a clip as MP4 (H.264, AAC) or WebM (VP8, Opus), keeping its own time stamps.

    An odd last row or column is cut off, as 4:2:0 chroma demands.

    Args:
        path: Where to; the suffix decides the format.
        clip: Frames, times and sound.
        label: What the file says about itself.

    Raises:
        InputError: The suffix is of no clip format written here.
    """
    _wanted(path, CLIP_SUFFIXES, "a clip")
    web = path.suffix.lower() == ".webm"
    audio = clip.audio if clip.audio is not None and len(clip.audio.samples) else None
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = label
        video = container.add_stream("libvpx" if web else "libx264", rate=30)
        if not isinstance(video, VideoStream):
            raise TypeError("the video codec made no video stream")
        video.width, video.height = clip.frames[0].width // 2 * 2, clip.frames[0].height // 2 * 2
        video.pix_fmt = "yuv420p"
        video.bit_rate = 4_000_000
        video.time_base = MILLISECOND
        video.codec_context.time_base = MILLISECOND
        video.codec_context.thread_count = 1
        # As a recorder in a browser does: fast, at a rate that leaves little to be gained.
        video.options = {"deadline": "realtime", "cpu-used": "5"} if web else {"preset": "veryfast"}
        # Both streams before the first packet: it writes the header.
        sound = None
        if audio is not None and web:
            sound = _audio_stream(container, "libopus", "flt", OPUS_RATE_HZ)
        elif audio is not None:
            sound = _audio_stream(container, "aac", "fltp", audio.rate_hz)
        last = -1
        for image, time_ms in zip(clip.frames, clip.times_ms - clip.times_ms[0], strict=True):
            even = np.ascontiguousarray(image.pixels[: video.height, : video.width])
            frame = av.VideoFrame.from_ndarray(even, format="rgb24")
            last = max(last + 1, round(float(time_ms)))
            frame.pts, frame.time_base = last, MILLISECOND
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            _encode(container, sound, audio)


def _audio_stream(
    container: OutputContainer, codec: str, sample_format: str, rate_hz: int
) -> AudioStream:
    """Open a mono sound track."""
    stream = container.add_stream(codec, rate=rate_hz)
    if not isinstance(stream, AudioStream):
        raise TypeError("the sound codec made no sound stream")
    stream.codec_context.layout = "mono"
    stream.codec_context.format = sample_format
    return stream


def _encode(container: OutputContainer, stream: AudioStream, audio: Audio) -> None:
    """Write all of a sound to its track."""
    whole = av.AudioFrame.from_ndarray(
        np.clip(audio.samples, -1, 1)[None, :].astype(np.float32), format="fltp", layout="mono"
    )
    whole.sample_rate, whole.pts, whole.time_base = audio.rate_hz, 0, Fraction(1, audio.rate_hz)
    context = stream.codec_context
    resampler = av.AudioResampler(
        format=context.format,
        layout="mono",
        rate=context.sample_rate,
        frame_size=context.frame_size,
    )
    for frame in [*resampler.resample(whole), *resampler.resample(None)]:
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _wanted(path: Path, suffixes: frozenset[str], what: str) -> None:
    """Refuse a file name of another kind of media."""
    if path.suffix.lower() not in suffixes:
        raise InputError(
            f"{what} is written as {', '.join(sorted(suffixes))}, got the name suffix "
            f"{path.suffix!r}",
            "simulate.suffix",
        )
