"""How well is a read statement followed, and are altered words found?

Recordings of one speaker with known text are joined to statements, with short pauses between them;
words that were said stay as recorded. Then the expected text is altered, one word a trial:
another word of the same set in its place (altered), one more word (missing), one word less
(inserted, as `not` would be), and the check is asked what differs.

    python research/benchmarks/bench_statement.py grid ../shared/data/lips/index.csv
    python research/benchmarks/bench_statement.py words ../shared/data/voice/words_zh.csv --language zh
"""

import argparse
import csv
import json
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import clopper_pearson
from veridical.media import read_audio
from veridical.types import Audio
from veridical.verification.settings import Settings
from veridical.voiceprint.statement import StatementCheck, StatementReading, Windows
from veridical.voiceprint.whisper import EncodedSound, Transcript, Whisper
from veridical.voiceprint.windows import speech_windows
from veridical.voiceprint.wording import units

RATE_HZ = 16_000
PAUSE_S = 0.3
LONGEST_S = 24.0
MARGINS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0)


class Remembering(Whisper):
    """Encodes and transcribes a window once, however often it is asked about."""

    def hear(self, samples: NDArray[np.float32]) -> EncodedSound:
        """As ever, from memory where possible."""
        if getattr(self, "_samples", None) is None or not np.array_equal(self._samples, samples):
            self._samples, self._heard = samples, super().hear(samples)
            self._written: dict[str, Transcript] = {}
        return self._heard

    def transcribe(self, heard: EncodedSound, language: str, context: str = "") -> Transcript:
        """As ever, from memory where possible."""
        if language not in self._written:
            self._written[language] = super().transcribe(heard, language, context)
        return self._written[language]


def statements(
    rows: list[dict[str, str]], folder: Path, language: str, most: int
) -> list[tuple[str, Audio, list[str]]]:
    """(speaker, sound, its texts): recordings of a speaker, joined until the window is full."""
    by_speaker: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_speaker[row["speaker"]].append(row)
    made = []
    for speaker, own in sorted(by_speaker.items()):
        random.Random(speaker).shuffle(own)  # noqa: S311
        sounds: list[NDArray[np.float32]] = []
        texts: list[str] = []
        count = 0
        for row in own:
            if count >= most:
                break
            sound = read_audio(folder / row["file"]).samples
            if sum(map(len, sounds)) + len(sound) > LONGEST_S * RATE_HZ:
                made.append((speaker, Audio(np.concatenate(sounds), RATE_HZ), texts))
                sounds, texts, count = [], [], count + 1
            sounds += [sound, np.zeros(int(PAUSE_S * RATE_HZ), np.float32)]
            texts.append(row["text"])
        if count < most and sounds:
            made.append((speaker, Audio(np.concatenate(sounds), RATE_HZ), texts))
    return made


def altered(
    texts: Sequence[str], words: Sequence[str], join: str, rng: random.Random
) -> list[tuple[str, str, int]]:
    """(kind, text, place in units) of one trial of each kind."""
    flat = [word for text in texts for word in (text.split() if join else [text])]
    made = []
    for kind in ("altered", "missing", "inserted"):
        at = rng.randrange(1, len(flat) - 1)
        other = rng.choice([word for word in words if word != flat[at]])
        changed = list(flat)
        if kind == "altered":
            changed[at] = other
        elif kind == "missing":
            changed.insert(at, other)
        else:
            del changed[at]
        made.append((kind, join.join(changed), len(units(join.join(changed[:at])))))
    return made


def found(reading: StatementReading, expected: str, place: int, margin: float) -> bool:
    """Whether a deviation that clear lies within two units of the place."""
    near = set(range(place - 2, place + 3))
    return any(
        d.margin >= margin and near & set(range(d.place, d.place + max(1, d.units)))
        for d in reading.deviations
    )


def main() -> None:
    """Print one JSON line a statement and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("grid", "words"))
    parser.add_argument("index", type=Path)
    parser.add_argument("--language", choices=("en", "zh"), default="en")
    parser.add_argument("--most", type=int, default=2, help="statements a speaker")
    parser.add_argument("--limit", type=int, default=0, help="statements in all; 0 takes all")
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    engines = Engines.open(Settings(profile="registry"))
    vad = engines.need(Engines.vad)
    check = StatementCheck(Remembering(*engines.sessions("listener")))
    with args.index.open(encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if row["text"] and row["language"] == args.language
        ]
    if args.kind == "grid":
        rows = [
            r
            for r in rows
            if r["corpus"].startswith("GRID") and r["text_source"].startswith("file")
        ]
    join = " " if args.language == "en" else ""
    words = sorted(
        {word for row in rows for word in (row["text"].split() if join else [row["text"]])}
    )
    rng = random.Random(5)  # noqa: S311
    made = statements(rows, args.index.parent, args.language, args.most)
    rng.shuffle(made)
    errors = total = 0
    clear: dict[float, int] = defaultdict(int)
    trials: dict[str, int] = defaultdict(int)
    hits: dict[tuple[str, float], int] = defaultdict(int)
    spent = seconds = 0.0
    for speaker, audio, texts in made[: args.limit or None]:
        windows: Windows = lambda audio=audio: speech_windows([audio], vad)  # noqa: E731
        began = time.process_time()
        reading = check.read(windows, join.join(texts), args.language)
        spent += time.process_time() - began
        seconds += audio.duration_s
        errors += round(reading.raw_error_rate * reading.expected_units)
        total += reading.expected_units
        for margin in MARGINS:
            clear[margin] += sum(d.units for d in reading.deviations if d.margin >= margin)
        line = {
            "speaker": speaker,
            "units": reading.expected_units,
            "rate": round(reading.raw_error_rate, 3),
        }
        if args.show:
            line |= {
                "text": join.join(texts),
                "heard": reading.heard,
                "d": [(d.expected, d.heard, round(d.margin, 1)) for d in reading.deviations],
            }
        print(json.dumps(line, ensure_ascii=False), flush=True)
        for kind, text, place in altered(texts, words, join, rng):
            trial = check.read(windows, text, args.language)
            trials[kind] += 1
            for margin in MARGINS:
                hits[kind, margin] += found(trial, text, place, margin)
    report = {
        "statements": len(made[: args.limit or None]),
        "units": total,
        "error_rate": round(errors / total, 4),
        "error_ci95": [round(b, 4) for b in clopper_pearson(min(errors, total), total)],
        "clear_share": {str(m): round(clear[m] / total, 4) for m in MARGINS},
        "found": {
            kind: {str(m): f"{hits[kind, m]}/{n}" for m in MARGINS} for kind, n in trials.items()
        },
        "cpu_ms_per_s": round(spent * 1000 / seconds, 1),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
