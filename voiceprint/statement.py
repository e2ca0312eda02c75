"""Was the statement read as it is written, and by one voice?

Recognition is free: the recogniser never learns the expected text, so it can't be led. Where it
writes something else, its own writing is weighed against the expected one by how well each
explains the sound; only a difference that clearly explains it better counts.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.result import EvidenceValue, Measurement, ModelRef
from veridical.types import Template
from veridical.voiceprint.embed import VoiceEmbedder
from veridical.voiceprint.pinyin import sounds_apart
from veridical.voiceprint.whisper import EncodedSound, Transcript
from veridical.voiceprint.windows import Window
from veridical.voiceprint.wording import Difference, Unit, align, units

__all__ = [
    "Deviation",
    "Recogniser",
    "SpeakerStretch",
    "StatementCheck",
    "StatementReading",
    "Windows",
]

CLEAR_NATS = 5.0
"""How much better what was heard must explain the sound than what is written, to count; see
docs/measurements/voice.md for what this costs and finds."""
ALIKE_NATS = 8.0
"""The same where both sound nearly alike, as 买 and 卖 or 经 and 今: the recogniser spells what it
hears so often that only great certainty speaks for other words."""
MOST_WEIGHED = 12
"""Longest difference, in units, that is weighed; a longer one is no slip of the recogniser."""
LEAST_SPEECH_S = 0.3
"""Windows with less speech are not transcribed: a recogniser makes words of noise."""
SHOWN = 12
"""Differences that the evidence names."""
CONTEXT = {"en": "", "zh": "以下是普通话的句子。"}
"""Manner of writing: simplified characters with punctuation."""

Windows = Callable[[], Iterable[Window]]
"""Gives the windows of a recording anew each time: it is gone through twice, held never."""


class Recogniser(Protocol):
    """Writes down speech, and says how likely a text is; see `Whisper`."""

    @property
    def refs(self) -> tuple[ModelRef, ...]:
        """The models, as verdicts quote them."""
        ...

    def hear(self, samples: NDArray[np.float32]) -> EncodedSound:
        """Take in up to thirty seconds of sound at 16 kHz."""
        ...

    def transcribe(self, heard: EncodedSound, language: str, context: str = "") -> Transcript:
        """Write down what was said."""
        ...

    def log_likelihoods(
        self, heard: EncodedSound, texts: Sequence[str], language: str, context: str = ""
    ) -> NDArray[np.float64]:
        """(texts,) logarithm of how likely each is to be what was said."""
        ...


@dataclass(frozen=True, slots=True)
class Deviation:
    """A stretch that was not said as written.

    Attributes:
        kind: `missing`, `altered` or `inserted`.
        expected: The words of the statement; empty when inserted.
        heard: What was recognised in their place; empty when missing.
        start_s: Where in the recording.
        end_s: Where it ends.
        place: First unit of the statement that is concerned, from 0.
        units: Words or characters concerned.
        margin: How much better what was heard explains the sound, in nats; infinite when the
            stretch is too long to be a slip.
        clear: Whether it counts: the margin is clear, for what sounds so different.
    """

    kind: str
    expected: str
    heard: str
    start_s: float
    end_s: float
    place: int
    units: int
    margin: float
    clear: bool


@dataclass(frozen=True, slots=True)
class SpeakerStretch:
    """How a stretch of the recording compares with the enrolled voice.

    Attributes:
        start_s: Where it begins.
        end_s: Where it ends.
        score: Cosine with the reference; without one, with all other stretches together.
    """

    start_s: float
    end_s: float
    score: float


@dataclass(frozen=True, slots=True)
class StatementReading:
    """A recording held against a text.

    Attributes:
        coverage: Share of the expected words or characters that were recognised, or that explain
            the sound as well as what was recognised; 0..1.
        score: 1 less the share of words or characters that clearly deviate, at least 0.
        raw_error_rate: Word or character errors of the bare recognition, unweighed: changes over
            expected units. Words before the first and after the last expected one count not.
        deviations: Every difference, in order; those that are not `clear` count as said.
        heard: The transcript.
        stretches: Per stretch of two to five seconds of speech, how the voice compares.
        speech_s: Net speech.
        expected_units: Words or characters of the text.
        complete: False when a window ended in a runaway repetition.
        times_s: When each expected unit was said, start and end; None where it was not recognised.
    """

    coverage: float
    score: float
    raw_error_rate: float
    deviations: tuple[Deviation, ...]
    heard: str
    stretches: tuple[SpeakerStretch, ...]
    speech_s: float
    expected_units: int
    complete: bool
    times_s: tuple[tuple[float, float] | None, ...] = ()

    @property
    def onsets_ms(self) -> tuple[float, ...]:
        """When each expected unit began to sound; empty unless every one was recognised."""
        known = [time for time in self.times_s if time is not None]
        whole = len(known) == len(self.times_s)
        return tuple(start * 1000 for start, _ in known) if whole else ()


@dataclass(slots=True, eq=False)
class _Part:
    """What one window gave; the sound itself is let go."""

    start_s: float
    transcript: Transcript
    text: str
    units: tuple[Unit, ...]
    times: NDArray[np.float64]
    vectors: NDArray[np.float32]
    spans: tuple[tuple[float, float], ...]
    speech_s: float
    heard: EncodedSound | None
    """Kept for the last window alone, so that a short recording is encoded once."""


class StatementCheck:
    """Holds a read statement against its text.

    Args:
        recogniser: Writes down what was said.
        embedder: Makes voice templates; None leaves the voice unjudged.
    """

    name = "voice.statement"

    def __init__(self, recogniser: Recogniser, embedder: VoiceEmbedder | None = None) -> None:
        self._recogniser = recogniser
        self._embedder = embedder

    @property
    def refs(self) -> tuple[ModelRef, ...]:
        """The models that take part."""
        own = (self._embedder.ref,) if self._embedder else ()
        return (*self._recogniser.refs, *own)

    def __call__(
        self, windows: Windows, text: str, language: str, reference: Template | None = None
    ) -> Measurement:
        """Score one recording.

        Args:
            windows: Of the recording; see `speech_windows`.
            text: The statement.
            language: `en` or `zh`.
            reference: The enrolled voice.

        Returns:
            `StatementReading.score`; a low one means `statement_altered`. Not assessed:
            `no_speech`. Evidence: coverage, numbers of deviations, the voice's lowest and mean
            score by stretch; no transcript: what was said beyond the statement may be personal.

        Raises:
            InputError: `voice.statement`: the text holds no words; or as `read`.
        """
        started = time.perf_counter()
        measured = self.measured(self.read(windows, text, language, reference), reference)
        return replace(measured, elapsed_ms=(time.perf_counter() - started) * 1000)

    def measured(self, reading: StatementReading, reference: Template | None) -> Measurement:
        """What a reading comes to as a measurement.

        Args:
            reading: As `read` gave it.
            reference: The enrolled voice it was compared with, if any.
        """
        clear = [deviation for deviation in reading.deviations if deviation.clear]
        evidence: dict[str, EvidenceValue] = {
            "coverage": round(reading.coverage, 4),
            "expected_units": reading.expected_units,
            "net_speech_s": round(reading.speech_s, 1),
            "raw_error_rate": round(reading.raw_error_rate, 4),
        }
        for kind in ("missing", "altered", "inserted"):
            evidence[kind] = sum(d.units for d in clear if d.kind == kind)
        evidence["at_s"] = " ".join(f"{d.start_s:.1f}" for d in clear[:SHOWN])
        if reading.stretches:
            scores = [stretch.score for stretch in reading.stretches]
            evidence |= {
                "voice_against": "reference" if reference is not None else "itself",
                "voice_lowest": round(min(scores), 3),
                "voice_mean": round(float(np.mean(scores)), 3),
                "voice_stretches": len(scores),
            }
        if not reading.complete:
            evidence["recogniser"] = "repeated itself"
        spoken = reading.speech_s >= LEAST_SPEECH_S
        reason = "statement_altered" if spoken else "no_speech"
        score = reading.score if spoken else None
        return Measurement(self.name, score, reason, evidence, self.refs)

    def read(
        self, windows: Windows, text: str, language: str, reference: Template | None = None
    ) -> StatementReading:
        """Hold a recording against a text: what `__call__` reports, with words and times.

        Raises:
            InputError: `voice.statement`: the text holds no words; `voice.template_model`: the
                reference was made by another model.
        """
        expected = units(text)
        if not expected:
            raise InputError("a statement to compare with has at least one word", "voice.statement")
        if reference is not None and self._embedder and reference.model != self._embedder.model:
            raise InputError(
                f"a voice template of {self._embedder.model} is wanted, got one of "
                f"{reference.model}; enrol the voice again",
                "voice.template_model",
            )
        parts: list[_Part] = []
        for window in windows():
            part = self._hear(window, language)
            if part is not None:
                if parts:
                    parts[-1].heard = None
                parts.append(part)
        flat = [unit for part in parts for unit in part.units]
        pairs, differences = align(expected, flat)
        bounds = np.cumsum([0, *(len(part.units) for part in parts)])
        inner = [d for d in differences if not _outside(d, pairs, len(expected))]
        margins = self._weigh(windows, parts, bounds, inner, expected, text, language)
        times = [
            (part.start_s + start, part.start_s + end)
            for part in parts
            for start, end in part.times.tolist()
        ]
        deviations = tuple(
            self._deviation(d, margin, expected, flat, times, text, parts, bounds, language)
            for d, margin in zip(inner, margins, strict=True)
        )
        wrong = sum(d.units for d in deviations if d.clear)
        unsaid = sum(
            difference.expected[1] - difference.expected[0]
            for difference, deviation in zip(inner, deviations, strict=True)
            if deviation.clear
        )
        return StatementReading(
            coverage=1 - unsaid / len(expected),
            score=max(0.0, 1 - wrong / len(expected)),
            raw_error_rate=sum(d.size for d in inner) / len(expected),
            deviations=deviations,
            heard=" ".join(part.text for part in parts),
            stretches=_stretches(parts, reference),
            speech_s=sum(part.speech_s for part in parts),
            expected_units=len(expected),
            complete=all(part.transcript.complete for part in parts),
            times_s=tuple(map({row: times[at] for row, at in pairs}.get, range(len(expected)))),
        )

    def _hear(self, window: Window, language: str) -> _Part | None:
        """Transcribe one window; None when it holds no speech."""
        speech = window.speech
        if speech.net_speech_s < LEAST_SPEECH_S:
            return None
        heard = self._recogniser.hear(speech.samples)
        transcript = self._recogniser.transcribe(heard, language, CONTEXT.get(language, ""))
        text = transcript.raw
        found = units(text)
        vectors = np.zeros((0, 0), np.float32)
        spans: tuple[tuple[float, float], ...] = ()
        if self._embedder is not None:
            vectors, spans = self._embedder.parts(speech), self._embedder.spans(speech)
        return _Part(
            window.start_s,
            transcript,
            text,
            found,
            _unit_times(transcript, found),
            vectors,
            tuple((window.start_s + a, window.start_s + b) for a, b in spans),
            speech.net_speech_s,
            heard,
        )

    def _weigh(
        self,
        windows: Windows,
        parts: Sequence[_Part],
        bounds: NDArray[np.int64],
        differences: Sequence[Difference],
        expected: Sequence[Unit],
        text: str,
        language: str,
    ) -> list[float]:
        """How much better each difference explains the sound than the text; infinite when long."""
        margins = [float("inf")] * len(differences)
        by_part: dict[int, list[int]] = {}
        for i, difference in enumerate(differences):
            start, end = difference.heard
            at = int(np.searchsorted(bounds, start, side="right")) - 1
            at = min(at, len(parts) - 1)
            if at >= 0 and difference.size <= MOST_WEIGHED and end <= bounds[at + 1]:
                by_part.setdefault(at, []).append(i)
        for at, heard in self._again(windows, parts, set(by_part)):
            part, own = parts[at], by_part[at]
            flat = [unit for one in parts for unit in one.units]
            variants = [
                _rewritten(
                    part,
                    int(bounds[at]),
                    _whole(differences[i], expected, flat),
                    expected,
                    text,
                    language,
                )
                for i in own
            ]
            scores = self._scores(heard, [part.text, *variants], language)
            for i, score in zip(own, scores[1:], strict=True):
                margins[i] = float(scores[0] - score)
        return margins

    def _again(
        self, windows: Windows, parts: Sequence[_Part], wanted: set[int]
    ) -> Iterator[tuple[int, EncodedSound]]:
        """The sound of some windows once more."""
        for at in tuple(wanted):
            kept = parts[at].heard
            if kept is not None:
                wanted.remove(at)
                yield at, kept
        if not wanted:
            return
        starts = {part.start_s: at for at, part in enumerate(parts)}
        for window in windows():
            at = starts.get(window.start_s, -1)
            if at in wanted:
                yield at, self._recogniser.hear(window.speech.samples)

    def _scores(self, heard: EncodedSound, texts: list[str], language: str) -> NDArray[np.float64]:
        return self._recogniser.log_likelihoods(heard, texts, language, CONTEXT.get(language, ""))

    def _deviation(
        self,
        difference: Difference,
        margin: float,
        expected: Sequence[Unit],
        flat: Sequence[Unit],
        times: Sequence[tuple[float, float]],
        text: str,
        parts: Sequence[_Part],
        bounds: NDArray[np.int64],
        language: str,
    ) -> Deviation:
        shown = _whole(difference, expected, flat)
        first, last = difference.heard
        if last > first:
            start_s, end_s = times[first][0], times[last - 1][1]
        else:
            start_s = times[first - 1][1] if first else 0.0
            end_s = times[first][0] if first < len(times) else start_s
        return Deviation(
            kind=difference.kind,
            expected=_words(text, expected[slice(*shown.expected)]),
            heard=_said(parts, bounds, shown.heard),
            start_s=round(start_s, 2),
            end_s=round(max(start_s, end_s), 2),
            place=difference.expected[0],
            units=difference.size,
            margin=margin,
            clear=_is_clear(margin, difference, expected, flat, language),
        )


def _is_clear(
    margin: float,
    difference: Difference,
    expected: Sequence[Unit],
    heard: Sequence[Unit],
    language: str,
) -> bool:
    """Whether a difference counts; what sounds the same never does, however it is spelt."""
    if language != "zh":
        return margin >= CLEAR_NATS
    apart = sounds_apart(
        [unit.text for unit in expected[slice(*difference.expected)]],
        [unit.text for unit in heard[slice(*difference.heard)]],
    )
    return apart > 0 and margin >= (CLEAR_NATS if apart >= 1 else ALIKE_NATS)


def _outside(difference: Difference, pairs: Sequence[tuple[int, int]], rows: int) -> bool:
    """Whether it is what was said before the statement began or after it ended."""
    inserted = difference.kind == "inserted"
    return (
        inserted and (difference.expected[0] == 0 or difference.expected[0] == rows) and bool(pairs)
    )


def _whole(difference: Difference, expected: Sequence[Unit], heard: Sequence[Unit]) -> Difference:
    """A difference widened so that it cuts no number in two: its digits share one place."""
    (first, last), (start, end) = difference.expected, difference.heard
    while first and start and (_cuts(expected, first) or _cuts(heard, start)):
        first, start = first - 1, start - 1
    while (
        last < len(expected) and end < len(heard) and (_cuts(expected, last) or _cuts(heard, end))
    ):
        last, end = last + 1, end + 1
    return Difference(difference.kind, (first, last), (start, end))


def _cuts(found: Sequence[Unit], at: int) -> bool:
    """Whether the units before and at a place belong to one number."""
    if not 0 < at < len(found):
        return False
    before, after = found[at - 1], found[at]
    return (before.start, before.end) == (after.start, after.end)


def _rewritten(
    part: _Part,
    offset: int,
    difference: Difference,
    expected: Sequence[Unit],
    text: str,
    language: str,
) -> str:
    """The window's text as it would be had the expected words been said."""
    first, last = difference.heard[0] - offset, difference.heard[1] - offset
    words = _words(text, expected[slice(*difference.expected)])
    if first < last:
        start, end = part.units[first].start, part.units[last - 1].end
    else:
        start = end = (
            part.units[first - 1].end if first else (part.units[0].start if part.units else 0)
        )
    before, after = part.text[:start], part.text[end:]
    if language == "en" and words:
        before = before.rstrip() + " "
        after = after if not after or not after[0].isalnum() else " " + after
    return re.sub(r"\s+", " ", before + words + after)


def _words(text: str, chosen: Sequence[Unit]) -> str:
    """The text from the first to the last of some units."""
    return text[chosen[0].start : chosen[-1].end] if chosen else ""


def _said(parts: Sequence[_Part], bounds: NDArray[np.int64], where: tuple[int, int]) -> str:
    """The transcript of some units, across windows."""
    found = []
    for at, part in enumerate(parts):
        first, last = max(where[0], int(bounds[at])), min(where[1], int(bounds[at + 1]))
        if first < last:
            found.append(_words(part.text, part.units[first - bounds[at] : last - bounds[at]]))
    return " ".join(found)


def _unit_times(transcript: Transcript, found: Sequence[Unit]) -> NDArray[np.float64]:
    """(units, 2) seconds: a token's time is spread evenly over its characters."""
    starts, ends = transcript.character_times()
    return np.array([(starts[unit.start], ends[unit.end - 1]) for unit in found]).reshape(-1, 2)


def _stretches(parts: Sequence[_Part], reference: Template | None) -> tuple[SpeakerStretch, ...]:
    """How the voice of each stretch compares with the reference, or with the other stretches."""
    vectors = [part.vectors for part in parts if len(part.vectors)]
    if not vectors:
        return ()
    everything = np.concatenate(vectors)
    spans = [span for part in parts for span in part.spans]
    if reference is not None:
        scores = everything @ reference.vector
    elif len(everything) > 1:
        others = everything.sum(axis=0) - everything
        scores = (everything * others).sum(axis=1) / np.linalg.norm(others, axis=1)
    else:
        return ()
    return tuple(
        SpeakerStretch(round(start, 2), round(end, 2), float(score))
        for (start, end), score in zip(spans, scores, strict=True)
    )
