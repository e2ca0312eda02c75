"""Media that cost a decoder more than their length, and decoders that die."""

import io
import os
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest

from tests.service_house import House, bearer
from veridical.errors import DecoderError, InputError, VeridicalError
from veridical.media import Limits, decoder, read_audio, read_clip, read_image, sniff
from veridical.media.decoder import default_pool


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def progressive_bomb(scans: int, side: int) -> bytes:
    """A JPEG of few bytes that is gone over again and again: scans that say 'nothing changed'."""
    blocks = ((side + 7) // 8) ** 2

    def packed(bits: str) -> bytes:
        bits += "1" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")

    start = b"\xff\xd8" + segment(0xDB, bytes([0]) + bytes([1] * 64))
    start += segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + bytes([1, 0x11, 0]))
    start += segment(0xC4, bytes([0x00]) + bytes([1] + [0] * 15) + bytes([0]))
    start += segment(0xC4, bytes([0x10]) + bytes([1, 1] + [0] * 14) + bytes([0xE0, 0x00]))
    start += segment(0xDA, bytes([1, 1, 0x00, 0, 0, 0x01])) + packed("0" * blocks)
    codes, left = "", blocks
    while left > 0:
        run = min(left, 32_767)
        if run >= 1 << 14:
            codes += "0" + format(run - (1 << 14), "014b")
        elif run < 200:
            codes += "10" * run
        else:
            run = min(left, 1 << 14)
            codes += "0" + format(0, "014b")
        left -= run
    data = packed(codes)
    first = segment(0xDA, bytes([1, 1, 0x00, 1, 63, 0x01])) + data
    again = segment(0xDA, bytes([1, 1, 0x00, 1, 63, 0x10])) + data
    return start + first + again * scans + b"\xff\xd9"


def code_of(data: bytes | Path, limits: Limits = Limits()) -> str:  # noqa: B008
    with pytest.raises(VeridicalError) as caught:
        read_image(data, limits)
    return caught.value.code


@pytest.mark.parametrize(("scans", "side"), [(2_000, 1_200), (150, 64), (60, 6_320)])
def test_a_jpeg_of_too_many_scans_is_refused_before_it_is_decoded(scans: int, side: int) -> None:
    assert code_of(progressive_bomb(scans, side)) == "media.too_many_scans"


def plain_bomb(marker: int, scans: int, side: int) -> bytes:
    """A JPEG without progression whose scans are empty: a decoder fills each up, block by block."""
    start = b"\xff\xd8" + segment(0xDB, bytes([0]) + bytes([1] * 64))
    layers = b"".join(bytes([index, 0x11, 0]) for index in (1, 2, 3))
    start += segment(marker, struct.pack(">BHHB", 8, side, side, 3) + layers)
    for table in (0x00, 0x10):
        start += segment(0xC4, bytes([table]) + bytes([1] + [0] * 15) + bytes([0]))
    components = [1, 2, 3, *[1] * (scans - 3)]
    return start + b"".join(segment(0xDA, bytes([1, c, 0, 0, 63, 0])) for c in components)


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC9])
def test_a_jpeg_without_progression_has_no_scan_twice(marker: int) -> None:
    assert code_of(plain_bomb(marker, 5, 64)) == "media.too_many_scans"


def test_a_jpeg_with_one_scan_a_component_is_read() -> None:
    assert read_image(plain_bomb(0xC0, 3, 64) + b"\xff\xd9").pixels.shape == (64, 64, 3)


def test_no_reserved_marker_hides_scans() -> None:
    bomb = progressive_bomb(2_000, 64)
    scan = bomb.index(b"\xff\xda")
    # Where a restart is due, a decoder steps over 0xFF02 alone, whatever length seems to follow.
    restarts = segment(0xDD, struct.pack(">H", 1))
    first = bomb.index(b"\xff\xda", scan + 2)
    hidden = bomb[:scan] + restarts + bomb[scan:first] + b"\xff\x02\xff\xff" + bomb[first:]
    assert code_of(hidden) == "media.too_many_scans"


def test_an_applicants_bomb_holds_no_guidance_up(here: House) -> None:
    token = here.start(here.key())["upload_token"]
    answer = here.client.post(
        "/v1/guidance/face", content=progressive_bomb(400, 1_400), headers=bearer(token)
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "media.too_many_scans")


def test_ordinary_progressive_pictures_are_read() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (90, 120, 3), np.uint8)
    stream = io.BytesIO()
    PIL.Image.fromarray(noise).save(stream, "JPEG", progressive=True, quality=90)
    assert read_image(stream.getvalue()).pixels.shape == (90, 120, 3)


def test_pictures_are_decoded_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("a picture was decoded in this process")

    monkeypatch.setattr(PIL.Image.Image, "tobytes", decoded)
    monkeypatch.setattr(PIL.Image, "open", decoded)
    assert read_image(png(np.full((4, 4, 3), 7, np.uint8))).pixels.tolist() == [[[7] * 3] * 4] * 4


def png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(name: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + crc

    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_a_decoder_that_needs_too_much_memory_refuses() -> None:
    data = png(np.zeros((3_000, 4_000, 3), np.uint8))
    assert code_of(data, Limits(decoder_memory_bytes=16 << 20)) == "media.too_large"


def test_a_decoder_that_runs_too_long_is_ended_by_the_kernel() -> None:
    program = (
        "from veridical.media.worker import _limit_processor\n_limit_processor(0.1)\n"
        "while True: pass"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False, cwd=Path.cwd())
    assert ended.returncode == -signal.SIGXCPU


def test_a_decoder_ended_for_its_time_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = dying_of(monkeypatch, signal.SIGXCPU, 10)
    assert code_of(png(np.zeros((4, 4, 3), np.uint8))) == "media.timeout"
    assert asked == [1]


def dying_of(monkeypatch: pytest.MonkeyPatch, cause: signal.Signals, times: int) -> list[int]:
    """Let decoders die when they are asked; counts how often one was asked."""
    genuine, asked = decoder._Worker.ask, [0]

    def ask(self: decoder._Worker, job: decoder.PictureJob, *files: int) -> dict[str, object]:
        asked[0] += 1
        if asked[0] <= times:
            os.kill(self._process.pid, cause)
        return genuine(self, job, *files)

    monkeypatch.setattr(decoder._Worker, "ask", ask)
    return asked


def test_a_decoder_that_died_is_replaced_and_the_picture_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = dying_of(monkeypatch, signal.SIGKILL, 1)
    assert read_image(png(np.zeros((4, 4, 3), np.uint8))).width == 4
    assert asked == [2]


def test_nothing_is_held_against_media_whose_decoders_are_killed_from_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = dying_of(monkeypatch, signal.SIGKILL, 10)
    with pytest.raises(DecoderError) as caught:
        read_image(png(np.zeros((4, 4, 3), np.uint8)))
    assert (caught.value.code, caught.value.http_status) == ("media.decoder_lost", 503)
    assert asked == [2]
    monkeypatch.undo()
    dying_of(monkeypatch, signal.SIGSEGV, 10)
    assert code_of(png(np.zeros((4, 4, 3), np.uint8))) == "media.undecodable"


def test_a_pool_outlives_its_idle_processes() -> None:
    data = png(np.zeros((4, 4, 3), np.uint8))
    read_image(data)
    for worker in default_pool()._idle:
        worker._process.kill()
        worker._process.wait()
    assert read_image(data).width == 4


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"GIF89a" + bytes(20), "GIF"),
        (b"BM" + bytes(60), "BMP"),
        (b"II*\0" + bytes(60), "TIFF"),
        (b"MM\0*" + bytes(60), "TIFF"),
    ],
)
def test_pictures_that_are_not_read_are_refused_by_name(head: bytes, kind: str) -> None:
    for read in (read_image, read_clip, read_audio):
        with pytest.raises(InputError, match=kind):
            read(head)


def test_kinds_in_the_same_boxes_are_told_apart() -> None:
    assert sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf") == "image/avif"
    assert sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic") == "image/heic"
    assert sniff(b"\0\0\0\x18ftypmp42\0\0\0\0isommp42") == "video/mp4"
    assert sniff(b"\0\0\0\x18ftypqt  \0\0\0\0qt  heic") == "video/mp4"


def test_an_avif_is_read() -> None:
    stream = io.BytesIO()
    PIL.Image.new("RGB", (64, 48), (200, 10, 10)).save(stream, "AVIF")
    image = read_image(stream.getvalue())
    assert (image.width, image.height) == (64, 48)
    assert np.abs(image.pixels.astype(int) - (200, 10, 10)).max() < 12


def test_a_jpeg_beyond_the_cap_is_decoded_at_a_scale() -> None:
    stream = io.BytesIO()
    PIL.Image.new("RGB", (806, 604), (200, 10, 10)).save(stream, "JPEG")
    image = read_image(stream.getvalue(), Limits(max_image_pixels=150_000))
    assert (image.width, image.height) == (403, 302)
    image = read_image(stream.getvalue(), Limits(max_image_pixels=20_000))
    assert (image.width, image.height) == (101, 76)
    limits = Limits(max_image_pixels=150_000, max_scaled_pixels=400_000)
    assert code_of(stream.getvalue(), limits) == "media.too_many_pixels"


def clip_of(width: int, height: int, frames: int) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        track = container.add_stream("libx264", 30)
        track.width, track.height, track.pix_fmt = width, height, "yuv420p"
        track.options = {"preset": "ultrafast"}
        for _ in range(frames):
            container.mux(track.encode(av.VideoFrame(width, height, "yuv420p")))
        container.mux(track.encode())
    return stream.getvalue()


def test_a_clip_that_does_not_fit_is_kept_smaller() -> None:
    data = clip_of(1_280, 720, 20)
    budget = 20 * 960 * 540 * 3
    clip = read_clip(data, Limits(max_decoded_bytes=budget))
    assert len(clip.frames) == 20
    assert 640 <= clip.frames[0].width <= 960
    assert sum(frame.pixels.size for frame in clip.frames) <= budget
    with pytest.raises(InputError) as caught:
        read_clip(data, Limits(max_decoded_bytes=20 * 320 * 180 * 3))
    assert caught.value.code == "media.too_large"


@pytest.mark.parametrize(
    ("container", "codec", "rate"), [("aiff", "pcm_s16be", 44_100), ("caf", "pcm_s16le", 48_000)]
)
def test_sounds_of_phones_are_read(container: str, codec: str, rate: int) -> None:
    tone = (np.sin(np.arange(rate) * 0.1) * 9_000).astype(np.int16)[None]
    assert np.abs(read_audio(sound_of(container, codec, rate, tone)).samples).max() > 0.2


def sound_of(
    container: str, codec: str, rate: int, samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]]
) -> bytes:
    stream = io.BytesIO()
    layout = "stereo" if len(samples) == 2 else "mono"
    with av.open(stream, "w", format=container) as file:
        track: Any = file.add_stream(codec, rate, layout=layout)
        packed = np.ascontiguousarray(samples.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(packed, "s16", layout)
        frame.rate, frame.pts = rate, 0
        file.mux(track.encode(frame))
        file.mux(track.encode())
    return stream.getvalue()


def test_channels_that_cancel_each_other_out_are_heard() -> None:
    tone = (np.sin(np.arange(48_000) * 0.1) * 9_000).astype(np.int16)
    for other in (-tone, -tone * 0.9, tone, np.zeros_like(tone)):
        both = np.stack([tone, other.astype(np.int16)])
        sound = read_audio(sound_of("wav", "pcm_s16le", 48_000, both))
        assert np.abs(sound.samples).max() > 0.1


def test_an_amr_is_told_by_its_head() -> None:
    assert sniff(b"#!AMR\n" + bytes(20)) == sniff(b"#!AMR-WB\n" + bytes(20)) == "audio/amr"
