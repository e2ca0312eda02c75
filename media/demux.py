"""Which frames and which sound does a container hold? Runs only inside the decoder process."""

import math
import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO, TypeVar

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.media.job import AUDIO_RATE_HZ, PLANAR, RGB, Job, Layout, fits_planes

__all__ = ["Decoded", "decode", "decode_windows"]

_Track = TypeVar("_Track", bound=Stream)
_CHANNELS = 3
LEAST_SIDE_PX = 640
"""Frames are scaled down to fit the memory, but not below this longer side."""
_ROOM = 0.95
"""Of the memory, for files that hold a few more frames than packets."""
_OPPOSED = 0.05
"""Where the mean of the channels has less of one channel's energy, they cancel each other out."""
_SOURCE_RATES_HZ = range(4_000, 384_001)
# A gap in the sound's time stamps beyond jitter is silence that really passed.
_MAX_JITTER_S = 0.04


_SAME_SHAPE = 0.02
"""Part by which the ratio of a frame's sides may differ from the first's and still be its shape."""

_NO_FRAMES = "media.no_frames"
_LEAD_IN_S = 0.5
# Lossy decoders need some sound before the first that is right.
_SEEKABLE = frozenset({"mov", "matroska", "wav", "flac", "ogg", "mov,mp4,m4a,3gp,3g2,mj2"})
# The others guess times after a jump: they are decoded from their beginning.
_MOST_CHUNKS = 64
"""Of a WAV, before its sound."""


@dataclass(slots=True)
class Decoded:
    """What came out of one file; the frames' pixels went to the output file.

    Attributes:
        width: Pixels of every kept frame from left to right.
        height: Pixels of every kept frame from top to bottom.
        times_ms: Stamp of each kept frame; zero is the first frame or sample, whichever is first.
        ends: Byte of the file by which each kept frame's packet was whole; 0 where that is unknown.
        audio: (n,) float32 at `AUDIO_RATE_HZ`, its first sample at time zero; None without sound.
        layout: How the pixels lie in the output file.
    """

    width: int = 0
    height: int = 0
    times_ms: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    audio: NDArray[np.float32] | None = None
    layout: Layout = field(default_factory=Layout)


@dataclass(slots=True)
class _Sound:
    """Sound of one source rate, and when it starts.

    Attributes:
        chunks: (1, n) the mean of all channels, or (2, n) with the first channel beside it.
    """

    start_s: float
    rate_hz: int
    chunks: list[NDArray[np.float32]]
    samples: int = 0

    @property
    def end_s(self) -> float:
        return self.start_s + self.samples / self.rate_hz


def decode(file: BinaryIO, output: BinaryIO, job: Job) -> Decoded:
    """Decode a file's first video and sound tracks.

    Args:
        file: Seekable; its position is of no matter.
        output: Receives each kept frame, as the layout says.
        job: What is wanted and how much is allowed.

    Raises:
        InputError: With a `media.*` code that says what is wrong with the file.
    """
    if job.span_s:
        return Decoded(audio=_stretch(file, job))
    streamed = _is_streamed(file, job)
    file.seek(0)
    sounds: list[_Sound] = []
    flattener = AudioResampler(format="fltp")
    with _open(file, job) as container:
        video, audio = _tracks(container, job)
        packets: list[Packet[Stream]] = []
        survey = _survey(_kept(container.demux(_all(video, audio)), packets), video, job)
        frames = _Frames(output, job, survey)
        for packet in _whole_ones(packets, streamed=streamed):
            for frame in packet.decode():
                if isinstance(frame, VideoFrame):
                    frames.add(frame)
                elif isinstance(frame, AudioFrame):
                    for flat in flattener.resample(frame):
                        _add_sound(sounds, flat, job)
    if job.want_video and not frames.times_s:
        raise InputError("the clip holds no decodable frame; record it again", _NO_FRAMES)
    zero = min([*frames.times_s[:1], *(sound.start_s for sound in sounds)], default=0.0)
    width, height = frames.size
    decoded = Decoded(width, height, layout=frames.layout)
    decoded.times_ms = [round((time - zero) * 1000.0, 3) for time in frames.times_s]
    decoded.ends = _ends(packets, video, frames.times_s)
    if sounds:
        decoded.audio = _join(sounds, zero)
    return decoded


def decode_windows(
    file: BinaryIO, output: BinaryIO, job: Job
) -> Generator[Decoded, BinaryIO, None]:
    """Decode a file's first video track a window at a time, in one pass.

    Time zero is that of the file's sound, as `start_s` counts it, or of the first frame without.

    Args:
        file: Seekable; its position is of no matter.
        output: Receives the frames of the first window, as `decode` writes them.
        job: What is wanted and how much is allowed.

    Yields:
        Each window once its frames are written; is sent the output of the next.

    Raises:
        InputError: As `decode`.
    """
    file.seek(0)
    with _open(file, job) as container:
        video, audio = _tracks(container, job)
        survey = _survey(container.demux(_all(video, audio)), video, job)
    file.seek(0)
    frames = _Frames(output, job, survey)
    with _open(file, job) as container:
        video, audio = _tracks(container, job)
        zero_s: float | None = None
        if audio is not None and audio.time_base is not None:
            zero_s = float((audio.start_time or 0) * audio.time_base)
        for packet in _whole_ones(container.demux(video), streamed=False):
            for frame in packet.decode():
                if not isinstance(frame, VideoFrame):
                    continue
                frames.add(frame)
                if not frames.times_s:
                    continue
                zero_s = frames.times_s[0] if zero_s is None else zero_s
                if frames.times_s[-1] - frames.times_s[0] >= job.window_s:
                    frames.begin((yield _window(frames, zero_s)))
    if zero_s is None or frames.size == (0, 0):
        raise InputError("the recording holds no decodable frame; record it again", _NO_FRAMES)
    if frames.times_s:
        yield _window(frames, zero_s)


def _ends(
    packets: Iterable["Packet[Stream]"], video: VideoStream | None, times_s: list[float]
) -> list[int]:
    """Where in the file each frame's packet ends: who has the file up to there has the frame."""
    whole: dict[float, int] = {}
    for packet in packets:
        stamp = _stamp(packet.pts if packet.pts is not None else packet.dts, packet.time_base)
        if packet.stream is video and stamp is not None and packet.pos is not None:
            # Of two packets of one time, the later one is what is shown.
            whole[stamp] = max(whole.get(stamp, 0), packet.pos + packet.size)
    return [max(0, whole.get(time, 0)) for time in times_s]


def _window(frames: "_Frames", zero_s: float) -> Decoded:
    """What was written since the window began."""
    times_ms = [round((time - zero_s) * 1000.0, 3) for time in frames.times_s]
    width, height = frames.size
    return Decoded(width, height, times_ms, layout=frames.layout)


def _stretch(file: BinaryIO, job: Job) -> NDArray[np.float32] | None:
    """A stretch of a file's sound, whatever the file's length; None beyond its end."""
    sounds: list[_Sound] = []
    flattener = AudioResampler(format="fltp")
    streamed = _is_streamed(file, job)
    file.seek(0)
    with _open(file, job) as container:
        _, audio = _tracks(container, job)
        if audio is None or audio.time_base is None:
            raise InputError("the file has no sound track; send one with sound", "media.no_audio")
        origin = float((audio.start_time or 0) * audio.time_base)
        first, last = origin + job.start_s, origin + job.start_s + job.span_s
        if job.start_s > _LEAD_IN_S and job.demuxer in _SEEKABLE:
            container.seek(round((first - _LEAD_IN_S) / float(audio.time_base)), stream=audio)
        for packet in _whole_ones(container.demux(audio), streamed=streamed):
            for frame in packet.decode():
                if not isinstance(frame, AudioFrame):
                    continue
                stamp = _stamp(frame.pts, frame.time_base)
                if stamp is not None and stamp >= last:
                    return _between(sounds, first, last)
                if stamp is None or stamp + frame.samples / frame.sample_rate > first:
                    for flat in flattener.resample(frame):
                        _add_sound(sounds, flat, job)
    return _between(sounds, first, last)


def _between(sounds: list[_Sound], first_s: float, last_s: float) -> NDArray[np.float32] | None:
    """What lies between two times; None when there is nothing."""
    if not sounds:
        return None
    zero = sounds[0].start_s
    begin = max(0, round((first_s - zero) * AUDIO_RATE_HZ))
    end = round((last_s - zero) * AUDIO_RATE_HZ)
    joined = _join(sounds, zero)[begin:end]
    return joined if len(joined) else None


def _open(file: BinaryIO, job: Job) -> InputContainer:
    # The demuxer is named, so that no playlist or concatenation script is ever guessed.
    return av.open(file, "r", format=job.demuxer, metadata_errors="replace")


def _is_streamed(file: BinaryIO, job: Job) -> bool:
    """Whether a WAV was written to a pipe: its header could not say how long it would be.

    Source: RIFF chunks; 0 and 0xFFFFFFFF are what FFmpeg, GStreamer and SoX leave there.
    """
    if job.demuxer != "wav":
        return False
    file.seek(12)
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return False
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"data":
            return size in (0, 0xFFFFFFFF)
        file.seek(size + size % 2, os.SEEK_CUR)
    return False


def _whole_ones(
    packets: Iterable["Packet[_Track]"], *, streamed: bool
) -> Iterator["Packet[_Track]"]:
    """Packets that are whole; the last one of a streamed file ends where the file does.

    Raises:
        InputError: `media.truncated`.
    """
    for packet in packets:
        if packet.is_corrupt and not streamed:
            raise _damaged()
        yield packet


def _tracks(container: InputContainer, job: Job) -> tuple[VideoStream | None, AudioStream | None]:
    video: VideoStream | None = None
    if job.want_video:
        moving = [
            track
            for track in container.streams.video
            if not track.disposition & Disposition.attached_pic
        ]
        if not moving:
            raise InputError("the file has no video track; send a clip", "media.no_frames")
        video = moving[0]
        context = video.codec_context
        if context is None:
            raise _unsupported("video")
        if context.width * context.height > job.max_frame_pixels:
            raise _frame_too_large(job)
        context.options = {**context.options, "max_pixels": str(job.max_frame_pixels)}
        context.thread_count = 1
    audio = next(iter(container.streams.audio), None)
    if audio is None and not job.want_video:
        raise InputError("the file has no sound track; send one with sound", "media.no_audio")
    if audio is not None and audio.codec_context is None:
        raise _unsupported("sound")
    return video, audio


def _all(video: VideoStream | None, audio: AudioStream | None) -> list[VideoStream | AudioStream]:
    return [track for track in (video, audio) if track is not None]


def _kept(
    packets: Iterable["Packet[Stream]"], into: list["Packet[Stream]"]
) -> Iterator["Packet[Stream]"]:
    """Keep what passes by: a clip is small, and its file need not be taken apart twice."""
    for packet in packets:
        into.append(packet)
        yield packet


def _survey(packets: Iterable["Packet[Stream]"], video: VideoStream | None, job: Job) -> "_Survey":
    """Check length and number of frames by the packets alone, before anything is decoded."""
    first, last = float("inf"), float("-inf")
    times: list[float] = []
    for packet in packets:
        stamp = _stamp(packet.pts if packet.pts is not None else packet.dts, packet.time_base)
        if stamp is None:
            continue
        first, last = min(first, stamp), max(last, stamp)
        if last - first > job.max_s:
            raise _too_long(job)
        if packet.stream is video:
            times.append(stamp)
            # Hidden reference frames have packets of their own: leave room for them.
            if len(times) > 2 * job.max_frames:
                raise _too_many_frames(job)
    keep = job.keep_frames
    if job.frames_a_second and times:
        keep = max(2, round((max(times) - min(times)) * job.frames_a_second) + 1)
    if not keep or len(times) <= keep:
        return _Survey(len(times), [])
    return _Survey(keep, [float(time) for time in np.linspace(min(times), max(times), keep)])


@dataclass(frozen=True, slots=True)
class _Survey:
    """What the packets tell.

    Attributes:
        frames: About so many will be kept.
        targets: Times in seconds at which one is to be kept; empty when all are.
    """

    frames: int
    targets: list[float]


class _Frames:
    """Keeps, turns, scales and writes the frames of one clip."""

    def __init__(self, output: BinaryIO, job: Job, survey: _Survey) -> None:
        self.times_s: list[float] = []
        self.size = (0, 0)
        self.layout = Layout()
        self._turns = 0
        self._output = output
        self._job = job
        self._targets = survey.targets
        self._expected = 0 if job.window_s else survey.frames  # of a window only few are held
        self._reformatter = VideoReformatter()  # kept, for setting one up costs as much as its work
        self._next = 0
        self._seen = 0
        self._last_s = float("-inf")
        self._shape = 0.0

    def add(self, frame: VideoFrame) -> None:
        """Take the next decoded frame."""
        self._seen += 1
        if self._seen > self._job.max_frames:
            raise _too_many_frames(self._job)
        if frame.width * frame.height > self._job.max_frame_pixels:
            raise _frame_too_large(self._job)
        stamp = _stamp(frame.pts if frame.pts is not None else frame.dts, frame.time_base)
        if stamp is None or stamp < self._last_s:
            # A frame that was shown at no known time proves nothing about the others.
            return
        self._last_s = stamp
        if self._targets:
            if self._next >= len(self._targets) or stamp < self._targets[self._next] - 1e-6:
                return
            while self._next < len(self._targets) and self._targets[self._next] <= stamp + 1e-6:
                self._next += 1
        self._write(frame)
        self.times_s.append(stamp)

    def begin(self, output: BinaryIO) -> None:
        """Forget what was written, and write what follows to another file."""
        self._output, self.times_s = output, []

    def _write(self, frame: VideoFrame) -> None:
        stored = self._target(frame)
        turns = round(frame.rotation / 90) % 4
        size = stored[::-1] if turns % 2 else stored
        if self.size == (0, 0):
            self.size, self._turns = size, turns
            self.layout = _layout(frame, stored, turns) or self.layout
        elif size != self.size or turns != self._turns:
            raise InputError(
                "the clip turns or changes shape while it runs; record without turning the camera",
                "media.size_changes",
            )
        if (len(self.times_s) + 1) * size[0] * size[1] * _CHANNELS > self._job.max_decoded_bytes:
            raise InputError(
                "the clip's frames take too much memory; send a shorter or smaller clip",
                "media.too_large",
            )
        if self.layout == _layout(frame, stored, turns) and _is_packed(frame):
            for plane in frame.planes:  # from the codec's memory, without a copy in between
                self._output.write(plane)
            return
        pixels = self._laid_out(frame, *stored)
        if self.layout.pixel_format == RGB:
            pixels = np.ascontiguousarray(np.rot90(pixels, turns))
        self._output.write(pixels.data)

    def _laid_out(self, frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        """Pixels of a frame in the clip's layout and at its size."""
        layout = self.layout
        if layout == _layout(frame, (width, height), self._turns):
            return np.asarray(frame.to_ndarray(), np.uint8)
        # Where a later frame names other colours than the first, those of the first count.
        laid_out = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=layout.pixel_format,
            interpolation="AREA" if width < frame.width else "BILINEAR",
            threads=1,
        )
        return np.asarray(laid_out.to_ndarray(), np.uint8)

    def _target(self, frame: VideoFrame) -> tuple[int, int]:
        """Size to scale to, before turning; later frames of the same shape follow the first."""
        shape = frame.width / frame.height
        turned = round(frame.rotation / 90) % 2 == 1
        if self.size != (0, 0) and abs(shape / self._shape - 1) < _SAME_SHAPE:
            width, height = self.size
            return (height, width) if turned else (width, height)
        self._shape = shape
        side = self._job.max_side_px
        scale = min(1.0, side / max(frame.width, frame.height)) if side else 1.0
        whole = self._expected * frame.width * frame.height * _CHANNELS
        if whole * scale**2 > self._job.max_decoded_bytes:
            # Every phone's default is more than is needed: kept smaller, not refused.
            fitting = math.sqrt(self._job.max_decoded_bytes * _ROOM / whole)
            if fitting * max(frame.width, frame.height) >= LEAST_SIDE_PX:
                scale = fitting
        return max(1, round(frame.width * scale)), max(1, round(frame.height * scale))


def _layout(frame: VideoFrame, wanted: tuple[int, int], turns: int) -> Layout | None:
    """How a frame's own planes lie; None where they cannot cross as they are."""
    as_is = wanted == (frame.width, frame.height)
    if not as_is or frame.format.name not in PLANAR or not fits_planes(*wanted):
        return None
    return Layout(frame.format.name, int(frame.colorspace), int(frame.color_range), turns)


def _is_packed(frame: VideoFrame) -> bool:
    """Whether the rows of its planes follow each other without a gap."""
    return all(
        plane.line_size == plane.width and plane.buffer_size == plane.width * plane.height
        for plane in frame.planes
    )


def _add_sound(sounds: list[_Sound], frame: AudioFrame, job: Job) -> None:
    rate = frame.sample_rate
    if rate not in _SOURCE_RATES_HZ:
        raise _unsupported("sound")
    channels = frame.to_ndarray().astype(np.float32, copy=False)
    mono = channels.mean(axis=0, keepdims=True)
    if len(channels) > 1:
        mono = np.concatenate([mono, channels[:1]])
    stamp = _stamp(frame.pts, frame.time_base)
    if stamp is None:
        stamp = sounds[-1].end_s if sounds else 0.0
    # Sound that overlaps what is there follows it; sound that jumps ahead leaves a gap.
    if not sounds or sounds[-1].rate_hz != rate or stamp > sounds[-1].end_s + _MAX_JITTER_S:
        start = max(stamp, sounds[-1].end_s) if sounds else stamp
        sounds.append(_Sound(start, rate, []))
    sounds[-1].chunks.append(mono)
    sounds[-1].samples += mono.shape[1]
    if sounds[-1].end_s - sounds[0].start_s > job.max_s:
        raise _too_long(job)


def _join(sounds: list[_Sound], zero_s: float) -> NDArray[np.float32]:
    """Resample every stretch and lay it at its time; what lies between is silence."""
    row = _audible(sounds)
    stretches = [
        (
            max(0, round((sound.start_s - zero_s) * AUDIO_RATE_HZ)),
            soxr.resample(_sane(sound.chunks, row), sound.rate_hz, AUDIO_RATE_HZ),
        )
        for sound in sounds
    ]
    track = np.zeros(max(start + len(samples) for start, samples in stretches), np.float32)
    for start, samples in stretches:
        track[start : start + len(samples)] = samples
    return track


def _audible(sounds: list[_Sound]) -> int:
    """Which row of the chunks is heard: the mean, but for channels that cancel each other out."""
    energy = np.zeros(2)
    for sound in sounds:
        for chunk in sound.chunks:
            energy += [float(np.dot(row, row)) for row in np.nan_to_num(chunk[[0, -1]])]
    return int(energy[0] < _OPPOSED * energy[1])


def _sane(chunks: list[NDArray[np.float32]], row: int) -> NDArray[np.float32]:
    """One stretch, its samples within -1..1 whatever the file held."""
    rows = [chunk[min(row, len(chunk) - 1)] for chunk in chunks]
    return np.asarray(np.clip(np.nan_to_num(np.concatenate(rows)), -1.0, 1.0), np.float32)


def _stamp(pts: int | None, time_base: Fraction | None) -> float | None:
    if pts is None or time_base is None:
        return None
    return pts * time_base.numerator / time_base.denominator  # a fraction is slow to multiply


def _damaged() -> InputError:
    return InputError("the file is damaged or breaks off; record it again", "media.truncated")


def _too_long(job: Job) -> InputError:
    return InputError(
        f"at most {job.max_s:g} seconds are accepted, the file is longer; send a shorter one",
        "media.too_long",
    )


def _too_many_frames(job: Job) -> InputError:
    return InputError(
        f"at most {job.max_frames} frames are accepted, the clip has more; send a shorter one",
        "media.too_long",
    )


def _frame_too_large(job: Job) -> InputError:
    return InputError(
        f"frames of at most {job.max_frame_pixels} pixels are accepted, these are larger; "
        "record at a lower resolution",
        "media.too_many_pixels",
    )


def _unsupported(track: str) -> InputError:
    return InputError(
        f"the {track} track uses a codec or rate that cannot be decoded here; "
        "send H.264, VP8 or VP9 with AAC or Opus",
        "media.unsupported",
    )
