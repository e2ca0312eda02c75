"""Clips and sound: true stamps, one clock, limits, and hostile files."""

import io
import os
import random
import struct
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.media import Limits, decoder, read_audio, read_clip
from veridical.media.decoder import DecoderPool, default_pool, memory_file
from veridical.media.job import Job

CONTAINERS = [
    ("mp4", "libx264", "aac"),
    ("mov", "libx264", "aac"),
    ("webm", "libvpx", "libopus"),
    ("webm", "libvpx-vp9", "libopus"),
    ("matroska", "libx264", "libopus"),
    ("avi", "mpeg4", "libmp3lame"),
    ("mpegts", "libx264", "aac"),
]
STEADY = [i * 40 for i in range(25)]


def make_clip(
    container: str = "webm",
    video: str | None = "libvpx",
    sound: str | None = "libopus",
    times_ms: Sequence[int] = STEADY,
    size: tuple[int, int] = (64, 48),
    turned_deg: int = 0,
    sound_from_ms: int = 0,
    sound_ms: int = 1000,
) -> bytes:
    """A clip whose frame i is grey 8 i (mod 256) with a white top left corner."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        picture = cast("VideoStream", out.add_stream(video, rate=30)) if video else None
        tone = cast("AudioStream", out.add_stream(sound, rate=48_000)) if sound else None
        if picture:
            picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
            picture.codec_context.time_base = Fraction(1, 1000)
            picture.bit_rate = 2_000_000
            if turned_deg:
                picture.set_display_rotation(turned_deg)
            for i, time in enumerate(times_ms):
                pixels = np.full((size[1], size[0], 3), 8 * i % 256, np.uint8)
                pixels[: size[1] // 4, : size[0] // 4] = 255
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = time, Fraction(1, 1000)
                out.mux(picture.encode(frame))
            out.mux(picture.encode())
        if tone:
            samples = beeps(sound_ms)
            for start in range(0, len(samples), 960):
                block = av.AudioFrame.from_ndarray(
                    np.repeat(samples[None, start : start + 960], 2, 0), format="fltp"
                )
                block.sample_rate, block.time_base = 48_000, Fraction(1, 48_000)
                block.pts = start + sound_from_ms * 48
                out.mux(tone.encode(block))
            out.mux(tone.encode())
    return buffer.getvalue()


def beeps(length_ms: int) -> NDArray[np.float32]:
    """48 kHz: a 440 Hz tone from 300 to 500 ms, else silence."""
    samples = np.zeros(48 * length_ms, np.float32)
    samples[14_400:24_000] = 0.5 * np.sin(2 * np.pi * 440 * np.arange(9_600) / 48_000)
    return samples


def loud_from_to_s(samples: NDArray[np.float32]) -> tuple[float, float]:
    loud = np.flatnonzero(np.abs(samples) > 0.1) / 16_000
    return float(loud[0]), float(loud[-1])


def refusal(data: bytes | Path, limits: Limits = Limits()) -> str:  # noqa: B008
    with pytest.raises(InputError) as caught:
        read_clip(data, limits)
    return caught.value.code


@pytest.fixture(scope="module")
def webm() -> bytes:
    return make_clip()


@pytest.mark.parametrize(("container", "video", "sound"), CONTAINERS)
def test_every_container_gives_frames_and_sound_on_one_clock(
    container: str, video: str, sound: str
) -> None:
    clip = read_clip(make_clip(container, video, sound))
    assert len(clip.frames) == 25
    assert clip.frames[0].pixels.shape == (48, 64, 3)
    assert abs(int(clip.frames[10].pixels[40, 50].mean()) - 80) < 8
    assert clip.frames[10].pixels[4, 4].min() > 200
    assert clip.audio is not None
    assert clip.audio.rate_hz == 16_000
    start, end = loud_from_to_s(clip.audio.samples)
    # Lossy codecs smear a little, and AVI keeps an encoder's delay.
    assert start == pytest.approx(0.3, abs=0.06)
    assert end == pytest.approx(0.5, abs=0.08)


def test_mpeg_program_streams_are_read() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpeg") as out:
        stream = out.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(10):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), i, np.uint8))))
        out.mux(stream.encode())
    clip = read_clip(buffer.getvalue())
    assert len(clip.frames) == 10
    np.testing.assert_allclose(np.diff(clip.times_ms), 40, atol=0.1)
    assert clip.audio is None


@pytest.mark.parametrize("container", ["webm", "mp4"])
def test_variable_frame_rate_stamps_are_true(container: str) -> None:
    times = [0, 33, 70, 75, 200, 600, 601, 1000]
    video = {"webm": "libvpx", "mp4": "libx264"}[container]
    clip = read_clip(make_clip(container, video, None, times_ms=times))
    np.testing.assert_allclose(clip.times_ms, times, atol=0.6)


def test_sound_that_starts_late_is_padded_to_the_clock_of_the_frames() -> None:
    clip = read_clip(make_clip(sound_from_ms=200))
    assert clip.audio is not None
    assert clip.times_ms[0] == 0
    assert loud_from_to_s(clip.audio.samples)[0] == pytest.approx(0.5, abs=0.02)


def test_frames_that_start_late_keep_the_sound_before_them() -> None:
    clip = read_clip(make_clip(times_ms=[i + 250 for i in STEADY]))
    assert clip.audio is not None
    assert clip.times_ms[0] == pytest.approx(250, abs=8)
    assert loud_from_to_s(clip.audio.samples)[0] == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("turned_deg", [90, 180, -90])
def test_rotation_metadata_is_applied(turned_deg: int) -> None:
    clip = read_clip(make_clip("mp4", "libx264", None, turned_deg=turned_deg))
    pixels = clip.frames[5].pixels
    assert pixels.shape == ((48, 64, 3) if turned_deg == 180 else (64, 48, 3))
    # The stored top left corner, turned counter-clockwise.
    y, x = {90: (-4, 4), 180: (-4, -4), -90: (4, -4)}[turned_deg]
    assert pixels[y, x].min() > 200
    assert pixels[-y, -x].max() < 100


def test_scaling_down_while_decoding_keeps_the_shape(webm: bytes) -> None:
    clip = read_clip(webm, max_side_px=32)
    assert clip.frames[0].pixels.shape == (24, 32, 3)
    assert read_clip(webm, max_side_px=500).frames[0].pixels.shape == (48, 64, 3)


def test_kept_frames_are_spread_evenly_over_time() -> None:
    times = [*range(0, 500, 10), *range(500, 2001, 100)]
    clip = read_clip(make_clip(times_ms=times, sound=None), keep_frames=5)
    np.testing.assert_allclose(clip.times_ms, [0, 500, 1000, 1500, 2000], atol=1)
    assert len(read_clip(make_clip(), keep_frames=400).frames) == 25


def test_a_clip_without_sound_has_none() -> None:
    assert read_clip(make_clip(sound=None)).audio is None


def test_frames_are_the_callers_own(webm: bytes) -> None:
    first, second = read_clip(webm), read_clip(webm)
    first.frames[0].pixels[:] = 1
    assert second.frames[0].pixels[4, 4].min() > 200


def test_a_path_reads_as_its_bytes(webm: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.txt"
    path.write_bytes(webm)
    np.testing.assert_array_equal(read_clip(path).times_ms, read_clip(webm).times_ms)


def test_sound_alone_is_no_clip() -> None:
    assert refusal(make_clip("mp4", None, "aac")) == "media.no_frames"


def test_a_clip_whose_track_holds_no_frame_is_refused() -> None:
    for container, video, sound in (("webm", "libvpx", "libopus"), ("mp4", "libx264", "aac")):
        assert refusal(make_clip(container, video, sound, times_ms=[])) == "media.no_frames"


def test_a_picture_or_text_is_no_clip(tmp_path: Path) -> None:
    assert refusal(b"\x89PNG\r\n\x1a\n" + bytes(100)) == "media.not_a_clip"
    assert refusal(b"") == "media.not_a_clip"
    assert refusal(tmp_path / "none.webm") == "media.missing"


def test_playlists_are_never_followed(tmp_path: Path, webm: bytes) -> None:
    (tmp_path / "inner.webm").write_bytes(webm)
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path}/inner.webm\n",
        f"ffconcat version 1.0\nfile {tmp_path}/inner.webm\n",
    ):
        assert refusal(text.encode()) == "media.not_a_clip"


def test_each_cap_holds(webm: bytes) -> None:
    assert refusal(webm, Limits(max_clip_bytes=len(webm) - 1)) == "media.too_large"
    assert refusal(webm, Limits(max_clip_s=0.5)) == "media.too_long"
    assert refusal(webm, Limits(max_frames=24)) == "media.too_long"
    assert refusal(webm, Limits(max_frame_pixels=64 * 48 - 1)) == "media.too_many_pixels"
    assert refusal(webm, Limits(max_decoded_bytes=64 * 48 * 3 * 25 - 1)) == "media.too_large"
    kept = Limits(max_frames=25, max_frame_pixels=64 * 48, max_decoded_bytes=64 * 48 * 3 * 25)
    assert len(read_clip(webm, kept).frames) == 25


def test_a_truncated_mp4_is_refused() -> None:
    data = make_clip("mp4", "libx264", "aac")
    assert refusal(data[: len(data) // 2]) in {"media.undecodable", "media.truncated"}


def test_a_webm_cut_inside_a_frame_is_not_taken_whole(webm: bytes) -> None:
    try:
        clip = read_clip(webm[: len(webm) * 2 // 3])
    except InputError as error:
        code = error.code
    else:
        code, n_frames = "", len(clip.frames)
        assert 0 < n_frames < 25
    assert code in {"", "media.truncated", "media.undecodable"}


def test_a_decoder_that_needs_too_much_memory_is_stopped() -> None:
    large = make_clip("mp4", "libx264", None, times_ms=[0, 40], size=(2048, 2048))
    default_pool().close()  # a decoder that has room left from other files may use it
    assert refusal(large, Limits(decoder_memory_bytes=8 << 20)) in {
        "media.too_large",
        "media.undecodable",
    }
    assert len(read_clip(large).frames) == 2  # and the next file is served


def test_a_decoder_that_hangs_is_killed_and_replaced(webm: bytes) -> None:
    assert refusal(webm, Limits(decoder_timeout_s=1e-4)) == "media.timeout"
    assert len(read_clip(webm).frames) == 25


def test_a_decoder_that_dies_is_replaced(webm: bytes) -> None:
    pool = DecoderPool(1)
    job = Job("matroska", True, 60, 100, 10_000, 1 << 24, 1 << 28, 30)
    with memory_file() as file:
        file.write(webm)
        assert len(pool.decode(file, job).frames) == 25
        (worker,) = pool._idle
        worker._process.kill()
        worker._process.wait()
        assert len(pool.decode(file, job).frames) == 25  # by the next one
    pool.close()


@pytest.mark.parametrize(
    "answer",
    [
        {"width": 64, "height": 48, "times_ms": [0.0] * 1000},
        {"width": -1, "height": -48, "times_ms": [0.0]},
        {"width": 1, "height": 1, "times_ms": [], "audio_samples": 1 << 40},
        {"width": 1, "height": 1, "times_ms": [], "audio_offset": -8},
        {"width": "x", "height": 1, "times_ms": []},
        {"width": 1, "height": 1, "times_ms": [], "layout": None},
        {"width": 1, "height": 1, "times_ms": [], "layout": {"pixel_format": "rgba"}},
        {"width": 1, "height": 1, "times_ms": [], "layout": {"quarter_turns": 4}},
        {"width": 1, "height": 1, "times_ms": [], "layout": {"colorspace": "2"}},
        {"width": 1, "height": 1, "times_ms": [], "layout": {"color_range": -1}},
        {"width": 1, "height": 2, "times_ms": [0.0], "layout": {"pixel_format": "yuv420p"}},
        {"width": 10, "height": 8, "times_ms": [0.0], "layout": {"pixel_format": "yuv420p"}},
        {},
    ],
)
def test_an_answer_that_does_not_fit_the_output_is_not_believed(
    answer: dict[str, object],
) -> None:
    with memory_file() as output:
        output.write(bytes(100))
        with pytest.raises((ValueError, KeyError)):
            decoder._collect(
                {"audio_offset": 0, "audio_samples": -1, "layout": {}, **answer}, output
            )


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs sealed memory files (Linux)")
def test_the_decoder_can_no_longer_touch_what_the_parent_maps() -> None:
    with memory_file() as output:
        output.write(bytes(300))
        decoder._collect(
            {
                "width": 10,
                "height": 10,
                "times_ms": [0],
                "ends": [],
                "audio_offset": 300,
                "audio_samples": -1,
                "layout": {},
            },
            output,
        )
        for harm in (
            lambda: os.ftruncate(output.fileno(), 0),
            lambda: os.write(output.fileno(), b"x"),
        ):
            with pytest.raises(PermissionError):
                harm()


def test_the_decoder_sees_no_secret_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VERIDICAL_MASTER_KEY", "canary")
    worker = decoder._Worker()
    environment = Path(f"/proc/{worker._process.pid}/environ")
    if not environment.exists():
        pytest.skip("needs /proc")
    assert b"canary" not in environment.read_bytes()
    worker.kill()


def test_many_threads_share_the_pool(webm: bytes) -> None:
    with ThreadPoolExecutor(6) as threads:
        counts = list(threads.map(lambda _: len(read_clip(webm).frames), range(12)))
    assert counts == [25] * 12
    assert threading.active_count() < 10


def test_mutated_clips_end_in_a_clip_or_an_input_error(webm: bytes) -> None:
    rng = random.Random(11)
    seeds = [webm, make_clip("mp4", "libx264", "aac"), make_clip("avi", "mpeg4", "libmp3lame")]
    limits = Limits(max_clip_s=10, decoder_timeout_s=20)
    codes: set[str] = set()
    for turn in range(300):
        data = bytearray(seeds[turn % 3])
        for _ in range(rng.choice((1, 4, 40))):
            # The first bytes hold the structure, where damage hurts most.
            where = rng.randrange(400) if rng.random() < 0.4 else rng.randrange(len(data))
            data[where] = rng.randrange(256)
        if rng.random() < 0.2:
            del data[rng.randrange(16, len(data)) :]
        try:
            read_clip(bytes(data), limits)
            codes.add("media.read")
        except InputError as error:
            codes.add(error.code)
    assert {code.split(".")[0] for code in codes} == {"media"}
    assert {"media.read", "media.undecodable"} <= codes
    assert "media.timeout" not in codes


def wav(samples: NDArray[np.int16], rate_hz: int) -> bytes:
    channels = samples.shape[1]
    body = samples.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * channels * 2, channels * 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(body))
    return b"RIFF" + struct.pack("<I", len(chunks) + len(body)) + chunks + body


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_wav_of_any_rate_becomes_sixteen_kilohertz_mono(rate_hz: int) -> None:
    time = np.arange(rate_hz) / rate_hz
    left = np.round(16_384 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    audio = read_audio(wav(np.stack([left, np.zeros_like(left)], 1), rate_hz))
    assert audio.rate_hz == 16_000
    assert audio.duration_s == pytest.approx(1, abs=0.002)
    spectrum = np.abs(np.fft.rfft(audio.samples))
    assert int(spectrum.argmax()) == pytest.approx(440, abs=1)
    # The mean of a half-scale tone and silence.
    assert float(np.abs(audio.samples[4000:12000]).max()) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("container", "codec"),
    [("flac", "flac"), ("mp3", "libmp3lame"), ("ogg", "libopus"), ("mp4", "aac"), ("adts", "aac")],
)
def test_every_sound_file_is_read(container: str, codec: str) -> None:
    audio = read_audio(make_clip(container, None, codec))
    assert loud_from_to_s(audio.samples)[0] == pytest.approx(0.3, abs=0.08)


def test_the_sound_of_a_clip_is_read_as_sound(webm: bytes) -> None:
    clip = read_clip(webm)
    assert clip.audio is not None
    np.testing.assert_allclose(read_audio(webm).samples, clip.audio.samples, atol=1e-6)


def test_a_sound_file_without_sound_or_too_much_of_it_is_refused(webm: bytes) -> None:
    long = wav(np.zeros((16_000 * 3, 1), np.int16), 16_000)
    cases = [
        (make_clip(sound=None), Limits(), "media.no_audio"),
        (b"hello" * 50, Limits(), "media.not_audio"),
        (long, Limits(max_audio_s=2), "media.too_long"),
        (long, Limits(max_audio_bytes=1000), "media.too_large"),
        (wav(np.zeros((0, 1), np.int16), 16_000), Limits(), "media.no_audio"),
        (wav(np.zeros((100, 1), np.int16), 7), Limits(), "media.unsupported"),
    ]
    for data, limits, code in cases:
        with pytest.raises(InputError) as caught:
            read_audio(data, limits)
        assert caught.value.code == code


def test_sound_that_is_not_a_number_becomes_silence() -> None:
    samples = np.full(16_000, np.nan, np.float32)
    samples[8_000:] = 1e30
    body = samples.tobytes()
    form = struct.pack("<HHIIHH", 3, 1, 16_000, 64_000, 4, 32)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(body))
    audio = read_audio(b"RIFF" + struct.pack("<I", len(chunks) + len(body)) + chunks + body)
    assert np.isfinite(audio.samples).all()
    assert float(np.abs(audio.samples).max()) <= 1.0
    assert not audio.samples[:7_000].any()
