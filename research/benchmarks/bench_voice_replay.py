"""Is a recording found again after a channel, and is another of the same person taken for it?

python research/benchmarks/bench_voice_replay.py ../shared/data/voice/speech.csv
"""

import argparse
import csv
import json
import tempfile
from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path

import numpy as np
from bench_voice import spoilt

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import clopper_pearson
from veridical.media import read_audio
from veridical.store import Database, Fingerprints
from veridical.types import Audio
from veridical.voiceprint import analyse_speech
from veridical.voiceprint.replay import RADIUS_BITS, signs_of_playback, sound_codes

RATE_HZ = 16_000
WAYS = ("a-law 8 kHz", "mp3 32k", "opus 12k", "trimmed and quieter", "loudspeaker and room")


def copied(sound: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    """The recording once more."""
    if how == "trimmed and quieter":
        return np.asarray(sound[int(0.317 * RATE_HZ) : -int(0.2 * RATE_HZ)] * 0.3, np.float32)
    if how == "loudspeaker and room":
        spectrum = np.fft.rfft(spoilt(sound, "reverberation 0.6 s", rng))
        hertz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
        spectrum[(hertz < 300) | (hertz > 7000)] *= 0.05
        return np.asarray(np.fft.irfft(spectrum, len(sound)), np.float32)
    return spoilt(sound, how, rng)


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    parser.add_argument("--most", type=int, default=0)
    args = parser.parse_args()
    vad = Engines.open().need(Engines.vad)
    with args.index.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    taken = Counter(row["speaker"] for row in rows)
    rows = [row for row in rows if taken[row["speaker"]] > 1][: args.most or None]
    shares: dict[str, list[float]] = defaultdict(list)
    signs: dict[str, list[dict[str, float]]] = defaultdict(list)
    copies: list[tuple[str, tuple[bytes, ...]]] = []

    def coded(sound: np.ndarray, how: str) -> tuple[bytes, ...]:
        speech = analyse_speech(Audio(sound, RATE_HZ), vad)
        found = signs_of_playback(speech)
        signs[how].append({key: float(found.get(key) or "nan") for key in ("bass_db", "decay_s")})
        return sound_codes(speech)

    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "sounds.db")
        database.upgrade()
        index = Fingerprints(database, "sound", timedelta(days=1))
        originals = []
        for i, row in enumerate(rows):
            sound = read_audio(args.index.parent / row["file"]).samples
            rng = np.random.default_rng(i)
            originals.append(coded(sound, "as recorded"))
            index.remember(str(i), originals[-1])
            copies += [(how, coded(copied(sound, how, rng), how)) for how in WAYS]
        for how, codes in copies:
            shares[how].append(index.best_share(codes, RADIUS_BITS))
        for i, codes in enumerate(originals):
            shares["another recording"].append(index.best_share(codes, RADIUS_BITS, str(i)))
    report: dict[str, object] = {"recordings": len(rows), "radius_bits": RADIUS_BITS}
    for how, own in shares.items():
        hits = sum(value > 0.25 for value in own)
        report[how] = {
            "n": len(own),
            "median_share": round(float(np.median(own)), 3),
            "highest_share": round(max(own), 3),
            "to_review": hits,
            "ci95": [round(bound, 4) for bound in clopper_pearson(hits, len(own))],
        }
    report["signs, 10th, 50th and 90th percentile"] = {
        how: {
            key: [
                round(float(q), 2) for q in np.nanquantile([s[key] for s in own], (0.1, 0.5, 0.9))
            ]
            for key in ("bass_db", "decay_s")
        }
        for how, own in signs.items()
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
