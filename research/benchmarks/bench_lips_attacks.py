"""What becomes of rehearsed attacks on lips?

    python research/benchmarks/bench_lips_attacks.py INDEX.csv [SPEAKER_LEFT_OUT]

One genuine clip of every speaker, attacked by the simulator in every way that touches lips or
sound, and judged whole at the operating point of the card. `dubbed_by_other` lays the sound of the
next speaker under the pictures; `moved_far` moves the clip's own by 0.3 to 0.8 s; `flapping` moves
the mouth as much and as fast as in the clip, but by chance; `slow_stream` keeps every second frame
(12 to 15 a second) and `eight_fps` every third. Simulated: no APCER.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from veridical.analysis.engines import Engines
from veridical.catalogue.points import points_of
from veridical.face.track import FaceTracker
from veridical.liveness.lips import Heard, MouthTrack, follow_mouth
from veridical.media import read_clip
from veridical.rehearsal.simulate import simulate
from veridical.result import Status
from veridical.types import Audio, Clip
from veridical.voiceprint import analyse_speech

PICTURES = (
    "print", "paper_cutout", "mouth_cutout", "frozen_frame", "looped_frames", "reversed_video",
)  # fmt: skip
SOUNDS = ("time_shift", "dubbed_audio")
SHORTEST_S, LONGEST_S = 2.9, 8.2


def main(index: Path, left_out: str) -> None:
    """Print what became of each kind."""
    engines = Engines.open()
    tracker = FaceTracker(engines.need(Engines.detector), engines.need(Engines.mesher))
    vad, check = engines.need(Engines.vad), engines.need(Engines.lips)
    point = points_of(engines)[check.name]

    def hear(audio: Audio | None) -> Heard | None:
        speech = analyse_speech(audio, vad) if audio is not None else None
        return speech and Heard(Audio(speech.samples, 16_000), speech.segments_s)

    def judge(track: MouthTrack, heard: Heard | None, group: str, kind: str) -> None:
        found = check(track, heard)
        counts.setdefault((group, kind), Counter())
        reasons.setdefault((group, kind), Counter())
        status = Status.NOT_ASSESSED if found.score is None else point.status(found.score)
        counts[group, kind][str(status)] += 1
        if status is not Status.PASS:
            reasons[group, kind][found.reason] += 1

    clips = _one_a_speaker(index, left_out)
    counts: dict[tuple[str, str], Counter[str]] = {}
    reasons: dict[tuple[str, str], Counter[str]] = {}
    for number, (clip, group) in enumerate(clips):
        chance = np.random.default_rng(number)
        other = clips[(number + 1) % len(clips)][0]
        track, heard = follow_mouth(clip, tracker), hear(clip.audio)
        judge(track, heard, group, "genuine")
        judge(_flapping(track, chance), heard, group, "flapping")
        # The picture stays: it need not be followed again.
        dub = simulate("dubbed_audio", clip, seed=number, dub=other.audio)
        judge(track, hear(dub.audio), group, "dubbed_by_other")
        judge(track, hear(_moved(clip.audio, chance)), group, "moved_far")
        for attack in SOUNDS:
            judge(track, hear(simulate(attack, clip, seed=number).audio), group, attack)
        for attack in PICTURES:
            made = simulate(attack, clip, seed=number)
            judge(follow_mouth(made, tracker), heard, group, attack)
        for kind, step in (("slow_stream", 2), ("eight_fps", 3)):
            made = Clip(clip.frames[::step], clip.times_ms[::step], clip.audio)
            judge(follow_mouth(made, tracker), heard, group, kind)
    for (group, kind), found in sorted(counts.items()):
        print(group, kind, dict(found), dict(reasons[group, kind]))


def _flapping(track: MouthTrack, chance: np.random.Generator) -> MouthTrack:
    """A mouth that moves by chance: the clip's own spectrum, other phases, alike for all traits.

    Source: D. Prichard and J. Theiler, Physical Review Letters 73, 1994.
    """
    shape = track.shape.copy()
    seen = shape[track.seen].astype(np.float64)
    if len(seen) < 2:
        return track
    spectrum = np.fft.rfft(seen, axis=0)
    turned = np.exp(2j * np.pi * chance.random(len(spectrum)))[:, None]
    turned[0] = 1.0
    shape[track.seen] = np.fft.irfft(spectrum * turned, len(seen), axis=0)
    return MouthTrack(track.times_ms, track.seen, shape, track.inter_eye_px, track.reasons)


def _moved(audio: Audio | None, chance: np.random.Generator) -> Audio | None:
    """The clip's sound 0.3 to 0.8 s early or late; what falls out comes in at the other end."""
    if audio is None:
        return None
    by = int(chance.uniform(0.3, 0.8) * audio.rate_hz) * int(chance.choice([-1, 1]))
    return Audio(np.roll(audio.samples, by), audio.rate_hz)


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
