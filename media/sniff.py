"""What kind of file is this, by its content rather than its name?"""

from collections.abc import Collection
from dataclasses import dataclass

from veridical.errors import InputError

__all__ = ["AUDIO_TYPES", "CLIP", "HEAD_BYTES", "PICTURE", "SOUND", "Wanted", "sniff"]

HEAD_BYTES = 192
"""So many tell every type."""
IMAGE_TYPES = frozenset({"image/avif", "image/heic", "image/jpeg", "image/png", "image/webp"})
CLIP_TYPES = frozenset(
    {"video/mp4", "video/x-matroska", "video/x-msvideo", "video/mpeg", "video/mp2t"}
)
AUDIO_TYPES = frozenset(
    {
        "audio/aac",
        "audio/aiff",
        "audio/amr",
        "audio/flac",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/x-caf",
    }
)
NAMES = {
    "image/jp2": "JPEG 2000: send a JPEG, PNG or WebP",
    "image/gif": "GIF: send a JPEG, PNG or WebP",
    "image/bmp": "BMP: send a JPEG, PNG or WebP",
    "image/tiff": "TIFF: send a JPEG, PNG or WebP",
}
"""Types that are known and not read, with what to do."""

_PREFIXES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
    (b"caff", "audio/x-caf"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
_RIFF_FORMS = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo", b"WAVE": "audio/wav"}
# First box of an ISO base media or QuickTime file (ISO/IEC 14496-12, 4.2 and 4.3).
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"), "image/heic"),
}
"""Of pictures, which lie in the same boxes (ISO/IEC 23008-12, annex B; AV1 image file format)."""
_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
_TS_PACKET = 188


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file is to hold.

    Attributes:
        types: Media types that are taken.
        words: What was wanted, for people.
        code: Of the error.
    """

    types: Collection[str]
    words: str
    code: str

    def found(self, head: bytes) -> str:
        """The type of a file, by its first `HEAD_BYTES` bytes.

        Raises:
            InputError: `code`: it holds something else.
        """
        media_type = sniff(head)
        if media_type not in self.types:
            raise InputError(
                f"{self.words} was wanted, "
                f"the content is {NAMES.get(media_type, media_type) or 'none of them'}",
                self.code,
            )
        return media_type


PICTURE = Wanted(IMAGE_TYPES, "a JPEG, PNG, WebP, AVIF or HEIC picture", "media.not_an_image")
CLIP = Wanted(CLIP_TYPES, "an MP4, MOV, WebM, MKV, AVI or MPEG clip", "media.not_a_clip")
SOUND = Wanted(
    AUDIO_TYPES | CLIP_TYPES,
    "a WAV, FLAC, MP3, OGG, AAC, M4A, AIFF, AMR or CAF recording or a clip",
    "media.not_audio",
)


def sniff(head: bytes) -> str:
    """Media type by the first bytes; empty when the content is none that this project reads.

    Containers are named by their family: every MP4, M4A and QuickTime file is `video/mp4`, every
    WebM and Matroska file `video/x-matroska`.

    Args:
        head: At least the first 12 bytes of the file (189 tell MPEG transport streams).
    """
    for prefix, kind in _PREFIXES:
        if head.startswith(prefix):
            return kind
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF_FORMS.get(head[8:12], "")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image/bmp"
    if head[4:8] == b"ftyp":
        end = int.from_bytes(head[:4], "big")
        brands = [head[8:12], *(head[i : i + 4] for i in range(16, min(end, len(head)), 4))]
        if head[8:12] in (*_BRANDS, b"mif1", b"msf1"):
            return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), "image/heic")
    if head[4:8] in _MP4_BOXES:
        return "video/mp4"
    if head[:1] == b"G" and head[_TS_PACKET : _TS_PACKET + 1] == b"G":
        return "video/mp2t"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        # MPEG audio frame header (ISO/IEC 11172-3, 2.4.1.3): layer 00 is ADTS AAC.
        return "audio/mpeg" if head[1] & 0x06 else "audio/aac"
    return ""
