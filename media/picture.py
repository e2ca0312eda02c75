"""Which pixels does a picture file hold, and is it safe to decode at all?"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.media.decoder import default_pool, head_of, opened
from veridical.media.forensics import ImageInfo
from veridical.media.job import PICTURE_FORMATS, PictureJob
from veridical.media.limits import Limits
from veridical.media.sniff import PICTURE, Wanted
from veridical.types import Image

__all__ = ["read_image", "read_image_with_info", "read_portrait"]

_OPENERS = {media_type: name for name, media_type in PICTURE_FORMATS.items()}
_ON_CHIPS = Wanted(("image/jpeg", "image/jp2"), "a JPEG or JPEG 2000 picture", "media.not_an_image")


def read_image(source: bytes | Path, limits: Limits = Limits()) -> Image:  # noqa: B008
    """Decode one JPEG, PNG, WebP, AVIF or HEIC picture, upright and in RGB, in a separate process.

    The type is told by the content, the size by the header before a pixel is decoded. The EXIF
    orientation is applied, transparency is laid over white, grey, palette, CMYK and 16-bit
    pictures become 8-bit RGB, and of an animation the first picture is taken. A JPEG of more pixels
    than the cap is decoded at a half, a quarter or an eighth of its size, a HEIC brought down to a
    half. Colour profiles are not applied.

    Args:
        source: The file's bytes, or its path.
        limits: Caps on bytes and pixels.

    Raises:
        InputError: `media.missing`, `media.too_large`, `media.not_an_image`,
            `media.too_many_pixels`, `media.too_many_scans`, `media.truncated`, `media.timeout`,
            `media.undecodable`.
        DecoderError: `media.decoder_lost`.
    """
    return read_image_with_info(source, limits)[0]


def read_portrait(source: bytes, limits: Limits = Limits()) -> Image:  # noqa: B008
    """As `read_image`, of the picture on a chip: JPEG, or JPEG 2000, which nothing else brings.

    Args:
        source: The picture, as data group 2 holds it.
        limits: Caps on bytes and pixels.

    Raises:
        InputError, DecoderError: As of `read_image`.
    """
    return _decoded(source, limits, _ON_CHIPS)[0]


def read_image_with_info(
    source: bytes | Path,
    limits: Limits = Limits(),  # noqa: B008
) -> tuple[Image, ImageInfo]:
    """As `read_image`, with what the header tells about the picture's making."""
    return _decoded(source, limits, PICTURE)


def _decoded(source: bytes | Path, limits: Limits, wanted: Wanted) -> tuple[Image, ImageInfo]:
    with opened(source, limits.max_image_bytes) as file:
        media_type = wanted.found(head_of(file))
        job = PictureJob(
            _OPENERS[media_type],
            most_pixels=limits.max_image_pixels,
            most_scaled_pixels=max(limits.max_image_pixels, limits.max_scaled_pixels),
            most_reduced_pixels=max(limits.max_image_pixels, limits.max_reduced_pixels),
            memory_bytes=limits.decoder_memory_bytes,
            timeout_s=limits.decoder_timeout_s,
            cpu_s=limits.picture_cpu_s,
        )
        pixels, info = default_pool().picture(file, job)
    return Image(np.ascontiguousarray(_upright(pixels, info.orientation))), info


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo an EXIF orientation (CIPA DC-008, tag 0x0112)."""
    match orientation:
        case 2:
            return pixels[:, ::-1]
        case 3:
            return pixels[::-1, ::-1]
        case 4:
            return pixels[::-1]
        case 5:
            return pixels.transpose(1, 0, 2)
        case 6:
            return np.rot90(pixels, -1)
        case 7:
            return pixels.transpose(1, 0, 2)[::-1, ::-1]
        case 8:
            return np.rot90(pixels)
        case _:
            return pixels
