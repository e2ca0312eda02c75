"""What do the witnesses add up to on real clips lit by simulation, and on generated ones unlit?

    python research/benchmarks/bench_present.py INDEX [--genuine 30] [--generated 60] [--share 0.08]

INDEX is that of `evaluate light`. Each clip is cut to eight seconds; a genuine one is lit by the
colours drawn for it (rehearsal.relight: simulated), a generated one is not, as one whose maker
ignores them. Slices come in time in both. Lips, light and continuity are assessed as shipped; there
are no digits in these clips, so that content and schedule say nothing. One clip a speaker or source.
"""

import argparse
import csv
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.analysis.transaction import Transaction
from veridical.calibration.intervals import clopper_pearson
from veridical.catalogue import CHECKS
from veridical.catalogue.points import own_points, points_of
from veridical.errors import InputError
from veridical.face.track import FaceTracker
from veridical.liveness.challenge import HORIZON_MS
from veridical.liveness.light.colours import draw_colours
from veridical.liveness.lips.track import frames_enough
from veridical.media import read_clip
from veridical.policy.decision import judge
from veridical.policy.present import PRESENT, Addition, add_up
from veridical.rehearsal.relight import Lamp, encoded, relight
from veridical.result import CheckResult, EvidenceValue, OperatingPoint
from veridical.types import Arrival, Challenge, Clip
from veridical.verification.settings import Settings
from veridical.verification.verifier import Verifier, load_verifier

GENUINE = "bona_fide"
LONGEST_MS = 8_000.0
SHORTEST_S = 6.0
BITS_A_FRAME = 32_000
WITNESSES = ("liveness.lips", "liveness.light", "capture.continuity")


def rows(index: Path, label: str, most: int) -> Iterator[Mapping[str, str]]:
    """The first clip in the wild of each speaker with a label, six seconds and longer."""
    with index.open(encoding="utf-8") as file:
        seen: set[str] = set()
        for row in csv.DictReader(file):
            wild = row["label"] == label and row["group"] == "wild"
            long = float(row["duration_s"]) >= SHORTEST_S
            if wild and long and row["speaker"] not in seen and len(seen) < most:
                seen.add(row["speaker"])
                yield row


def shortened(clip: Clip) -> Clip:
    """The frames lips are followed in, of the first seconds, with their sound."""
    chosen = [i for i in frames_enough(clip.times_ms) if clip.times_ms[i] <= LONGEST_MS]
    audio = clip.audio
    if audio is not None:
        most = int(clip.times_ms[chosen[-1]] / 1000 * audio.rate_hz)
        audio = replace(audio, samples=audio.samples[:most])
    return Clip(tuple(clip.frames[i] for i in chosen), clip.times_ms[chosen], audio)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    parser.add_argument("--genuine", type=int, default=30)
    parser.add_argument("--generated", type=int, default=60)
    parser.add_argument("--share", type=float, default=0.08)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    settings = Settings(policy="reverify")
    engines = Engines.open(settings)
    verifier = load_verifier(settings, engines=engines)
    points = {**points_of(engines), **own_points()}
    chance = random.Random(asked.seed)  # noqa: S311
    for label, most in ((GENUINE, asked.genuine), ("generated", asked.generated)):
        ends: Counter[str] = Counter()
        whys: Counter[str] = Counter()
        ranks: Counter[str] = Counter()
        for row in rows(asked.index, label, most):
            try:
                clip = shortened(read_clip(asked.index.parent / row["file"]))
            except InputError as error:
                print(row["file"], error.code, file=sys.stderr)
                continue
            lamp = Lamp(asked.share) if label == GENUINE else None
            found, rank = judged(verifier, engines, points, clip, lamp, chance)
            ranks[str(rank)] += 1
            status = judge(found.measurement(), points[PRESENT]).status
            ends[status] += 1
            whys[found.measurement().reason] += status != "pass"
            print(label, row["file"], status, found.sums, found.parts, found.reason, flush=True)
        n = ends.total()
        low, high = clopper_pearson(ends["pass"], n) if n else (0.0, 0.0)
        print(f"{label}: {dict(ends)} of {n}; pass {low:.3f}..{high:.3f}; {dict(whys)}", flush=True)
        print(f"p of the light: {dict(ranks)}", flush=True)
    return 0


def judged(
    verifier: Verifier,
    engines: Engines,
    points: Mapping[str, OperatingPoint],
    clip: Clip,
    lamp: Lamp | None,
    chance: random.Random,
) -> tuple[Addition, EvidenceValue]:
    """What the witnesses of one clip add up to, and the light's p."""
    colours = draw_colours(float(clip.times_ms[-1]), chance)
    if engines.detector is None or engines.mesher is None or engines.lips is None:
        raise SystemExit("the models are not there: veridical models pull")
    if lamp is not None:
        meshes = [view.mesh for view in FaceTracker(engines.detector, engines.mesher)(clip, ())]
        lit = encoded(relight(clip, meshes, colours, lamp), BITS_A_FRAME)
        clip = Clip(lit.frames, clip.times_ms, clip.audio)
    ends = np.arange(500.0, float(clip.times_ms[-1]) + 500, 500)
    arrivals = tuple(Arrival(min(at, float(clip.times_ms[-1])), at + HORIZON_MS / 4) for at in ends)
    challenge = Challenge("", colours=colours)
    analysis = Analysis(
        Transaction("t", clip=clip, challenge=challenge, arrivals=arrivals), engines
    )
    results: dict[str, CheckResult] = {}
    for name in WITNESSES:
        if name == "liveness.lips":
            plain = Analysis(Transaction("t", clip=clip), engines)
            assert plain.mouth is not None
            measured = engines.lips(plain.mouth, plain.heard)
        else:
            measured = verifier._steps[name](analysis)
        results[name] = judge(measured, points.get(name))
    assert set(results) <= CHECKS.keys()
    return add_up(results, WITNESSES), results["liveness.light"].measurement.evidence.get("p")


if __name__ == "__main__":
    raise SystemExit(main())
