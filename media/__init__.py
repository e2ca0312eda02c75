"""Bytes in; `Image`, `Clip` and `Audio` out. Every limit and every hostile file is met here."""

from veridical.media.clip import read_audio, read_clip, read_sound, read_windows
from veridical.media.forensics import ImageInfo
from veridical.media.limits import Limits
from veridical.media.picture import read_image, read_image_with_info
from veridical.media.sniff import sniff
from veridical.media.symbol import Symbol, read_symbols

__all__ = [
    "ImageInfo",
    "Limits",
    "Symbol",
    "read_audio",
    "read_clip",
    "read_image",
    "read_image_with_info",
    "read_sound",
    "read_symbols",
    "read_windows",
    "sniff",
]
