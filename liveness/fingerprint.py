"""Was this very recording handed in before? Perceptual fingerprints of a clip's frames.

They outlive re-encoding, scaling and trimming, and tell one recording of a person from the next
one before the same wall. A code keeps the signs of 256 coarse frequencies of the whole picture: too
little to know a face by, enough to know the recording again. Keep them for a limited time.
"""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from veridical.types import Clip, Image

__all__ = [
    "CODE_BITS",
    "RADIUS_BITS",
    "SAME_PICTURE",
    "FingerprintIndex",
    "distance_bits",
    "fingerprint",
    "is_copy",
    "picture_codes",
]

FRAMES = 12
SIDE = 32
LOW = 16
CODE_BITS = LOW * LOW
RADIUS_BITS = 12
"""Frames at most this far apart are one picture. Measured on 36 clips of three people, each person
in one studio: a re-encoded, scaled (0.75) and trimmed copy lies at most 12 bits away in the median
over its frames, another clip of the same person at least 17."""


SAME_PICTURE = 0.6
"""Share of a picture's codes that make it a copy: three of five. Measured on 280 frames by
`research/benchmarks/bench_picture_copies.py`: JPEG and WebP down to quality 30, half size,
brightness, gamma, noise, blur and a stamp leave three in at least 94 % of copies; of 19 900 pairs
of pictures of one person in one seat of one studio, on different recordings, 0.2 % have three.
Cropped by 1 % a copy is found in two of five cases, by 2 % or turned by a degree in none."""
LEAST_SPREAD = 2.0
"""Grey levels of standard deviation below which a picture shows nothing to know it again by."""


class FingerprintIndex(Protocol):
    """Where fingerprints of earlier clips are kept; the store brings one."""

    def remember(self, transaction: str, codes: Sequence[bytes]) -> None:
        """Keep the codes of one transaction.

        Args:
            transaction: Its id.
            codes: The clip's fingerprint, see `fingerprint`.
        """
        ...

    def best_share(self, codes: Sequence[bytes], radius_bits: int, besides: str = "") -> float:
        """Largest share of the frames that one other transaction has, too.

        Args:
            codes: The clip's fingerprint, see `fingerprint`.
            radius_bits: Frames at most this far apart count as one.
            besides: Id of the transaction that is not compared: the one that asks.

        Returns:
            0..1; 0 when nothing is stored.
        """
        ...


def fingerprint(clip: Clip) -> tuple[bytes, ...]:
    """Code up to 12 frames, evenly spread, in order of time.

    Returns:
        One code of 32 bytes per frame: the signs of the lowest 16 x 16 frequencies against their
        median, the mean left out.

    Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010,
        with 256 bits in place of 64 to tell frames of one scene apart.
    """
    chosen = np.unique(np.linspace(0, len(clip.frames) - 1, FRAMES).round().astype(int))
    return tuple(_code(clip.frames[index]) for index in chosen)


def picture_codes(image: Image) -> tuple[bytes, ...]:
    """Code one picture: as a whole, and its four overlapping corners.

    A picture taken anew before the same wall moves the face by some pixels, which the corners tell.

    Returns:
        Five codes of 32 bytes as `fingerprint` has them; none for a picture that shows nothing.
    """
    grey = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY)
    if float(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).std()) < LEAST_SPREAD:
        return ()
    height, width = grey.shape
    tall, wide = height * 5 // 8, width * 5 // 8
    corners = ((top, left) for top in (0, height - tall) for left in (0, width - wide))
    parts = [grey, *(grey[top : top + tall, left : left + wide] for top, left in corners)]
    return tuple(map(_code_of_grey, parts))


def is_copy(image: Image, seen: FingerprintIndex, transaction: str) -> bool:
    """Whether another transaction handed in this very picture, encoded anew or mirrored.

    Args:
        image: The picture.
        seen: Codes of earlier pictures.
        transaction: Id of the one that asks; its own pictures do not count.
    """
    mirrored = Image(np.ascontiguousarray(image.pixels[:, ::-1]))
    return any(
        seen.best_share(picture_codes(each), RADIUS_BITS, transaction) >= SAME_PICTURE
        for each in (image, mirrored)
    )


def distance_bits(first: bytes, second: bytes) -> int:
    """Number of bits in which two codes differ."""
    return (int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).bit_count()


def _code(image: Image) -> bytes:
    return _code_of_grey(cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY))


def _code_of_grey(grey: "cv2.typing.MatLike") -> bytes:
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:LOW, :LOW].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False
    return np.packbits(bits).tobytes()
