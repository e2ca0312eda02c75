"""Which pixels does a picture file hold, and is it safe to decode at all?"""

import io
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.media.forensics import ImageInfo, describe
from veridical.media.limits import Limits, read_source
from veridical.media.sniff import IMAGE_TYPES, sniff
from veridical.types import Image

__all__ = ["read_image", "read_image_with_info"]

_PILLOW_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
_WHITE = 255


def read_image(source: bytes | Path, limits: Limits = Limits()) -> Image:  # noqa: B008
    """Decode one JPEG, PNG or WebP picture, upright and in RGB.

    The type is told by the content, the size by the header before a pixel is decoded. The EXIF
    orientation is applied, transparency is laid over white, grey, palette, CMYK and 16-bit
    pictures become 8-bit RGB, and of an animation the first picture is taken. Colour profiles are
    not applied.

    Args:
        source: The file's bytes, or its path.
        limits: Caps on bytes and pixels.

    Raises:
        InputError: `media.missing`, `media.too_large`, `media.not_an_image`,
            `media.too_many_pixels`, `media.truncated`, `media.undecodable`.
    """
    return read_image_with_info(source, limits)[0]


def read_image_with_info(
    source: bytes | Path,
    limits: Limits = Limits(),  # noqa: B008
) -> tuple[Image, ImageInfo]:
    """As `read_image`, with what the header tells about the picture's making."""
    data = read_source(source, limits.max_image_bytes)
    media_type = sniff(data[:192])
    if media_type not in IMAGE_TYPES:
        raise InputError(
            "a JPEG, PNG or WebP picture was wanted, "
            f"the content is {media_type or 'none of them'}",
            "media.not_an_image",
        )
    try:
        with PIL.Image.open(io.BytesIO(data), formats=[_PILLOW_FORMATS[media_type]]) as picture:
            _check_size(picture, limits)
            info = describe(picture, media_type, data)
            picture.load()
            pixels = _upright(_rgb(picture), info.orientation)
    except InputError:
        raise
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(limits) from error
    except Exception as error:  # Pillow raises half of the built-in exceptions on hostile files
        raise _undecodable(error) from error
    return Image(np.ascontiguousarray(pixels)), info


def _check_size(picture: PIL.Image.Image, limits: Limits) -> None:
    if picture.width * picture.height > limits.max_image_pixels:
        raise _too_many_pixels(limits)


def _too_many_pixels(limits: Limits) -> InputError:
    return InputError(
        f"a picture of at most {limits.max_image_pixels} pixels is accepted, this one has more; "
        "send a smaller one",
        "media.too_many_pixels",
    )


def _undecodable(error: Exception) -> InputError:
    if "truncated" in str(error).lower() or isinstance(error, EOFError):
        return InputError("the picture breaks off before its end; send it again", "media.truncated")
    return InputError("the picture is damaged and cannot be decoded", "media.undecodable")


def _rgb(picture: PIL.Image.Image) -> NDArray[np.uint8]:
    """Pixels of a loaded picture as (height, width, 3) uint8 RGB."""
    if picture.mode.startswith("I"):
        # Pillow clips 16-bit samples to 255 instead of scaling them.
        grey = (np.clip(np.asarray(picture, np.int32), 0, 0xFFFF) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if "A" in picture.mode or "transparency" in picture.info:
        layers = picture.convert("RGBA")
        ground = PIL.Image.new("RGBA", layers.size, (_WHITE, _WHITE, _WHITE, _WHITE))
        picture = PIL.Image.alpha_composite(ground, layers)
    return np.asarray(picture.convert("RGB"))


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
