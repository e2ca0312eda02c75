"""How much of an untrusted file is read at all?"""

from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from veridical.errors import InputError

__all__ = ["Limits", "check_size", "open_source"]

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps that every upload is held to; each is checked before the work that it bounds.

    Attributes:
        max_image_bytes: Size of a picture's file.
        max_image_pixels: Width x height of a picture, by its header, and of what is made of it.
        max_scaled_pixels: The same by the header of a JPEG, which is decoded at a smaller scale.
        max_reduced_pixels: The same by the header of a HEIC, which is decoded whole and brought
            down: phones write them with 48 and 50 million.
        max_clip_bytes: Size of a clip's file.
        max_clip_s: Time from the first to the last stamp of a clip, sound included.
        max_frames: Frames in a clip's file, kept or not.
        max_frame_pixels: Width x height of a frame as stored.
        max_decoded_bytes: RGB bytes of all kept frames together.
        max_audio_bytes: Size of a sound file.
        max_audio_s: Length of a sound file.
        max_recording_s: Length of a recording that is read block by block.
        max_recording_bytes: Size of its file.
        decoder_memory_bytes: What decoding one clip or sound may allocate beyond the idle decoder
            (kept frames not counted).
        decoder_timeout_s: Wall time after which a decoder is killed.
        decoder_cpu_s: Processor time after which a decoder of a clip or sound is killed.
        picture_cpu_s: Processor time after which a decoder of a picture is killed.
    """

    max_image_bytes: int = 20 * _MIB
    max_image_pixels: int = 40_000_000
    max_scaled_pixels: int = 220_000_000
    max_reduced_pixels: int = 64_000_000
    max_clip_bytes: int = 100 * _MIB
    max_clip_s: float = 60.0
    max_frames: int = 3_600
    max_frame_pixels: int = 4_096 * 2_304
    max_decoded_bytes: int = 1_024 * _MIB
    max_audio_bytes: int = 50 * _MIB
    max_audio_s: float = 300.0
    max_recording_s: float = 7_200.0
    max_recording_bytes: int = 4_096 * _MIB
    decoder_memory_bytes: int = 768 * _MIB
    decoder_timeout_s: float = 45.0
    decoder_cpu_s: float = 30.0
    picture_cpu_s: float = 8.0


def open_source(path: Path) -> FileIO:
    """Open a regular file for reading.

    Raises:
        InputError: `media.missing`: no such regular file, or it cannot be read.
    """
    try:
        # A pipe or a device would block or never end.
        if not path.is_file():
            raise InputError("no such file; give the path of a regular file", "media.missing")
        return path.open("rb", buffering=0)
    except OSError as error:
        cause = error.strerror or "unknown cause"
        raise InputError(f"the file cannot be read: {cause}", "media.missing") from error


def check_size(size: int, max_bytes: int) -> None:
    """Refuse a file that is too large.

    Raises:
        InputError: `media.too_large`.
    """
    if size > max_bytes:
        raise InputError(
            f"a file of at most {max_bytes} bytes is accepted, got {size}; send a smaller one",
            "media.too_large",
        )
