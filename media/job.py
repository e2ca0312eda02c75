"""What is the decoder process asked to do, and how does it lay out what it answers?"""

from dataclasses import dataclass

__all__ = [
    "AUDIO_RATE_HZ",
    "PICTURE_FORMATS",
    "PLANAR",
    "RGB",
    "Job",
    "Layout",
    "PictureJob",
    "SymbolJob",
    "fits_planes",
]

AUDIO_RATE_HZ = 16_000
"""Rate of all decoded sound."""
PICTURE_FORMATS = {
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "JPEG": "image/jpeg",
    "JPEG2000": "image/jp2",
    "PNG": "image/png",
    "WEBP": "image/webp",
}
"""What opens a picture, in Pillow's words, and its sniffed type; `HEIF` is pillow-heif's."""
RGB = "rgb24"
PLANAR = ("yuv420p", "yuvj420p")
"""Formats that cross as they are: what cameras and browsers record."""


def fits_planes(width: int, height: int) -> bool:
    """Whether frames of this size, as stored, cross as planes: libav takes only these back."""
    return width % 2 == height % 4 == 0


@dataclass(frozen=True, slots=True)
class Layout:
    """How the frames of a clip lie in the decoder's output, one after the other.

    Attributes:
        pixel_format: `RGB`: upright, three bytes a pixel; or one of `PLANAR`: as the codec stores
            them, each luma and then both planes of colour at half the size.
        colorspace: Matrix of planar frames, in libav's numbers; 2 where the file does not say.
        color_range: Their range, likewise; 0 where it does not say.
        quarter_turns: Counter-clockwise turns that put planar frames upright, 0..3.

    Raises:
        ValueError: No such layout.
    """

    pixel_format: str = RGB
    colorspace: int = 2
    color_range: int = 0
    quarter_turns: int = 0

    def __post_init__(self) -> None:
        if self.pixel_format not in (RGB, *PLANAR):
            raise ValueError("the decoder laid out its frames in no known way")
        numbers = (self.colorspace, self.color_range, self.quarter_turns)
        if not all(type(number) is int for number in numbers):
            raise ValueError("a layout of frames is told in whole numbers")
        if not (0 <= self.colorspace < 32 and 0 <= self.color_range < 3):
            raise ValueError("the decoder laid out its frames in no known colours")
        if not 0 <= self.quarter_turns < 4:
            raise ValueError("frames are turned by 0 to 3 quarters")


@dataclass(frozen=True, slots=True)
class Job:
    """One file to decode, as it crosses to the decoder process.

    Attributes:
        demuxer: The only demuxer that may open the file, in libav's words.
        want_video: Whether frames are wanted; sound is always decoded when there is any.
        max_s: Longest span of time stamps accepted.
        max_frames: Most frames accepted in the file.
        max_frame_pixels: Largest frame accepted, as stored.
        max_decoded_bytes: Cap on all kept frames together.
        memory_bytes: What decoding may allocate.
        timeout_s: Wall time after which the process is killed.
        max_side_px: Frames are scaled down so that neither side is longer; 0 keeps the size.
        keep_frames: At most this many frames, evenly spread in time, are kept; 0 keeps all.
        start_s: Sound before this time, counted from the file's first, is left out.
        span_s: Only so much sound is decoded, and the file may be of any length; 0 decodes all.
        window_s: Frames alone are wanted, a window of this length at a time; 0 decodes all at once.
        frames_a_second: At most this many frames a second are kept; 0 keeps all.
        cpu_s: Processor time after which the process is killed.
    """

    demuxer: str
    want_video: bool
    max_s: float
    max_frames: int
    max_frame_pixels: int
    max_decoded_bytes: int
    memory_bytes: int
    timeout_s: float
    max_side_px: int = 0
    keep_frames: int = 0
    start_s: float = 0.0
    span_s: float = 0.0
    window_s: float = 0.0
    frames_a_second: float = 0.0
    cpu_s: float = 30.0


@dataclass(frozen=True, slots=True)
class PictureJob:
    """One picture to decode, as it crosses to the decoder process.

    Attributes:
        format: The only one that may open the file: of `PICTURE_FORMATS`.
        most_pixels: Largest picture that is answered.
        most_scaled_pixels: Largest that is accepted of a JPEG, which is decoded at a smaller scale.
        most_reduced_pixels: Largest that is accepted of a HEIC, which is brought down when decoded.
        memory_bytes: What decoding may allocate.
        timeout_s: Wall time after which the process is killed.
        cpu_s: Processor time after which it is killed.
    """

    format: str
    most_pixels: int
    most_scaled_pixels: int
    most_reduced_pixels: int
    memory_bytes: int
    timeout_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class SymbolJob:
    """A picture whose barcodes are decoded, as it crosses to the decoder process.

    Attributes:
        width: Of the grey pixels in the file, a byte each.
        height: Their rows.
        memory_bytes: What decoding may allocate.
        timeout_s: Wall time after which the process is killed.
        cpu_s: Processor time after which it is killed: a symbol takes some milliseconds.
    """

    width: int
    height: int
    memory_bytes: int = 128 << 20
    timeout_s: float = 10.0
    cpu_s: float = 1.0
