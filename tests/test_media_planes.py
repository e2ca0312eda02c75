"""Frames that cross as the codec stores them show what libav itself would have shown."""

import io
from fractions import Fraction
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray

from veridical.media import read_clip
from veridical.media.job import Layout
from veridical.media.planes import KEPT, Planes, brightness, planar_images, sampled
from veridical.types import Image

FRAMES = 20


def clip_of(
    codec: str, pixel_format: str, size: tuple[int, int], turned_deg: int = 0, colorspace: int = 2
) -> bytes:
    """A clip of coloured noise, smooth enough for a codec."""
    rng = np.random.default_rng(3)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4" if codec == "libx264" else "avi") as out:
        stream = cast("VideoStream", out.add_stream(codec, rate=30))
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.bit_rate = 2_000_000
        stream.codec_context.colorspace = colorspace
        if turned_deg:
            stream.set_display_rotation(turned_deg)
        for i in range(FRAMES):
            coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
            pixels = np.repeat(np.repeat(coarse, size[1] // 6 + 1, 0), size[0] // 8 + 1, 1)
            pixels = np.ascontiguousarray(pixels[: size[1], : size[0]])
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = 40 * i, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return buffer.getvalue()


def shown_by_libav(data: bytes) -> list[NDArray[np.uint8]]:
    with av.open(io.BytesIO(data), "r") as container:
        return [
            np.asarray(
                np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4), np.uint8
            )
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize(
    ("codec", "pixel_format", "colorspace", "turned_deg"),
    [
        *(("libx264", "yuv420p", 2, turned) for turned in (0, 90, 180, -90)),
        ("libx264", "yuv420p", 1, 0),  # the colours of high definition
        ("mjpeg", "yuvj420p", 2, 0),
    ],
)
def test_planes_show_what_libav_shows(
    codec: str, pixel_format: str, colorspace: int, turned_deg: int
) -> None:
    data = clip_of(codec, pixel_format, (64, 48), turned_deg, colorspace)
    clip, wanted = read_clip(data), shown_by_libav(data)
    assert len(clip.frames) == FRAMES
    assert wanted[0].std() > 20
    for frame, pixels in zip(clip.frames, wanted, strict=True):
        assert (frame.height, frame.width) == pixels.shape[:2]
        np.testing.assert_array_equal(frame.pixels, pixels)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "size"),
    [
        ("libx264", "yuv444p", (64, 48)),
        ("mjpeg", "yuvj420p", (63, 47)),
        ("libx264", "yuv420p", (64, 46)),
    ],
)
def test_what_cannot_cross_as_planes_crosses_as_rgb(
    codec: str, pixel_format: str, size: tuple[int, int]
) -> None:
    data = clip_of(codec, pixel_format, size)
    frames = read_clip(data).frames
    assert type(frames[0]) is Image
    for frame, pixels in zip(frames, shown_by_libav(data), strict=True):
        np.testing.assert_array_equal(frame.pixels, pixels)


def test_a_picture_is_made_once_and_not_all_are_held() -> None:
    data = np.random.default_rng(1).integers(0, 256, (KEPT + 4, 24, 16), np.uint8)
    planes = Planes(data, Layout("yuv420p"))
    first = planes.rgb(0)
    assert planes.rgb(0) is first
    for index in range(1, KEPT):
        planes.rgb(index)
    assert planes.rgb(0) is first  # looked at just now, so 1 goes first
    second = planes.rgb(1)
    planes.rgb(KEPT)
    planes.rgb(KEPT + 1)
    assert planes.rgb(0) is first
    assert planes.rgb(1) is second
    for index in range(2, KEPT + 2):
        planes.rgb(index)
    assert planes.rgb(0) is not first
    np.testing.assert_array_equal(planes.rgb(0), first)


def test_the_size_is_told_upright_without_making_a_picture() -> None:
    (image,) = planar_images(np.zeros((1, 72, 64), np.uint8), Layout("yuv420p", quarter_turns=3))
    assert (image.width, image.height) == (48, 64)
    assert image.pixels.shape == (64, 48, 3)


@pytest.mark.parametrize("turned_deg", [0, 90, 180, -90])
@pytest.mark.parametrize(("rows", "columns"), [(slice(3, None, 7), slice(None, None, 5))])
def test_samples_are_the_pixels_of_the_pictures(
    turned_deg: int, rows: slice, columns: slice
) -> None:
    frames = read_clip(clip_of("libx264", "yuv420p", (64, 48), turned_deg)).frames[::3]
    wanted = np.stack([frame.pixels[rows, columns] for frame in frames])
    np.testing.assert_array_equal(sampled(frames, rows, columns), wanted)
    plain = [Image(frame.pixels) for frame in frames]
    np.testing.assert_array_equal(sampled(plain, rows, columns), wanted)
    np.testing.assert_array_equal(sampled([*frames[:2], *plain[2:]], rows, columns), wanted)


@pytest.mark.parametrize("turned_deg", [0, 90, 180])
def test_brightness_of_a_frame_lies_where_its_picture_has_it(turned_deg: int) -> None:
    image = read_clip(clip_of("libx264", "yuv420p", (64, 48), turned_deg)).frames[3]
    rows, columns = slice(3, None, 5), slice(2, 30, 4)
    expected = brightness(Image(image.pixels), rows, columns).astype(int)
    found = brightness(image, rows, columns).astype(int)
    assert found.shape == expected.shape
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999
