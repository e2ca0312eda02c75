"""What becomes of rehearsed attacks on lips?

    python benchmarks/bench_lips_attacks.py INDEX.csv [SPEAKER_LEFT_OUT]

One genuine clip of every speaker, attacked by the simulator in every way that touches lips or
sound, and judged whole at the operating point of the card. `dubbed_by_other` lays the sound of the
next speaker under the pictures; `eight_fps` keeps every third frame. Simulated: no APCER.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from veridical.evaluation.simulate import simulate
from veridical.face import FaceDetector, FaceMesher
from veridical.face.track import FaceTracker
from veridical.liveness.lips import Heard, LipsCheck, mouth_track
from veridical.media import read_clip
from veridical.result import Status
from veridical.types import Audio, Clip
from veridical.verification.settings import Settings
from veridical.voiceprint import analyse_speech

ATTACKS = (
    "print", "paper_cutout", "mouth_cutout", "frozen_frame", "looped_frames", "reversed_video",
    "time_shift", "dubbed_audio",
)  # fmt: skip
SHORTEST_S, LONGEST_S = 2.9, 8.2


def main(index: Path, left_out: str) -> None:
    """Print what became of each kind."""
    store = Settings().model_store()
    profile = store.profile()
    tracker = FaceTracker(
        FaceDetector(store.session(profile.roles["detector"][0])),
        FaceMesher(store.session(profile.roles["mesh"][0])),
    )
    vad = store.session(profile.roles["speech"][0])
    check = LipsCheck.load(store, profile)
    point = store.operating_points(profile)[check.name].point

    def judge(clip: Clip, group: str, kind: str) -> None:
        speech = analyse_speech(clip.audio, vad) if clip.audio is not None else None
        heard = speech and Heard(Audio(speech.samples, 16_000), speech.segments_s)
        found = check(mouth_track(tracker(clip)), heard)
        status = Status.NOT_ASSESSED if found.score is None else point.status(found.score)
        counts[group, kind][str(status)] += 1
        if status is not Status.PASS:
            reasons[group, kind][found.reason] += 1

    clips = _one_a_speaker(index, left_out)
    counts: dict[tuple[str, str], Counter[str]] = {}
    reasons: dict[tuple[str, str], Counter[str]] = {}
    for number, (clip, group) in enumerate(clips):
        other = clips[(number + 1) % len(clips)][0]
        made = {"genuine": clip}
        made |= {attack: simulate(attack, clip, seed=number) for attack in ATTACKS}
        made["dubbed_by_other"] = simulate("dubbed_audio", clip, seed=number, dub=other.audio)
        made["eight_fps"] = Clip(clip.frames[::3], clip.times_ms[::3], clip.audio)
        for kind, one in made.items():
            counts.setdefault((group, kind), Counter())
            reasons.setdefault((group, kind), Counter())
            judge(one, group, kind)
    for (group, kind), found in sorted(counts.items()):
        print(group, kind, dict(found), dict(reasons[group, kind]))


def _one_a_speaker(index: Path, left_out: str) -> list[tuple[Clip, str]]:
    found, seen = [], {left_out}
    with index.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            long_enough = SHORTEST_S <= float(row["duration_s"]) <= LONGEST_S
            if row["label"] == "bona_fide" and row["speaker"] not in seen and long_enough:
                clip = read_clip(index.parent / row["file"])
                if clip.audio is not None and np.any(clip.audio.samples):
                    seen.add(row["speaker"])
                    found.append((clip, row["group"]))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
