"""Clips of somebody who reads drawn digits, joined of the words of uncut sentences.

For digits, lips and schedule they stand in for a genuine reader; for continuity they are a splice.
Neither may be quoted as the other.
"""

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.media import read_clip
from veridical.types import Audio, Clip, Image

__all__ = ["Sentence", "Sentences", "answer_times_ms", "joined"]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FPS = 25
FRAME_MS = 1000 / FPS
EDGE_S = 0.02
"""Sound of a joined word is faded in and out over so long, so that it does not click."""
HEARD = 0.1
"""A word begins where its sound reaches this share of its peak."""
TAIL_FRAMES = 12
PORTRAITS = 10
"""Every tenth sentence gives portraits and no words: no clip is compared with itself."""
MEDIAN_S, SIGMA, OFFSET_S = 0.45, 0.35, 0.12
"""A reader's delay, as docs/lips.md assumes it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One uncut take.

    Attributes:
        file: The clip, 25 frames a second.
        text: What is said.
        words: Each word with its start and end in ms.
    """

    file: Path
    text: str
    words: tuple[tuple[str, float, float], ...]

    def load(self) -> Clip:
        """Picture and sound."""
        return _read(self.file)


class Sentences:
    """The sentences of one speaker, those that give portraits apart from those that give words.

    Args:
        index: CSV `file,text,words_ms`.
    """

    def __init__(self, index: Path) -> None:
        found = []
        with index.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                said = row["text"].split()  # the times name short pauses, too
                words = tuple(
                    timed for told in row["words_ms"].split() if (timed := _word(told))[0] in said
                )
                found.append(Sentence(index.parent / row["file"], row["text"], words))
        found.sort(key=lambda one: one.file.name)
        self.portraits = found[::PORTRAITS]
        self.takes = [one for at, one in enumerate(found) if at % PORTRAITS]
        self.digits: dict[str, list[tuple[Sentence, float, float]]] = {}
        for take in self.takes:
            for word, start, end in take.words:
                if word in DIGITS:
                    place = self.digits.setdefault(str(DIGITS.index(word)), [])
                    place.append((take, start, end))


def answer_times_ms(schedule_ms: tuple[float, ...], chance: random.Random) -> list[float]:
    """When a reader says each digit: its moment and a delay as people are assumed to have."""
    own = chance.gauss(0, OFFSET_S)
    delays = [min(max(chance.lognormvariate(np.log(MEDIAN_S), SIGMA) + own, 0.15), 1.2)
              for _ in schedule_ms]  # fmt: skip
    return [shown + 1000 * delay for shown, delay in zip(schedule_ms, delays, strict=True)]


def joined(
    sentences: Sentences,
    digits: str,
    schedule_ms: tuple[float, ...],
    chance: random.Random,
    sound_of: dict[str, Audio] | None = None,
    until_ms: float = 0.0,
) -> Clip:
    """Join words to a string of digits, each said when a reader would say it.

    Args:
        sentences: Where pictures and sound come from.
        digits: What is said.
        schedule_ms: When each digit is shown.
        chance: Chooses words and delays.
        sound_of: Sound by digit that is laid under the pictures in place of their own.
        until_ms: How long it is recorded at least.
    """
    frames: list[Image] = []
    sound: list[NDArray[np.float32]] = []
    rate = _rate(sentences.takes[0].load())
    step = round(rate / FPS)

    def put(clip: Clip, at: int) -> None:
        at = min(max(at, 0), len(clip.frames) - 1)
        frames.append(clip.frames[at])
        sound.append(_second(clip, at, step))

    # Pauses are of takes that give nothing else and never come twice: who joins clips has enough of
    # them, and a loop would be found for what it is.
    idle = _idling(chance.sample(sentences.takes, len(sentences.takes)))
    for digit, time_ms in zip(digits, answer_times_ms(schedule_ms, chance), strict=True):
        take, start, end = chance.choice(sentences.digits[digit])
        clip = take.load()
        for _ in range(round(time_ms / FRAME_MS) - len(frames)):
            put(*next(idle))
        first = len(frames)
        for at in range(round(start / FRAME_MS) - 1, round(end / FRAME_MS) + 1):
            put(clip, at)
        if sound_of is not None:
            _lay(sound, first, sound_of[digit].samples, step)
        ramp = np.linspace(0, 1, int(EDGE_S * rate), dtype=np.float32)
        sound[first][: len(ramp)] *= ramp
        sound[-1][-len(ramp) :] *= ramp[::-1]
    for _ in range(max(TAIL_FRAMES, round(until_ms / FRAME_MS) + 1 - len(frames))):
        put(*next(idle))
    times = np.arange(len(frames), dtype=np.float64) * FRAME_MS
    return Clip(tuple(frames), times, Audio(np.concatenate(sound), rate))


def _idling(takes: Sequence[Sentence]) -> Iterator[tuple[Clip, int]]:
    """Frames before anything is said, of one take after the other."""
    for take in takes:
        clip = take.load()
        for at in range(2, max(4, int(take.words[0][1] / FRAME_MS) - 3)):
            yield clip, at


def _word(told: str) -> tuple[str, float, float]:
    word, _, times = told.partition(":")
    start, _, end = times.partition("-")
    return word, float(start), float(end)


@lru_cache(maxsize=24)
def _read(path: Path) -> Clip:
    return read_clip(path)


def _rate(clip: Clip) -> int:
    if clip.audio is None:
        raise ValueError("a sentence wants sound")
    return clip.audio.rate_hz


def _second(clip: Clip, frame: int, step: int) -> NDArray[np.float32]:
    """The sound that lasts as long as one frame."""
    samples = clip.audio.samples if clip.audio is not None else np.zeros(0, np.float32)
    found = samples[frame * step : (frame + 1) * step]
    return np.pad(found, (0, step - len(found))).astype(np.float32)


def _lay(
    sound: list[NDArray[np.float32]], first: int, word: NDArray[np.float32], step: int
) -> None:
    """Lay another's word over frames, from where it is heard and as long as they last."""
    loud = np.flatnonzero(np.abs(word) > HEARD * np.abs(word).max(initial=0.0))
    word = word[loud[0] :] if len(loud) else word
    room = np.zeros(step * (len(sound) - first), np.float32)
    room[: len(word)] = word[: len(room)]
    sound[first:] = [room[at : at + step].copy() for at in range(0, len(room), step)]
