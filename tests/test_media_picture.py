"""Pictures: what is accepted, how it is turned into upright RGB, and what is refused."""

import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pillow_heif
import pytest
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.media import Limits, read_image, read_image_with_info, sniff

pillow_heif.register_heif_opener()


def scene(width: int = 48, height: int = 32) -> NDArray[np.uint8]:
    """Four plain quarters, so that every turn and mirror shows: red, green over blue, grey."""
    pixels = np.full((height, width, 3), 100, np.uint8)
    pixels[: height // 2, : width // 2] = (200, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 200, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 200)
    return pixels


def encoded(picture: PIL.Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png(pixels: NDArray[np.uint8], **options: object) -> bytes:
    return encoded(PIL.Image.fromarray(pixels), "PNG", **options)


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG that claims a size; its pixels are a few zero bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(bytes(100))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def refusal(data: bytes | Path, limits: Limits = Limits()) -> str:  # noqa: B008
    with pytest.raises(InputError) as caught:
        read_image(data, limits)
    return caught.value.code


def corners(pixels: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """Colour near each corner: top left, top right, bottom left, bottom right; rounded."""
    h, w = pixels.shape[:2]
    spots = [(h // 4, w // 4), (h // 4, 3 * w // 4), (3 * h // 4, w // 4), (3 * h // 4, 3 * w // 4)]
    return [tuple(int(round(v / 100) * 100) for v in pixels[y, x]) for y, x in spots]


UPRIGHT = corners(scene())


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_lossless_pictures_come_back_exactly(kind: str, options: dict[str, object]) -> None:
    data = encoded(PIL.Image.fromarray(scene()), kind, **options)
    np.testing.assert_array_equal(read_image(data).pixels, scene())


def test_a_jpeg_comes_back_in_rgb_order() -> None:
    data = encoded(PIL.Image.fromarray(scene()), "JPEG", quality=95)
    assert corners(read_image(data).pixels) == UPRIGHT


def test_a_path_reads_as_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "picture.gif"  # the name is of no matter
    path.write_bytes(png(scene()))
    np.testing.assert_array_equal(read_image(path).pixels, scene())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_undone(kind: str, orientation: int) -> None:
    turn = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p),  # stored turned left, shown turned right
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }[orientation]
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    stored = PIL.Image.fromarray(np.ascontiguousarray(turn(scene())))
    image, info = read_image_with_info(encoded(stored, kind, exif=exif.tobytes(), quality=95))
    assert corners(image.pixels) == UPRIGHT
    # A HEIC is turned by its own box, whatever its EXIF says.
    assert info.orientation == (1 if kind == "HEIF" else orientation)


def test_a_wrong_orientation_value_counts_as_upright() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 77
    data = encoded(PIL.Image.fromarray(scene()), "JPEG", exif=exif, quality=95)
    assert corners(read_image(data).pixels) == UPRIGHT


def test_grey_jpeg_becomes_three_equal_channels() -> None:
    grey = PIL.Image.fromarray(scene()[:, :, 0])
    pixels = read_image(encoded(grey, "JPEG")).pixels
    assert pixels.shape == (32, 48, 3)
    assert (pixels[:, :, 0] == pixels[:, :, 2]).all()


def test_cmyk_jpeg_becomes_rgb() -> None:
    data = encoded(PIL.Image.fromarray(scene()).convert("CMYK"), "JPEG", quality=95)
    assert corners(read_image(data).pixels) == UPRIGHT


def test_sixteen_bits_are_scaled_rather_than_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    pixels = read_image(encoded(PIL.Image.fromarray(ramp), "PNG")).pixels
    np.testing.assert_allclose(pixels[0, :, 1], np.arange(256), atol=1)


def test_transparency_is_laid_over_white() -> None:
    layers = np.zeros((4, 4, 4), np.uint8)
    layers[:2] = (10, 20, 30, 255)
    pixels = read_image(png(layers)).pixels
    assert pixels[0, 0].tolist() == [10, 20, 30]
    assert pixels[3, 3].tolist() == [255, 255, 255]


def test_a_palette_with_a_transparent_entry_is_flattened() -> None:
    picture = PIL.Image.fromarray(scene()).quantize(8)
    clear = picture.getpixel((0, 0))
    pixels = read_image(encoded(picture, "PNG", transparency=clear)).pixels
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, -1].tolist() == [0, 200, 0]


def test_of_an_animation_the_first_picture_is_taken() -> None:
    first, second = PIL.Image.fromarray(scene()), PIL.Image.new("RGB", (48, 32), "white")
    data = encoded(first, "WEBP", save_all=True, append_images=[second], lossless=True)
    image, info = read_image_with_info(data)
    np.testing.assert_array_equal(image.pixels, scene())
    assert info.frames == 2


def test_one_pixel_is_a_picture() -> None:
    assert read_image(png(np.zeros((1, 1, 3), np.uint8))).pixels.shape == (1, 1, 3)


def test_a_bomb_is_refused_by_its_header() -> None:
    # 400 million pixels: the data are not even there, so only the header can have told.
    assert refusal(png_header(20_000, 20_000)) == "media.too_many_pixels"
    assert refusal(png_header(7_000, 6_000)) == "media.too_many_pixels"


def test_a_webp_bomb_is_refused() -> None:
    # VP8L header (RFC 9649, 3.4): 14 bits each of width - 1 and height - 1.
    bits = 0x2F | (16382 << 8) | (16382 << 22)
    body = b"VP8L" + struct.pack("<I", 6) + struct.pack("<Q", bits)[:6]
    data = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    assert refusal(data) in {"media.too_many_pixels", "media.undecodable"}


def test_limits_on_bytes_and_pixels_hold_to_the_unit() -> None:
    data = png(scene())
    read_image(data, Limits(max_image_bytes=len(data), max_image_pixels=48 * 32))
    assert refusal(data, Limits(max_image_bytes=len(data) - 1)) == "media.too_large"
    assert refusal(data, Limits(max_image_pixels=48 * 32 - 1)) == "media.too_many_pixels"


def test_a_large_file_is_refused_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(scene()))
    assert refusal(path, Limits(max_image_bytes=10)) == "media.too_large"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture_is_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = encoded(PIL.Image.fromarray(noise), kind)
    assert refusal(data[: len(data) // 2]) in {"media.truncated", "media.undecodable"}


def test_a_truncated_jpeg_says_so() -> None:
    data = encoded(PIL.Image.fromarray(scene(640, 480)), "JPEG")
    assert refusal(data[: len(data) - 200]) == "media.truncated"


def heic(picture: PIL.Image.Image, **options: object) -> bytes:
    return encoded(picture, "HEIF", quality=-1, chroma=444, matrix_coefficients=0, **options)


@pytest.mark.parametrize(("mode", "tile_size"), [("RGB", 0), ("RGB", 64), ("L", 0)])
def test_a_heic_is_read_in_one_piece_or_in_tiles(mode: str, tile_size: int) -> None:
    picture = PIL.Image.fromarray(scene(192, 128)).convert(mode)
    pixels = read_image(heic(picture, tile_size=tile_size)).pixels
    assert np.abs(pixels.astype(int) - np.asarray(picture.convert("RGB"))).max() <= 2


def test_a_heic_beyond_the_cap_is_brought_down() -> None:
    data = heic(PIL.Image.fromarray(scene(192, 128)))
    image = read_image(data, Limits(max_image_pixels=10_000))
    assert (image.width, image.height) == (96, 64)
    assert corners(image.pixels) == UPRIGHT
    small = Limits(max_image_pixels=10_000, max_reduced_pixels=20_000)
    assert refusal(data, small) == "media.too_many_pixels"


def test_a_heic_that_breaks_off_is_told() -> None:
    data = heic(PIL.Image.fromarray(scene(192, 128)), tile_size=64)
    assert refusal(data[:-40]) == "media.truncated"
    assert refusal(data[:60]) in ("media.truncated", "media.undecodable")


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"only a text", b"GIF89a" + bytes(20), b"<svg xmlns='x'/>", b"\x00" * 400],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    assert refusal(data) == "media.not_an_image"


def test_a_text_named_jpg_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "passport.jpg"
    path.write_text("hello", encoding="utf-8")
    assert refusal(path) == "media.not_an_image"


def test_missing_files_folders_and_devices_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path, Path("/dev/zero")):
        assert refusal(path) == "media.missing"


def test_messages_do_not_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_image(tmp_path / "zhang-wei.jpg")
    assert "zhang" not in str(caught.value)


def test_a_thousand_mutations_end_in_a_picture_or_an_input_error() -> None:
    rng = random.Random(7)
    exif = PIL.Image.Exif()
    exif[0x0131] = "some program"
    picture = PIL.Image.fromarray(scene())
    seeds = [encoded(picture, kind, exif=exif) for kind in ("JPEG", "PNG", "WEBP", "HEIF")]
    read, codes = 0, set[str]()
    for turn in range(1_000):
        data = bytearray(seeds[turn % 4])
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        try:
            read_image(bytes(data))
            read += 1
        except InputError as error:
            codes.add(error.code)
    assert 100 < read < 900
    assert {code.split(".")[0] for code in codes} == {"media"}


def test_the_editor_and_the_jpeg_quality_are_told() -> None:
    exif = PIL.Image.Exif()
    exif[0x0131] = "Adobe Photoshop 25.1 (Windows)"
    exif[0x010F] = "Some Camera"
    for quality in (35, 75, 90):
        data = encoded(PIL.Image.fromarray(scene()), "JPEG", exif=exif, quality=quality)
        info = read_image_with_info(data)[1]
        assert info.jpeg_quality == pytest.approx(quality, abs=2)
        assert (info.editor, info.has_camera, info.has_exif) == ("photoshop", True, True)
        assert info.software.startswith("Adobe Photoshop")


def test_a_plain_camera_file_names_no_editor() -> None:
    info = read_image_with_info(encoded(PIL.Image.fromarray(scene()), "JPEG"))[1]
    assert (info.editor, info.generator, info.software, info.has_exif) == ("", "", "", False)


def test_marks_of_generated_media_are_told() -> None:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("parameters", "portrait, Steps: 20, Sampler: Euler a")
    assert read_image_with_info(png(scene(), pnginfo=text))[1].generator == "diffusion_parameters"
    xmp = PngInfo()
    xmp.add_itxt("XML:com.adobe.xmp", "<x>digitalsourcetype/trainedAlgorithmicMedia</x>")
    assert read_image_with_info(png(scene(), pnginfo=xmp))[1].generator == "digital_source_type"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0" + bytes(20), "image/jpeg"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"RIFF\x10\x00\x00\x00AVI LIST", "video/x-msvideo"),
        (b"\x00\x00\x00\x18ftypqt  ", "video/mp4"),
        (b"\x1aE\xdf\xa3" + bytes(20), "video/x-matroska"),
        (b"\xff\xfb\x90\x00" + bytes(20), "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(20), "audio/aac"),
        (b"#EXTM3U\nhttp://x/y", ""),
        (b"ffconcat version 1.0", ""),
        (b"", ""),
    ],
)
def test_types_are_told_by_content(head: bytes, kind: str) -> None:
    assert sniff(head) == kind
