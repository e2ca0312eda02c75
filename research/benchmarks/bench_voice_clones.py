"""How many cloned and converted voices does the voiceprint take for the speaker they copy?

Each clone is compared with the bona fide recordings of its target in the same index; a target
without one is left out, and counted.

    python research/benchmarks/bench_voice_clones.py ../shared/data/voice/spoof.csv
"""

import argparse
import csv
import json
from collections import defaultdict
from pathlib import Path

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import clopper_pearson
from veridical.catalogue.points import points_of
from veridical.media import read_audio
from veridical.verification.settings import Settings
from veridical.voiceprint import VoiceMatchCheck, analyse_speech


def main() -> None:
    """Print one JSON line: accepted, reviewed and refused by kind of clone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    args = parser.parse_args()
    engines = Engines.open(Settings(profile="registry"))
    vad, embedder = engines.need(Engines.vad), engines.need(Engines.voice)
    point = points_of(engines)["voice.match"]
    check = VoiceMatchCheck(embedder)
    with args.index.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    bona_fide = {
        row["speaker"]: embedder(analyse_speech(read_audio(args.index.parent / row["file"]), vad))
        for row in rows
        if row["label"] == "bonafide"
    }
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    scores: dict[str, list[float]] = defaultdict(list)
    left_out = 0
    for row in rows:
        if row["label"] == "bonafide":
            continue
        target = row["speaker"].removesuffix("_gen").rpartition("-")[2]
        if target not in bona_fide:
            left_out += 1
            continue
        speech = analyse_speech(read_audio(args.index.parent / row["file"]), vad)
        result = check(bona_fide[target], speech)
        kind = row["label"]
        if result.score is None:
            counts[kind][result.reason] += 1
        else:
            counts[kind][str(point.status(result.score))] += 1
            scores[kind].append(round(result.score, 3))
    assessed = [score for own in scores.values() for score in own]
    accepted = sum(score >= point.accept_at for score in assessed)
    report = {
        "accept_at": point.accept_at,
        "clones": {kind: dict(own) for kind, own in counts.items()},
        "scores": scores,
        "accepted": accepted,
        "assessed": len(assessed),
        "iapar": round(accepted / max(1, len(assessed)), 3),
        "ci95": [round(bound, 3) for bound in clopper_pearson(accepted, len(assessed))],
        "left_out_no_bona_fide_recording": left_out,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
