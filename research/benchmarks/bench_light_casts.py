"""What do the colours of a light challenge do to the other checks?

    python research/benchmarks/bench_light_casts.py INDEX.csv OUT.jsonl [--most 12] [--lips 6]

Each clip of an index (`file`, `speaker`) is measured as it is and lit by simulation: passive
liveness, quality and comparison on 12 frames, each frame with itself unlit; lips on the whole clip
with its sound. Light is simulated; the networks see it as they would see real light of that colour.
"""

import argparse
import csv
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from veridical.analysis.analysis import spread
from veridical.analysis.engines import Engines
from veridical.errors import InputError
from veridical.face import FaceQualityCheck, look
from veridical.face.track import FaceTracker
from veridical.liveness.light import draw_colours
from veridical.liveness.lips import Heard
from veridical.liveness.lips.track import frames_enough, mouth_track
from veridical.media import read_clip
from veridical.rehearsal.relight import Lamp, relight
from veridical.types import Audio, Clip, Colours, View
from veridical.verification import Settings
from veridical.voiceprint import analyse_speech

SHARES = (0.3, 0.67)
VIEWS = 12
SIDE_PX = 640
LONGEST_MS = 8000


class Bench:
    """The checks that are asked."""

    def __init__(self, settings: Settings) -> None:
        engines = Engines.open(settings)
        self.detector, self.mesher = engines.need(Engines.detector), engines.need(Engines.mesher)
        self.embedder, self.silent = engines.need(Engines.embedder), engines.need(Engines.silent)
        self.quality, self.lips = FaceQualityCheck(self.embedder), engines.need(Engines.lips)
        self.vad = engines.need(Engines.vad)

    def views(self, clip: Clip) -> list[View]:
        """Twelve frames, looked at as a transaction looks at them."""
        return [
            look(clip.frames[at], self.detector, self.mesher, float(clip.times_ms[at]))
            for at in spread(len(clip.frames), VIEWS)
        ]

    def measure(self, clip: Clip, unlit: Sequence[View]) -> dict[str, float | None]:
        """Scores of one clip, and the cosine of each of its frames with itself unlit."""
        views = self.views(clip)
        silent = self.silent(views)
        found: dict[str, float | None] = {
            "silent": silent.score,
            "quality": self.quality(views).score,
        }
        found |= {
            name: float(value)
            for name, value in silent.evidence.items()
            if name.startswith("median_") and isinstance(value, int | float)
        }
        cosines = [
            float(self.embedder.fused_frames([a]).vector @ self.embedder.fused_frames([b]).vector)
            for a, b in list(zip(views, unlit, strict=True))[::3]
            if a.subject is not None and b.subject is not None
        ]
        found["match"] = float(np.median(cosines)) if cosines else None
        return found

    def lips_score(self, clip: Clip, heard: Heard) -> float | None:
        """Score of lips against sound."""
        views = FaceTracker(self.detector, self.mesher)(clip)
        return self.lips(mouth_track(views), heard).score


def shortened(clip: Clip) -> Clip:
    """The frames lips need of the first seconds."""
    most = int(np.searchsorted(clip.times_ms, clip.times_ms[0] + LONGEST_MS))
    chosen = frames_enough(clip.times_ms[:most])
    return replace(
        clip, frames=tuple(clip.frames[at] for at in chosen), times_ms=clip.times_ms[chosen]
    )


def rows_of(bench: Bench, file: Path, with_lips: bool) -> list[Mapping[str, object]]:
    """One row unlit and one for each share."""
    clip = shortened(read_clip(file, max_side_px=SIDE_PX))
    few = [int(at) for at in spread(len(clip.frames), VIEWS)]
    small = Clip(tuple(clip.frames[at] for at in few), clip.times_ms[few])
    unlit = bench.views(small)
    meshes = [view.mesh for view in unlit]
    colours = draw_colours(float(clip.times_ms[-1]), random.Random(file.name))  # noqa: S311
    heard = None
    if with_lips and clip.audio is not None:
        speech = analyse_speech(clip.audio, bench.vad)
        heard = Heard(Audio(speech.samples, 16_000), speech.segments_s)
    rows: list[Mapping[str, object]] = []
    for share in (0.0, *SHARES):
        lamp = Lamp(share, balance=0.3)
        row = {"share": share, **bench.measure(relight(small, meshes, colours, lamp), unlit)}
        if heard is not None:
            row["lips"] = bench.lips_score(whole_lit(clip, unlit, few, colours, lamp), heard)
        rows.append(row)
    return rows


def whole_lit(
    clip: Clip, views: Sequence[View], places: Sequence[int], colours: Colours, lamp: Lamp
) -> Clip:
    """Every frame lit by the nearest mesh that was looked at."""
    near = [int(np.abs(np.array(places) - at).argmin()) for at in range(len(clip.frames))]
    return relight(clip, [views[at].mesh for at in near], colours, lamp)


def main() -> None:
    """Measure, and print the changes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--most", type=int, default=12)
    parser.add_argument("--lips", type=int, default=6)
    args = parser.parse_args()
    bench, seen, heard = Bench(Settings()), set[str](), 0
    with args.out.open("w", encoding="utf-8") as out:
        for row in csv.DictReader(args.index.open(encoding="utf-8")):
            if row["speaker"] in seen or len(seen) >= args.most:
                continue
            try:
                found = rows_of(bench, args.index.parent / row["file"], heard < args.lips)
            except InputError:
                continue
            seen.add(row["speaker"])
            heard += any(one.get("lips") is not None for one in found)
            out.writelines(json.dumps({"unit": len(seen), **one}) + "\n" for one in found)
            out.flush()
    for line in changes([json.loads(line) for line in args.out.open(encoding="utf-8")]):
        print(line)


def changes(rows: Sequence[Mapping[str, float]]) -> list[str]:
    """How far each score moved from its own unlit one: median and largest."""
    plain = {row["unit"]: row for row in rows if not row["share"]}
    told = []
    for share in SHARES:
        lit = [row for row in rows if row["share"] == share]
        for name in sorted({key for row in lit for key in row} - {"unit", "share"}):
            pairs = [(row.get(name), plain[row["unit"]].get(name)) for row in lit]
            moved = [a - b for a, b in pairs if a is not None and b is not None]
            lost = sum(a is None and b is not None for a, b in pairs)
            if moved:
                size = np.abs(moved)
                told.append(
                    f"{share:.2f} {name:28} n {len(moved):3} mean {np.mean(moved):+.3f} "
                    f"median size {np.median(size):.3f} largest {size.max():.3f} lost {lost}"
                )
    return told


if __name__ == "__main__":
    main()
