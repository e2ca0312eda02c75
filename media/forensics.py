"""What does a picture file say about its own making?"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from PIL import ExifTags
from PIL.Image import Image as PillowImage

__all__ = ["ImageInfo", "describe", "jpeg_quality"]

_MAX_TEXT = 64

# Names as these programs write them into EXIF, XMP or PNG text.
_EDITORS = (
    "photoshop",
    "lightroom",
    "gimp",
    "affinity",
    "pixelmator",
    "paint.net",
    "picsart",
    "snapseed",
    "meitu",
    "faceapp",
    "facetune",
    "canva",
    "coreldraw",
    "corel",
    "inkscape",
    "krita",
    "photopea",
    "picasa",
    "imagemagick",
    "acdsee",
    "vsco",
    "remini",
)
_GENERATORS = (
    "stable diffusion",
    "comfyui",
    "midjourney",
    "dall-e",
    "dall·e",
    "firefly",
    "novelai",
    "invokeai",
    "automatic1111",
)
# IPTC's digital source type for pictures made by a model; C2PA and XMP both carry it.
_GENERATED_SOURCE = b"trainedAlgorithmicMedia"

# Luminance quantisation table of ITU-T T.81, table K.1, in natural order.
_K1 = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float64,
).ravel()


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the header of a picture file tells; an attacker can write all of it.

    Attributes:
        media_type: Sniffed type, such as `image/jpeg`.
        width: Pixels from left to right, as stored (before the orientation is applied).
        height: Pixels from top to bottom, as stored.
        mode: Stored channels in Pillow's words, such as `RGB`, `L`, `CMYK`, `I;16`.
        orientation: EXIF orientation 1..8 that was applied; 1 when there is none.
        frames: Pictures in the file; only the first is read.
        jpeg_quality: Estimated IJG quality 1..100 of a JPEG; None for other types.
        progressive: Whether a JPEG is progressive: cameras rarely write one, web pages often.
        has_exif: Whether there is any EXIF.
        has_camera: Whether EXIF names the camera's make or model.
        software: Software that EXIF or PNG text names, at most 64 printable characters.
        editor: Known picture editor named anywhere in the header, such as `photoshop`; or empty.
        generator: Known picture generator named there, or `digital_source_type` where the
            standard mark of generated media was found; or empty.
    """

    media_type: str
    width: int
    height: int
    mode: str
    orientation: int = 1
    frames: int = 1
    jpeg_quality: float | None = None
    progressive: bool = False
    has_exif: bool = False
    has_camera: bool = False
    software: str = ""
    editor: str = ""
    generator: str = ""

    @classmethod
    def of(cls, told: Mapping[str, object]) -> "ImageInfo":
        """Take what another process told.

        Raises:
            TypeError: It is not of these names and types.
            ValueError: A text is longer than any that is told here.
        """
        for field in fields(cls):
            value, wanted = told[field.name], cast(Any, field.type)
            if not isinstance(value, wanted):
                raise TypeError(f"{field.name} is of another type")
            if isinstance(value, str) and len(value) > _MAX_TEXT:
                raise ValueError(f"{field.name} is longer than it can be")
        return cls(**dict(told))  # type: ignore[arg-type]


def describe(picture: PillowImage, media_type: str, data: bytes) -> ImageInfo:
    """Read a picture's header; damaged metadata counts as absent.

    Args:
        picture: Opened, not necessarily decoded.
        media_type: As sniffed.
        data: The whole file, searched for the mark of generated media.
    """
    exif: Mapping[int, object] = {}
    try:
        exif = dict(picture.getexif())
    except Exception:  # the EXIF reader raises whatever a hostile header makes it raise
        exif = {}
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    texts = [str(value) for key, value in picture.info.items() if isinstance(value, str | bytes)]
    texts += [str(key) for key in picture.info]
    software = _printable(exif.get(ExifTags.Base.Software) or picture.info.get("Software") or "")
    everything = " ".join([software, *texts]).lower()
    generator = next((name for name in _GENERATORS if name in everything), "")
    if not generator and {"parameters", "prompt", "workflow"} & picture.info.keys():
        # Text chunks that the common diffusion front ends write into every PNG.
        generator = "diffusion_parameters"
    if not generator and _GENERATED_SOURCE in data:
        generator = "digital_source_type"
    tables: Mapping[int, Sequence[int]] = getattr(picture, "quantization", None) or {}
    return ImageInfo(
        media_type=media_type,
        width=picture.width,
        height=picture.height,
        mode=picture.mode,
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        frames=int(getattr(picture, "n_frames", 1)),
        jpeg_quality=jpeg_quality(tables[0]) if tables.get(0) else None,
        progressive=bool(picture.info.get("progressive") or picture.info.get("progression")),
        has_exif=bool(exif),
        has_camera=bool(exif.get(ExifTags.Base.Make) or exif.get(ExifTags.Base.Model)),
        software=software,
        editor=next((name for name in _EDITORS if name in everything), ""),
        generator=generator,
    )


def jpeg_quality(luminance: Sequence[int]) -> float:
    """Quality setting of the IJG encoder whose luminance table comes nearest, 1..100.

    Exact to about a unit for tables that are scaled from ITU-T T.81, table K.1; a mere
    equivalent for encoders with tables of their own.

    Args:
        luminance: 64 quantisation steps in natural order.
    """
    steps = np.asarray(luminance, np.float64)
    free = (steps > 1) & (steps < 255)  # steps at a bound say little about the scale
    if not free.any():
        return 100.0 if steps.mean() <= 1 else 1.0
    scale = float(np.mean(steps[free] / _K1[free]) * 100)
    quality = (200 - scale) / 2 if scale <= 100 else 5000 / scale
    return round(min(max(quality, 1.0), 100.0), 1)


def _printable(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return re.sub(r"[^\x20-\x7e]+", " ", text).strip()[:_MAX_TEXT]
