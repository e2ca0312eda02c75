"""Which pixels does a picture file hold? Runs only inside the decoder process."""

import io
import math
import re
from dataclasses import asdict
from typing import BinaryIO

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.media.forensics import describe
from veridical.media.job import PICTURE_FORMATS, PictureJob

__all__ = ["decode_picture"]

MOST_SCANS = 100
"""Cameras and web pages write about ten."""
MOST_SCANNED_PIXELS = 1_000_000_000
"""Each scan of a JPEG goes over the whole picture, however few bytes it has."""
_MOST_PLAIN_SCANS = 4
"""Without progression each component stands in one scan (ITU-T T.81, B.2.3), and four are read."""
_SCALES = (2, 4, 8)
_STRIP_PIXELS = 1 << 16
_WHITE = 255
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_NO_LENGTH = frozenset({*range(0x01, 0xC0), *range(0xD0, 0xD9)})
"""0x02 to 0xBF are reserved: a decoder that looks for a restart steps over two bytes, no more."""
_END, _SCAN = 0xD9, 0xDA
_BOX_HEAD, _LONG_BOX = 8, 1
"""Bytes of the head of a box, and the size that says that the size stands in eight more."""

# Sizes are checked here, and against the job's own bounds.
PIL.Image.MAX_IMAGE_PIXELS = None


def decode_picture(file: BinaryIO, output: BinaryIO, job: PictureJob) -> dict[str, object]:
    """Decode a picture, or the first of an animation.

    Args:
        file: Seekable; its position is of no matter.
        output: Receives the pixels as stored, (height, width, 3) uint8 RGB.
        job: What is wanted and how much is allowed.

    Returns:
        `width` and `height` of what was written, and `info`: the fields of `ImageInfo`.

    Raises:
        InputError: With a `media.*` code that says what is wrong with the file.
    """
    file.seek(0)
    data = file.read()
    media_type = PICTURE_FORMATS[job.format]
    if job.format == "HEIF":
        _open_heic(data)
    try:
        with PIL.Image.open(io.BytesIO(data), formats=[job.format]) as picture:
            info = describe(picture, media_type, data)
            _fit(picture, data, job)
            picture.load()
            size = _write(_reduced(picture, job), output)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # Pillow raises half of the built-in exceptions on hostile files
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise _broken_off() from error
        raise InputError(
            "the picture is damaged and cannot be decoded", "media.undecodable"
        ) from error
    return {"width": size[0], "height": size[1], "info": asdict(info)}


def _fit(picture: PIL.Image.Image, data: bytes, job: PictureJob) -> None:
    """Hold a picture to its bounds before a pixel is decoded; a large JPEG is decoded smaller."""
    width, height = picture.size
    pixels = width * height
    most = {"JPEG": job.most_scaled_pixels, "HEIF": job.most_reduced_pixels}
    if pixels > most.get(job.format, job.most_pixels):
        raise InputError(
            f"a picture of at most {most.get(job.format, job.most_pixels)} pixels is accepted, "
            "this one has more; send a smaller one",
            "media.too_many_pixels",
        )
    if job.format != "JPEG":
        return
    most_scans = _MOST_PLAIN_SCANS
    if picture.info.get("progressive"):
        most_scans = min(MOST_SCANS, max(1, MOST_SCANNED_PIXELS // pixels))
    if _scans(data, most_scans) > most_scans:
        raise InputError(
            f"a JPEG of this kind and size has at most {most_scans} scans, this one has more; "
            "send a baseline JPEG",
            "media.too_many_scans",
        )
    if pixels > job.most_pixels:
        scale = next(
            scale
            for scale in (*_SCALES, 0)
            if not scale or -(-width // scale) * -(-height // scale) <= job.most_pixels
        )
        # The transform itself yields fewer pixels: ITU-T T.81, its low frequencies alone.
        picture.draft(None, (width // scale, height // scale))


def _scans(data: bytes, most: int) -> int:
    """How many scans a JPEG has; counting ends beyond `most`.

    Source: ITU-T T.81, B.1.1: in a scan's own data 0xFF is followed by 0 or by a restart marker.
    """
    count, place = 0, 2
    while count <= most:
        found = _MARKER.search(data, place)
        if found is None:
            return count
        marker, place = data[found.start() + 1], found.end()
        if marker == _END:
            return count
        count += marker == _SCAN
        if marker not in _NO_LENGTH:
            place += max(2, int.from_bytes(data[place : place + 2], "big"))
    return count


def _open_heic(data: bytes) -> None:
    """Let Pillow open HEIC; the library is loaded by the first one that comes.

    It fills what a file lacks with black, so that one that breaks off is told here, by its boxes
    (ISO/IEC 14496-12, 4.2).
    """
    place = 0
    while 0 <= place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if size == _LONG_BOX:
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        if place + size > len(data):
            raise _broken_off()
        place += max(size, _BOX_HEAD) if size else len(data)
    import pillow_heif

    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )


def _broken_off() -> InputError:
    return InputError("the picture breaks off before its end; send it again", "media.truncated")


def _reduced(picture: PIL.Image.Image, job: PictureJob) -> PIL.Image.Image:
    """A decoded picture within the cap."""
    pixels = picture.width * picture.height
    if pixels <= job.most_pixels:
        return picture
    return picture.reduce(math.ceil(math.sqrt(pixels / job.most_pixels)))


def _write(picture: PIL.Image.Image, output: BinaryIO) -> tuple[int, int]:
    """Write the pixels strip by strip: nothing is held twice. Answers their width and height."""
    width, height = picture.size
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(height, top + rows)))
        plain = strip.mode == "RGB" and "transparency" not in strip.info
        output.write(strip.tobytes() if plain else np.ascontiguousarray(_rgb(strip)).data)
    return width, height


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
