"""How well is a picture known again that was encoded anew, and how rarely another one taken for it?

    python research/benchmarks/bench_picture_copies.py ../shared/data

Pictures are middle frames: 200 recordings of one person in one seat (GRID, speaker 1), the hardest
strangers there are, and 80 of other people.
"""

import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.liveness.fingerprint import RADIUS_BITS, SAME_PICTURE, distance_bits, picture_codes
from veridical.types import Image

Pixels = NDArray[np.uint8]


def _coded(suffix: str, quality: int) -> Callable[[Pixels], Pixels]:
    flag = cv2.IMWRITE_JPEG_QUALITY if suffix == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    return lambda p: np.asarray(
        cv2.imdecode(cv2.imencode(suffix, p, [flag, quality])[1], cv2.IMREAD_COLOR), np.uint8
    )


def _cropped(share: float) -> Callable[[Pixels], Pixels]:
    def crop(p: Pixels) -> Pixels:
        high, wide = int(p.shape[0] * share), int(p.shape[1] * share)
        return p[high : p.shape[0] - high, wide : p.shape[1] - wide]

    return crop


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "jpeg 30": _coded(".jpg", 30),
    "jpeg 60": _coded(".jpg", 60),
    "webp 50": _coded(".webp", 50),
    "half size": lambda p: np.asarray(cv2.resize(p, None, fx=0.5, fy=0.5), np.uint8),
    "brighter": lambda p: np.asarray(cv2.convertScaleAbs(p, alpha=1.15, beta=10), np.uint8),
    "gamma": lambda p: (255 * (p / 255.0) ** 1.3).astype(np.uint8),
    "blur": lambda p: np.asarray(cv2.GaussianBlur(p, (0, 0), 1.5), np.uint8),
    "cropped 1 %": _cropped(0.01),
    "cropped 2 %": _cropped(0.02),
}


def _middle(path: Path) -> Pixels | None:
    video = cv2.VideoCapture(str(path))
    video.set(cv2.CAP_PROP_POS_FRAMES, int(video.get(cv2.CAP_PROP_FRAME_COUNT)) // 2)
    found, frame = video.read()
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8) if found else None


def _same(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> bool:
    near = [min(distance_bits(a, b) for b in other) <= RADIUS_BITS for a in one]
    return bool(near) and sum(near) / len(near) >= SAME_PICTURE


def main(data: Path) -> None:
    """Print both rates."""
    cv2.setNumThreads(1)
    groups = {
        "one person, one seat": sorted((data / "grid_s1").glob("*.mp4"))[:200],
        "other people": sorted((data / "lips" / "real").glob("*.mp4"))[:80],
    }
    frames = {
        name: [f for f in map(_middle, paths) if f is not None] for name, paths in groups.items()
    }
    for name, pictures in frames.items():
        pairs = list(combinations([picture_codes(Image(p)) for p in pictures], 2))
        hits = sum(_same(a, b) for a, b in pairs)
        print(f"{name}: {hits} of {len(pairs)} pairs taken for copies ({hits / len(pairs):.2%})")
    asked = [p for pictures in frames.values() for p in pictures][::6]
    for name, copy in COPIES.items():
        found = [_same(picture_codes(Image(copy(p))), picture_codes(Image(p))) for p in asked]
        print(f"{name}: {sum(found)} of {len(found)} copies known again ({np.mean(found):.0%})")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
