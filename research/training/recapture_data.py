"""Make the pictures that `recapture.py` learns from: bona fide faces, and re-captures of them.

    python research/training/recapture_data.py INDEX.csv OUT.npz --exclude PAD.csv ...

Reads the clips of an index that may train (`train_ok` = yes), leaves out every file whose bytes
are also listed by an evaluation index, and writes windows around faces: as they are, and as the
attack simulator re-captures them. Both kinds are enlarged, blurred, brightened and compressed
alike, so that none of it tells them apart. Speakers are split, never clips: the last five are for
validation, and the simulator draws new papers and screens for them.
"""

import argparse
import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.liveness.crop import crop
from veridical.media import read_clip
from veridical.rehearsal.simulate import Attack, simulate
from veridical.types import Box, Image
from veridical.verification import Settings

SIDE_PX = 96
WINDOW = 1.4
OPTICS = (
    Attack.PRINT, Attack.SCREEN_REPLAY, Attack.BORDERED_TABLET, Attack.PAPER_CUTOUT,
    Attack.MOUTH_CUTOUT,
)  # fmt: skip
CLIPS_OF_ONE, FRAMES_OF_ONE, FRAMES_OF_OTHERS = 40, 2, 14
VALIDATION_SPEAKERS = 5
SCALES = (1.0, 2.6)
"""GRID is small and soft: enlarged before it is shown, as a telephone enlarges a video."""


def chosen(index: Path, excluded: set[str]) -> Iterator[tuple[str, Path]]:
    """Speaker and file of every clip that may train, one speaker's bulk thinned out."""
    taken: dict[str, int] = {}
    with index.open(newline="") as lines:
        for row in csv.DictReader(lines):
            path = index.parent / row["file"]
            if row["train_ok"] != "yes" or _digest(path) in excluded:
                continue
            if taken.setdefault(row["speaker"], 0) < CLIPS_OF_ONE:
                taken[row["speaker"]] += 1
                yield row["speaker"], path


def listed(index: Path) -> set[str]:
    """Digests of the files an evaluation index names."""
    with index.open(newline="") as lines:
        return {_digest(index.parent / row["file"]) for row in csv.DictReader(lines)}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def camera(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """What any camera does to any scene: less detail, another gamma, noise, compression."""
    scale = rng.uniform(0.5, 1.0) if rng.random() < 0.5 else 1.0
    seen = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        seen = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.4, 1.2))
    level = (seen.astype(np.float32) / 255) ** rng.uniform(0.75, 1.35) * 255
    level *= rng.uniform(0.93, 1.07, 3)
    level += rng.normal(0, rng.uniform(0.5, 3.0), level.shape)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))]
    _, data = cv2.imencode(".jpg", np.clip(level, 0, 255).astype(np.uint8), quality)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def window(
    pixels: NDArray[np.uint8], face: Box, before: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The window a network sees: a little off the face, at the size the picture has now."""
    scale = pixels.shape[1] / before
    moved = rng.normal(0, 0.04, 2) * face.width
    side = rng.uniform(0.92, 1.1) * scale
    x, y = (np.array(face.centre) + moved) * scale
    half_w, half_h = face.width * side / 2, face.height * side / 2
    return crop(Image(pixels), Box(x - half_w, y - half_h, x + half_w, y + half_h), WINDOW, SIDE_PX)


def main() -> None:
    """Make the windows."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("index", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--exclude", type=Path, nargs="*", default=[])
    given = arguments.parse_args()
    cv2.setNumThreads(1)
    detector = Engines.open(Settings(profile="registry")).need(Engines.detector)
    excluded: set[str] = set().union(*map(listed, given.exclude))
    clips = list(chosen(given.index, excluded))
    speakers = list(dict.fromkeys(speaker for speaker, _ in clips))
    bulk = max(speakers, key=[speaker for speaker, _ in clips].count)
    rng = np.random.default_rng(11)
    windows, kinds, people = [], [], []
    for speaker, path in clips:
        frames = read_clip(path).frames
        count = FRAMES_OF_ONE if speaker == bulk else FRAMES_OF_OTHERS
        for place in rng.choice(len(frames), min(count, len(frames)), replace=False):
            scale = float(rng.uniform(*SCALES))
            small = frames[place].pixels
            big = np.asarray(cv2.resize(small, None, fx=scale, fy=scale), np.uint8)
            found = detector(Image(big))
            if not found:
                continue
            face = max(found, key=lambda one: one.box.area).box
            attacks = rng.choice(len(OPTICS), 4, replace=False)
            for kind in (*[-1] * 3, *attacks.tolist()):
                shown = big
                if kind >= 0:
                    seed = int(rng.integers(2**31))
                    shown = simulate(OPTICS[kind], Image(big), seed, face=face).pixels
                windows.append(window(camera(shown, rng), face, big.shape[1], rng))
                kinds.append(kind)
                people.append(speakers.index(speaker))
    validation = np.array(people) >= len(speakers) - VALIDATION_SPEAKERS
    np.savez(
        given.out, windows=np.stack(windows), kinds=np.array(kinds), validation=validation,
        names=np.array([attack.value for attack in OPTICS]),
    )  # fmt: skip
    print(f"{len(clips)} clips, {len(speakers)} speakers, {len(windows)} windows,", end=" ")
    print(f"{validation.sum()} of them of {VALIDATION_SPEAKERS} speakers for validation")


if __name__ == "__main__":
    main()
