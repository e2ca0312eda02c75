"""How often does an old answer follow a new schedule?

    python research/benchmarks/bench_lips_schedule.py [DIGITS.csv]

Three parts. The first draws delays from the stated model of a reader: log-normal with median 450 ms
and sigma 0.35, plus an offset per person with standard deviation 120 ms, plus 40 ms of error of
the measured onset. The second, with an index of isolated digits, lays digits of one speaker on
such delays and lets the voice check hear them: it measures the error of the onsets and whether
wrong digits are heard. The third holds each such answer against challenges drawn anew, as an old
clip that is handed in again meets them: content by the digits check as a profile loads it, with its
listener if it has one, at its card's threshold, and by the net alone; schedule by the joint score,
where lips and sound agree fully, as they do in an old clip. Rejected is what falls below either
check's lower threshold; between the two a person looks. `old` is an answer to another schedule;
`aligned` is the same, started at the moment that suits it best.
"""

import csv
import math
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import clopper_pearson
from veridical.catalogue.points import points_of
from veridical.liveness.challenge import Pace, draw_challenge
from veridical.liveness.lips.fusion import CONSISTENCY, SCHEDULE, Fusion
from veridical.liveness.lips.schedule import schedule_llr
from veridical.media import read_audio
from veridical.models import Session, read_card
from veridical.types import Audio
from veridical.voiceprint import DigitsCheck, analyse_speech

RATE_HZ = 16_000
MEAN_DELAY_MS = 478.0
TRIALS = 1500
STRINGS = 60
STRINGS_TOGETHER = 200
OTHERS = 15
FULL_CONSISTENCY = 6.0
"""Ratio of a clip whose lips plainly make the sound: an old answer of one's own does."""
SPEAKER = "fsdd_george"
"""Left out of the training of `digits-en`."""


def delayed(
    shown: Sequence[float],
    chance: np.random.Generator,
    median_ms: float = 450.0,
    sigma: float = 0.35,
    person_sd_ms: float = 120.0,
    onset_sd_ms: float = 40.0,
) -> NDArray[np.float64]:
    """Onsets of a person who reads."""
    times = np.asarray(shown)
    delays = median_ms * np.exp(sigma * chance.standard_normal(len(times)))
    own = person_sd_ms * chance.standard_normal()
    return times + delays + own + onset_sd_ms * chance.standard_normal(len(times))


def simulate(pace: Pace, digits: int, **reader: float) -> str:
    """One row of the table."""
    chance, prompts = np.random.default_rng(1), random.Random(1)  # noqa: S311
    fusion = Fusion.from_card(read_card("lips-sync"))
    ratios: dict[str, list[float]] = {"genuine": [], "old": [], "aligned": []}
    for _ in range(TRIALS):
        shown = draw_challenge("en", digits, pace, prompts).schedule_ms
        other = draw_challenge("en", digits, pace, prompts).schedule_ms
        old = delayed(other, chance, **reader)
        aligned = old - (old - shown).mean() + MEAN_DELAY_MS
        answers = {"genuine": delayed(shown, chance, **reader), "old": old, "aligned": aligned}
        for name, onsets in answers.items():
            ratios[name].append(schedule_llr(onsets.tolist(), shown))
    limit = np.quantile(ratios["genuine"], 0.03)
    alone = {name: np.mean(np.array(found) >= limit) for name, found in ratios.items()}
    point = read_card("lips-sync").operating_points["liveness.lips"].point
    joint = {
        name: np.array(
            [fusion.join({CONSISTENCY: FULL_CONSISTENCY, SCHEDULE: r})[0] for r in found]
        )
        for name, found in ratios.items()
    }
    passed = {name: np.mean(found >= point.accept_at) for name, found in joint.items()}
    refused = np.mean(joint["genuine"] < point.reject_below)
    return (
        f"alone at 3 % of readers lost: old {alone['old']:.1%}, aligned {alone['aligned']:.1%}; "
        f"joint: genuine {passed['genuine']:.1%} (refused {refused:.1%}), "
        f"old {passed['old']:.1%}, aligned {passed['aligned']:.1%}"
    )


def hear(index: Path, vad: Session, check: DigitsCheck) -> None:
    """Lay real digits on a schedule and listen."""
    chance, prompts = np.random.default_rng(2), random.Random(2)  # noqa: S311
    takes = _takes(index)
    errors: list[float] = []
    right, wrong, joint = [], [], []
    for _ in range(STRINGS):
        asked = draw_challenge("en", 6, source=prompts)
        onsets = delayed(asked.schedule_ms, chance, onset_sd_ms=0.0)
        audio = _spoken(asked.digits, onsets, takes, chance)
        speech = analyse_speech(audio, vad)
        reading = check.read(speech, asked.digits, "en")
        right.append(reading.score)
        if reading.times is not None:
            errors += list(np.array(reading.times.start_ms) - onsets)
            joint.append(schedule_llr(reading.times.start_ms, asked.schedule_ms))
        other = draw_challenge("en", 6, source=prompts)
        wrong.append(check.read(speech, other.digits, "en").score)
    spread = np.subtract(*np.quantile(errors, [0.84, 0.16])) / 2
    print(f"{STRINGS} strings of {SPEAKER}: onset error median {np.median(errors):.0f} ms,")
    print(f"  half of the middle 68 %: {spread:.0f} ms; 5 to 95 %:", end=" ")
    print(*(f"{q:.0f}" for q in np.quantile(errors, [0.05, 0.95])))
    print(f"  content of the right prompt above 0: {np.mean(np.array(right) > 0):.1%};", end=" ")
    print(f"of another prompt: {np.mean(np.array(wrong) > 0):.1%} (highest {max(wrong):.1f})")
    print(f"  schedule ratio of these: {np.quantile(joint, [0.03, 0.5]).round(2)} (3 %, median)")


def together(index: Path, engines: Engines, strings: int) -> None:
    """Old clips and wrong digits against content and schedule together."""
    vad, check = engines.need(Engines.vad), engines.need(Engines.digits)
    chance, prompts = np.random.default_rng(3), random.Random(3)  # noqa: S311
    takes = _takes(index)
    fusion = Fusion.from_card(read_card("lips-sync"))
    lips = read_card("lips-sync").operating_points["liveness.lips"].point
    content = points_of(engines)["voice.digits"]
    alone = read_card("digits-en").operating_points["voice.digits"].point.accept_at
    counts = {"genuine": Counter[str](), "old clip": Counter[str]()}
    for _ in range(strings):
        asked = draw_challenge("en", 6, source=prompts)
        onsets = delayed(asked.schedule_ms, chance, onset_sd_ms=0.0)
        speech = analyse_speech(_spoken(asked.digits, onsets, takes, chance), vad)
        drawn = [draw_challenge("en", 6, source=prompts) for _ in range(OTHERS)]
        for kind, one in (("genuine", asked), *(("old clip", other) for other in drawn)):
            measured = check(speech, one.digits, "en")
            reading = check.read(speech, one.digits, "en")
            ratios = {CONSISTENCY: FULL_CONSISTENCY}
            if reading.times is not None:
                ratios[SCHEDULE] = schedule_llr(reading.times.start_ms, one.schedule_ms)
            joint, _ = fusion.join(ratios)
            score = -math.inf if measured.score is None else measured.score
            said, followed = score >= content.accept_at, joint >= lips.accept_at
            counts[kind].update(
                {
                    "n": 1,
                    "listener asked": bool(measured.evidence.get("second_opinion")),
                    "net alone passes": reading.score >= alone,
                    "content passes": said,
                    "schedule passes": followed,
                    "both": said and followed,
                    "rejected": score < content.reject_below or joint < lips.reject_below,
                }
            )
    for kind, found in counts.items():
        print(f"{kind}:", ", ".join(f"{name} {count}" for name, count in found.items()))
        low, high = clopper_pearson(found["both"], found["n"])
        print(f"  both: {found['both'] / found['n']:.3%}, 95 % {low:.3%} to {high:.3%}")


def _takes(index: Path) -> dict[str, list[NDArray[np.float32]]]:
    """Isolated digits of the one speaker, trimmed."""
    takes: dict[str, list[NDArray[np.float32]]] = {}
    with index.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["speaker"] == SPEAKER:
                samples = read_audio(index.parent / row["file"]).samples
                takes.setdefault(row["digits"], []).append(_trimmed(samples))
    return takes


def _trimmed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the silence around a digit."""
    level = np.convolve(np.abs(samples), np.full(160, 1 / 160), "same")
    loud = np.flatnonzero(level > 0.05 * level.max())
    return samples[loud[0] : loud[-1] + 1]


def _spoken(
    digits: str,
    onsets_ms: NDArray[np.float64],
    takes: dict[str, list[NDArray[np.float32]]],
    chance: np.random.Generator,
) -> Audio:
    """Digits at their times over soft noise; a digit that would overlap the next is faded out."""
    whole = chance.normal(0, 0.002, int((onsets_ms[-1] + 1500) * RATE_HZ / 1000))
    places = (onsets_ms * RATE_HZ / 1000).astype(int)
    for index, digit in enumerate(digits):
        take = takes[digit][int(chance.integers(len(takes[digit])))]
        room = places[index + 1] - places[index] if index + 1 < len(places) else len(take)
        cut = take[: max(room, 1600)]
        whole[places[index] : places[index] + len(cut)] += 0.3 * cut / np.abs(take).max()
    return Audio(whole.astype(np.float32), RATE_HZ)


def main() -> None:
    """Print both parts."""
    usual, wide = Pace(), Pace(shown_ms=(700.0, 1900.0))
    for name, pace in (("700 to 1100 ms", usual), ("700 to 1900 ms", wide)):
        for digits in (4, 6, 8):
            print(f"{name}, {digits} digits: {simulate(pace, digits)}")
        for reader in (
            {"median_ms": 300.0}, {"median_ms": 600.0}, {"sigma": 0.25}, {"sigma": 0.5},
            {"person_sd_ms": 60.0}, {"person_sd_ms": 240.0}, {"onset_sd_ms": 80.0},
        ):  # fmt: skip
            print(f"{name}, 6 digits, {reader}: {simulate(pace, 6, **reader)}")
    if len(sys.argv) > 1:
        engines = Engines.open()
        hear(Path(sys.argv[1]), engines.need(Engines.vad), engines.need(Engines.digit_nets))
        together(Path(sys.argv[1]), engines, strings=STRINGS_TOGETHER)


if __name__ == "__main__":
    main()
