"""Measure `capture.continuity`: what it costs uncut clips, and what it finds in joined ones.

    python research/benchmarks/bench_continuity.py ../shared/data/grid_s1 --clips 30

Uncut: the sentences as they are, and written again. Joined, from words of other sentences of the same
speaker with their sound, as H.264: `random` joins anything, `nearest` picks of 25 words and some
frames before each that whose head lies nearest to where the last one left it, `morphed` also blends
five frames over each joint. `interleaved` puts frames of another sentence in.
"""

import argparse
import csv
import random
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import clopper_pearson
from veridical.face.track import FaceTracker
from veridical.liveness.continuity import ContinuityCheck, ContinuitySettings
from veridical.liveness.lips.track import frames_enough
from veridical.media import read_clip
from veridical.rehearsal.cuts import interleaved, spliced
from veridical.rehearsal.recording import write_clip
from veridical.types import Audio, Clip, Image, View
from veridical.verification.settings import Settings

MS = 40
RATE_HZ = 16_000
ACCEPT_AT = 0.5
WORDS = 6
CANDIDATES = 25
MORPHED = 5


@dataclass
class Sentence:
    """One recorded sentence: its clip, its words' times, and where its head is."""

    path: Path
    words: list[tuple[int, int]]
    bench: "Bench"

    @cached_property
    def clip(self) -> Clip:
        """Its frames and sound."""
        return read_clip(self.path)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Its face, followed."""
        return self.bench.tracker(self.clip)

    def eyes(self, index: int) -> NDArray[np.float32] | None:
        """Where eyes and nose are in one frame."""
        mesh = self.views[min(max(index, 0), len(self.views) - 1)].mesh
        return None if mesh is None else mesh.points[[33, 133, 362, 263, 1], :2]


class Bench:
    """The engines."""

    def __init__(self) -> None:
        engines = Engines.open(Settings())
        embedder = engines.need(Engines.embedder)
        self.tracker = FaceTracker(engines.need(Engines.detector), engines.need(Engines.mesher))
        self.check = ContinuityCheck(ContinuitySettings.read(), embedder.frame_vectors)
        self.counts: dict[str, list[tuple[bool, str]]] = {}

    def judge(self, kind: str, clip: Clip) -> None:
        """Measure one clip and count it."""
        chosen = frames_enough(clip.times_ms)
        part = Clip(tuple(clip.frames[i] for i in chosen), clip.times_ms[chosen])
        found = self.check(clip, self.tracker(part))
        passed = found.score is not None and found.score >= ACCEPT_AT
        self.counts.setdefault(kind, []).append((passed, found.reason))

    def tell(self) -> None:
        """Print what was counted."""
        for kind, found in self.counts.items():
            refused = sum(not passed for passed, _ in found)
            low, high = clopper_pearson(refused, len(found))
            why = Counter(reason for passed, reason in found if not passed)
            print(
                f"{kind:22} not passed {refused}/{len(found)} [{low:.3f} {high:.3f}] {dict(why)}",
                flush=True,
            )


def again(clip: Clip, folder: Path) -> Clip:
    """The clip as a file holds it."""
    path = folder / "clip.mp4"
    write_clip(path, clip, "simulated attack: joined takes; for measurement")
    return read_clip(path)


def joined(sentences: list[Sentence], how: str, chance: random.Random) -> Clip:
    """Words of several sentences, one after the other."""
    frames: list[Image] = []
    sound: list[NDArray[np.float32]] = []
    joints: list[int] = []
    last: tuple[Sentence, int] | None = None
    for _ in range(WORDS):
        words = [(one, word) for one in sentences for word in one.words]
        found = chance.sample(words, min(CANDIDATES, len(words)))
        sentence, (begin, end) = found[0]
        start = max(2, begin // MS - chance.randrange(5, 15))
        if how != "random" and last is not None:
            best = np.inf
            here = last[0].eyes(last[1])
            for one, (a, b) in found:
                for place in range(max(2, a // MS - 14), a // MS - 2):
                    there = one.eyes(place)
                    if here is None or there is None:
                        continue
                    far = float(np.abs(here - there).mean())
                    if far < best:
                        best, sentence, start, begin, end = far, one, place, a, b
        stop = min(end // MS + chance.randrange(3, 10), len(sentence.clip.frames) - 1)
        if frames:
            joints.append(len(frames))
        assert sentence.clip.audio is not None
        frames += sentence.clip.frames[start:stop]
        step = RATE_HZ * MS // 1000
        piece = sentence.clip.audio.samples[start * step : stop * step]
        sound.append(np.pad(piece, (0, (stop - start) * step - len(piece))))
        last = sentence, stop - 1
    if how == "morphed":
        frames = _blended(frames, joints)
    times_ms = np.arange(len(frames), dtype=np.float64) * MS
    return Clip(tuple(frames), times_ms, Audio(np.concatenate(sound), RATE_HZ))


def _blended(frames: list[Image], joints: list[int]) -> list[Image]:
    """Frames about every joint bent and blended from one side to the other."""
    made = list(frames)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    height, width = frames[0].height, frames[0].width
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for joint in joints:
        low, high = joint - 1 - MORPHED // 2, joint + MORPHED // 2 + 1
        if low < 0 or high >= len(frames):
            continue
        a, b = frames[low].pixels, frames[high].pixels
        grey = [cv2.cvtColor(side, cv2.COLOR_RGB2GRAY) for side in (a, b)]
        way = flow.calc(grey[0], grey[1], np.zeros((height, width, 2), np.float32))
        back = flow.calc(grey[1], grey[0], np.zeros((height, width, 2), np.float32))
        for place in range(low + 1, high):
            s = np.float32((place - low) / (high - low))
            first = cv2.remap(a, x - s * way[..., 0], y - s * way[..., 1], cv2.INTER_LINEAR)
            second = cv2.remap(
                b, x - (1 - s) * back[..., 0], y - (1 - s) * back[..., 1], cv2.INTER_LINEAR
            )
            made[place] = Image(
                np.asarray(cv2.addWeighted(first, float(1 - s), second, float(s), 0), np.uint8)
            )
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", type=Path, help="clips of one speaker with an index.csv of word times"
    )
    parser.add_argument("--clips", type=int, default=30, help="of each kind")
    parser.add_argument("--sentences", type=int, default=60, help="that words are taken from")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    bench, chance = Bench(), random.Random(1)  # noqa: S311
    rows = list(csv.DictReader((asked.folder / "index.csv").open(encoding="utf-8")))
    chosen = chance.sample(rows, asked.sentences)
    sentences = [
        Sentence(
            asked.folder / row["file"],
            [
                (int(times.split("-")[0]), int(times.split("-")[1]))
                for word in row["words_ms"].split()
                for times in [word.split(":")[1]]
            ],
            bench,
        )
        for row in chosen
    ]
    with TemporaryDirectory() as made:
        folder = Path(made)
        for turn in range(asked.clips):
            one, other = (
                sentences[2 * turn % len(sentences)],
                sentences[(2 * turn + 1) % len(sentences)],
            )
            bench.judge("uncut", one.clip)
            bench.judge("uncut, written again", again(one.clip, folder))
            for how in ("random", "nearest", "morphed"):
                bench.judge(f"joined: {how}", again(joined(sentences, how, chance), folder))
            rng = np.random.default_rng(turn)
            bench.judge("spliced (simulate)", again(spliced(one.clip, rng), folder))
            for count in (1, 4, 12):
                places = np.sort(
                    rng.choice(np.arange(3, len(one.clip.frames) - 3), count, replace=False)
                )
                bench.judge(
                    f"interleaved: {count}",
                    again(interleaved(one.clip, other.clip, rng, places=places), folder),
                )
            if turn % 5 == 4:
                bench.tell()
    bench.tell()


if __name__ == "__main__":
    main()
