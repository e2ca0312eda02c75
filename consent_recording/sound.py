"""What was said, by whom, and did these lips say it? Segment by segment."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.consent_recording.answers import Answer, Reply, hear_answer
from veridical.consent_recording.listener import BriefRecogniser
from veridical.consent_recording.script import DigitsSegment, Question, Script, Segment, Statement
from veridical.consent_recording.settings import RecordingSettings
from veridical.consent_recording.timeline import Finding, Moment
from veridical.consent_recording.times import Span
from veridical.liveness.lips import Heard, MouthFrame, track_of
from veridical.models import Session
from veridical.result import EvidenceValue, Measurement, ModelRef
from veridical.types import Audio, Template
from veridical.voiceprint import SpeechAnalysis, analyse_speech, compare
from veridical.voiceprint.embed import mean_vector
from veridical.voiceprint.fbank import RATE_HZ
from veridical.voiceprint.statement import (
    LEAST_SPEECH_S,
    Deviation,
    StatementCheck,
    StatementReading,
)
from veridical.voiceprint.whisper import LONGEST_S
from veridical.voiceprint.windows import speech_windows
from veridical.voiceprint.wording import units

__all__ = ["RecordingSpeech", "answers", "digits", "hear", "lips", "speaker", "statements"]

EXEMPT = frozenset({"too_short", "too_little_speech"})
"""Reasons for which a segment is too brief to compare lips with sound; an answer often is."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordingSpeech:
    """The sound of one segment.

    Attributes:
        segment: Of the script.
        span: Where it lies; None when it was not found.
        from_s: Where its sound begins in the recording; a little before the span.
        speech: Its analysis; None without a span.
        reading: A statement, held against its text.
        answer: A question's.
    """

    segment: Segment
    span: Span | None
    from_s: float = 0.0
    speech: SpeechAnalysis | None = None
    reading: StatementReading | None = None
    answer: Answer | None = None

    @property
    def spoken(self) -> bool:
        """Whether there is speech in it."""
        return self.speech is not None and self.speech.net_speech_s >= LEAST_SPEECH_S


def hear(
    samples: NDArray[np.float32],
    segment: Segment,
    span: Span | None,
    sound: Span | None,
    script: Script,
    engines: Engines,
    vad: Session,
    settings: RecordingSettings,
) -> RecordingSpeech:
    """Listen to one segment.

    Args:
        samples: (n,) float32 at 16 kHz: of the whole recording.
        segment: What was asked.
        span: Where it lies; None when it was not found.
        sound: What is listened to: the span and a little around it.
        script: Whose segment.
        engines: Recognise what was said.
        vad: Finds speech.
        settings: What counts as a clear difference.
    """
    if span is None or sound is None:
        return RecordingSpeech(segment, None)
    first = int(sound.start_s * RATE_HZ)
    own = samples[first : int(sound.end_s * RATE_HZ)]
    heard = RecordingSpeech(
        segment, span, first / RATE_HZ, analyse_speech(Audio(own, RATE_HZ), vad)
    )
    if engines.whisper is None or not heard.spoken or heard.speech is None:
        return heard
    recogniser = BriefRecogniser(engines.whisper, settings.heard_window_s)
    if isinstance(segment, Statement):
        check = StatementCheck(recogniser)
        reading = check.read(
            lambda: speech_windows([Audio(own, RATE_HZ)], vad), segment.text, script.language
        )
        return replace(heard, reading=reading)
    if isinstance(segment, Question):
        answer = hear_answer(
            recogniser,
            recogniser.hear(own[: int(LONGEST_S * RATE_HZ)]),
            segment,
            script.language,
            settings.answer_clear_nats,
            settings.answer_near_nats,
        )
        return replace(heard, answer=answer)
    return heard


# --- what it comes to -----------------------------------------------------------------------------


def statements(
    heard: Sequence[RecordingSpeech], engines: Engines, settings: RecordingSettings
) -> Finding:
    """Was every statement read as it is written?

    Returns:
        `recording.statements`: of the statement that was read worst, 1 less the share of its words
        that clearly deviate; `statement_altered`, `statement_missing`. Not assessed:
        `model_missing`.
    """
    start = time.perf_counter()
    name = "recording.statements"
    if engines.whisper is None or engines.vad is None:
        return Finding(Measurement(name, None, "model_missing"))
    moments: list[Moment] = []
    scores: list[float] = []
    counts: dict[str, int] = {"missing": 0, "altered": 0, "inserted": 0}
    expected = unsaid = 0
    for one in heard:
        if not isinstance(one.segment, Statement):
            continue
        span, reading = one.span or Span(0.0, 0.0), one.reading
        if reading is None or reading.coverage == 0:
            scores.append(0.0)
            moments.append(
                Moment(
                    "statement_missing",
                    span.start_s,
                    span.end_s,
                    0.0,
                    one.segment.id,
                    "statement_missing",
                )
            )
            continue
        clear = [d for d in reading.deviations if d.margin >= settings.clear_nats]
        for deviation in clear:
            counts[deviation.kind] += _wrong(deviation, reading)
        missed = sum(len(units(d.expected)) for d in clear)
        wrong = sum(_wrong(d, reading) for d in clear)
        score = max(0.0, 1 - wrong / reading.expected_units)
        scores.append(score)
        expected += reading.expected_units
        unsaid += missed
        said = f"{max(0, reading.expected_units - missed)}/{reading.expected_units}"
        moments.append(
            Moment(
                "statement",
                span.start_s,
                span.end_s,
                score,
                one.segment.id,
                "statement_altered",
                {"covered": said},
            )
        )
        moments += [
            Moment(
                f"words_{d.kind}",
                one.from_s + d.start_s,
                one.from_s + max(d.end_s, d.start_s + 0.1),
                score,
                one.segment.id,
                "statement_altered",
                {"expected": d.expected, "heard": d.heard.strip()},
            )
            for d in clear
        ]
    if not scores:
        return Finding(Measurement(name, None, "not_asked"))
    evidence: dict[str, EvidenceValue] = {
        "statements": len(scores),
        "read": sum(score > 0 for score in scores),
        "coverage": round(1 - unsaid / expected, 4) if expected else 0.0,
        **counts,
    }
    reason = "statement_missing" if min(scores) == 0 else "statement_altered"
    return Finding(
        Measurement(name, min(scores), reason, evidence, engines.whisper.refs, _since(start)),
        tuple(moments),
    )


def _wrong(deviation: Deviation, reading: StatementReading) -> int:
    """Words that are wrong; what was said before the statement or after it does not count."""
    own = len(units(deviation.expected))
    at_edge = deviation.place == 0 or deviation.place + own == reading.expected_units
    return own if own and at_edge else deviation.units


VALUES = {Reply.AGREE: 1.0, Reply.UNCLEAR: 0.5, Reply.REFUSE: 0.0}


def answers(heard: Sequence[RecordingSpeech], engines: Engines) -> Finding:
    """Was every question agreed to?

    Returns:
        `recording.answers`: 1 when all were, 0 when one was refused, else 0.5; `answer_refused`,
        `answer_unclear`, `answer_missing`. Not assessed: `model_missing`, `not_asked`.
    """
    name = "recording.answers"
    asked = [one for one in heard if isinstance(one.segment, Question)]
    if not asked:
        return Finding(Measurement(name, None, "not_asked"))
    if engines.whisper is None or engines.vad is None:
        return Finding(Measurement(name, None, "model_missing"))
    moments = []
    for one in asked:
        span = one.span or Span(0.0, 0.0)
        kind, reason, score, said = "answer_missing", "answer_missing", 0.5, ""
        if one.answer is not None:
            reply, said = one.answer.reply, one.answer.heard
            kind, score = f"answer_{reply}", VALUES[reply]
            reason = {Reply.REFUSE: "answer_refused", Reply.UNCLEAR: "answer_unclear"}.get(
                reply, ""
            )
        moments.append(
            Moment(kind, span.start_s, span.end_s, score, one.segment.id, reason, {"heard": said})
        )
    worst = min(moments, key=lambda moment: moment.score or 0.0)
    counts = [moment.kind.removeprefix("answer_") for moment in moments]
    evidence: dict[str, EvidenceValue] = {
        kind: counts.count(kind) for kind in ("agree", "refuse", "unclear", "missing")
    }
    return Finding(
        Measurement(name, worst.score, worst.reason, evidence, engines.whisper.refs),
        tuple(moments),
    )


def digits(
    heard: Sequence[RecordingSpeech], asked: str, script: Script, engines: Engines
) -> Finding:
    """Were the drawn digits read?

    Returns:
        `recording.digits` on the scale of `voice.digits`; `wrong_digits`. Not assessed:
        `not_asked`, `missing_input` (nobody says which digits), `no_speech`, `model_missing`, or
        as `voice.digits`.
    """
    name = "recording.digits"
    one = next((one for one in heard if isinstance(one.segment, DigitsSegment)), None)
    if one is None:
        return Finding(Measurement(name, None, "not_asked"))
    if engines.digits is None or engines.vad is None:
        return Finding(Measurement(name, None, "model_missing"))
    if not asked:
        return Finding(Measurement(name, None, "missing_input"))
    span = one.span or Span(0.0, 0.0)
    measured = Measurement(name, None, "no_speech")
    if one.speech is not None:
        measured = replace(engines.digits(one.speech, asked, script.language), check=name)
    moment = Moment(
        "digits",
        span.start_s,
        span.end_s,
        measured.score,
        one.segment.id,
        measured.reason,
        {"heard": measured.evidence.get("heard", "")},
    )
    return Finding(measured, (moment,))


def speaker(
    heard: Sequence[RecordingSpeech],
    engines: Engines,
    settings: RecordingSettings,
    enrolled: Template | None,
) -> Finding:
    """Is it one voice throughout, the one that read the digits, and the enrolled one?

    Each segment's template is compared with that of all the others together, and that of them all
    with the enrolled voice; the evidence says how the digits segment, which nobody could record
    beforehand, compares with the segment least like it.

    Returns:
        `recording.speaker`: the cosine of the least alike segment; `other_voice`, or `not_mated`
        where it is the enrolled voice that differs. Not assessed: `model_missing`, `no_speech`,
        `too_short` (nothing to compare with).

    Raises:
        InputError: `voice.template_model`: the enrolled voice was made by another model.
    """
    start = time.perf_counter()
    name = "recording.speaker"
    if engines.voice is None or engines.vad is None:
        return Finding(Measurement(name, None, "model_missing"))
    parts: dict[str, NDArray[np.float32]] = {}
    spans: dict[str, Span] = {}
    brief = 0
    for one in heard:
        if one.speech is None or one.span is None or not one.spoken:
            continue
        own = engines.voice.parts(one.speech)
        if one.speech.net_speech_s < settings.least_voice_s or not len(own):
            brief += 1
            continue
        parts[one.segment.id], spans[one.segment.id] = own, one.span
    evidence: dict[str, EvidenceValue] = {"segments": len(parts), "too_brief": brief}
    models = (engines.vad.ref, engines.voice.ref)
    if not parts or (len(parts) < 2 and enrolled is None):
        spoken = any(one.spoken for one in heard)
        return Finding(
            Measurement(name, None, "too_short" if spoken else "no_speech", evidence, models)
        )
    model = engines.voice.model
    templates = {segment: Template(mean_vector(own), model) for segment, own in parts.items()}
    code = next((o.segment.id for o in heard if isinstance(o.segment, DigitsSegment)), "")
    if code in templates and len(templates) > 1:
        evidence["least_like_digits"] = round(
            min(compare(t, templates[code]) for s, t in templates.items() if s != code), 3
        )
    moments: list[Moment] = []
    for segment, template in templates.items():
        others = [vectors for other, vectors in parts.items() if other != segment]
        if others:
            score = compare(template, Template(mean_vector(np.concatenate(others)), model))
            begin, end = spans[segment].start_s, spans[segment].end_s
            moments.append(Moment("speaker", begin, end, score, segment, "other_voice"))
    if enrolled is not None:
        whole = Template(mean_vector(np.concatenate(list(parts.values()))), model)
        score = compare(enrolled, whole)
        evidence["enrolled"] = round(score, 3)
        begin, end = min(s.start_s for s in spans.values()), max(s.end_s for s in spans.values())
        moments.append(Moment("speaker_enrolled", begin, end, score, "", "not_mated"))
    worst = min(moments, key=lambda moment: moment.score or 0.0)
    return Finding(
        Measurement(name, worst.score, worst.reason, evidence, models, _since(start)),
        tuple(moments),
    )


def lips(
    heard: Sequence[RecordingSpeech], mouths: Mapping[str, Sequence[MouthFrame]], engines: Engines
) -> Finding:
    """Did these lips make that sound, in every segment that is long enough to tell?

    Returns:
        `recording.lips`: the lowest score of the segments, on the scale of `liveness.lips`, with
        its reason. Not assessed when a segment with enough speech could not be judged, with that
        segment's reason, or when none has enough.
    """
    start = time.perf_counter()
    name = "recording.lips"
    if engines.lips is None or engines.mesher is None or engines.vad is None:
        return Finding(Measurement(name, None, "model_missing"))
    moments: list[Moment] = []
    models: tuple[ModelRef, ...] = ()
    for one in heard:
        if one.speech is None or one.span is None or not one.spoken:
            continue
        shift_ms = one.from_s * 1000
        frames = [
            replace(frame, time_ms=frame.time_ms - shift_ms)
            for frame in mouths.get(one.segment.id, ())
        ]
        sound = Heard(Audio(one.speech.samples, RATE_HZ), one.speech.segments_s)
        measured = engines.lips(track_of(frames), sound)
        models = measured.models
        moments.append(
            Moment(
                "lips",
                one.span.start_s,
                one.span.end_s,
                measured.score if measured.assessed else None,
                one.segment.id,
                measured.reason,
            )
        )
    scored = [m for m in moments if m.score is not None]
    barred = [m.reason for m in moments if m.score is None and m.reason not in EXEMPT]
    evidence: dict[str, EvidenceValue] = {
        "segments": len(moments),
        "judged": len(scored),
        "too_brief": len(moments) - len(scored) - len(barred),
    }
    if not scored or barred:
        reason = barred[0] if barred else "too_little_speech" if moments else "no_speech"
        return Finding(
            Measurement(name, None, reason, evidence, models, _since(start)), tuple(moments)
        )
    worst = min(scored, key=lambda moment: moment.score or 0.0)
    return Finding(
        Measurement(name, worst.score, worst.reason, evidence, models, _since(start)),
        tuple(moments),
    )


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
