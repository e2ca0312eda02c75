"""One recording in, one verdict and its timeline out."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.catalogue.points import points_of
from veridical.consent_recording.listener import BriefRecogniser
from veridical.consent_recording.locate import locate, words_of
from veridical.consent_recording.picture import alone, live, presence, same_person, watch
from veridical.consent_recording.script import Script, Segment, Statement
from veridical.consent_recording.settings import RecordingSettings, recording_settings
from veridical.consent_recording.sound import (
    RecordingSpeech,
    answers,
    digits,
    hear,
    lips,
    speaker,
    statements,
)
from veridical.consent_recording.timeline import Event, Finding, judged
from veridical.consent_recording.times import SegmentTimes, Span, widened
from veridical.consent_recording.transcript import Said, transcript_of
from veridical.errors import InputError
from veridical.face import FaceMatchCheck
from veridical.media import read_sound, read_windows
from veridical.policy.verdict import verdict_of
from veridical.result import Measurement, OperatingPoint
from veridical.types import Audio, Template, View
from veridical.verification import Policy, Settings, Verdict, decide, load_policy, verdict_to_json
from veridical.verification.needs import Needs
from veridical.voiceprint import analyse_speech
from veridical.voiceprint.fbank import RATE_HZ
from veridical.voiceprint.windows import speech_windows

__all__ = [
    "FORMAT",
    "POLICY",
    "Progress",
    "Recording",
    "RecordingResult",
    "RecordingVerifier",
    "SegmentResult",
    "load_recording_verifier",
    "result_to_json",
]

FORMAT = "veridical.consent_recording/1"
POLICY = "recording"
"""The policy of recordings that name none."""

Progress = Callable[[str, float], None]
"""Told the stage, `sound`, `words` or `picture`, and how far it is, 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What one verdict on a recording rests on.

    Attributes:
        id: Chosen by the caller; quoted in the verdict.
        video: The file; read from disk in pieces.
        script: What was to be said.
        times: When, and which digits; without times the segments are found by what was said.
        face_reference: Template enrolled earlier, for a policy that names `face.match`.
        voice_reference: Template enrolled earlier.
        attempt: Number of this attempt, from 1.
        facts: Numbers from the caller that a policy's rules weigh.
    """

    id: str
    video: Path
    script: Script
    times: SegmentTimes = SegmentTimes()  # noqa: RUF009  frozen
    face_reference: Template | None = None
    voice_reference: Template | None = None
    attempt: int = 1
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """One segment of the script, as it was recorded.

    Attributes:
        segment: Of the script.
        span: Where it lies; None when it was not found.
        heard: What was recognised; empty for digits, which are never written down.
        said: The words of a statement, each with what became of it; empty for others.
        reply: What an answer comes to; empty for others.
    """

    segment: Segment
    span: Span | None
    heard: str
    said: tuple[Said, ...]
    reply: str


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """The verdict on a recording, with all that a reviewer looks at.

    Attributes:
        verdict: As of any transaction.
        script: What was to be said.
        duration_s: Length of the recording.
        times_from: `given`, or `found` by what was said.
        segments: In the order of the script.
        timeline: What happened when, by time.
    """

    verdict: Verdict
    script: Script
    duration_s: float
    times_from: str
    segments: tuple[SegmentResult, ...]
    timeline: tuple[Event, ...]


class RecordingVerifier:
    """Judges recordings; built once, keeps nothing of any of them, safe in many threads.

    Args:
        engines: Of the model set.
        points: Operating points of every recording check.
        policy: The policy of recordings that name none.
        settings: How recordings are looked at.
        needs: Says what policies need that is not there; None takes every policy as it comes.

    Attributes:
        policy: The policy of recordings that name none.
        settings: How recordings are looked at.
    """

    def __init__(
        self,
        engines: Engines,
        points: Mapping[str, OperatingPoint],
        policy: Policy,
        settings: RecordingSettings,
        needs: Needs | None = None,
    ) -> None:
        self._engines = engines
        self._points = points
        self._needs = needs
        self.policy = policy
        self.settings = settings

    @property
    def profile(self) -> str:
        """Name of the model set."""
        return self._engines.profile.name

    @property
    def missing(self) -> Mapping[str, str]:
        """Models of the set that are not there, with the reason code."""
        return self._engines.missing

    @property
    def face_model(self) -> str:
        """Mark of the face templates it compares; empty without a recogniser."""
        return self._engines.embedder.template_model if self._engines.embedder else ""

    @property
    def voice_model(self) -> str:
        """Mark of the voice templates it compares; empty without one."""
        return self._engines.voice.model if self._engines.voice else ""

    def verify(
        self,
        recording: Recording,
        policy: Policy | None = None,
        progress: Progress = lambda _stage, _share: None,
    ) -> RecordingResult:
        """Judge one recording.

        The sound first, for it says where the segments are; then one pass over the frames.

        Args:
            recording: What was recorded.
            policy: What is asked; the verifier's own policy when None.
            progress: Told how far it is.

        Raises:
            NotFitError: The policy requires what the installation lacks.
            InputError: The file cannot be used: `media.*`; `script.times`: the digits do not fit
                the script; `voice.template_model`, `face.template_model`.
        """
        policy = policy or self.policy
        if self._needs is not None:
            self._needs.require(policy)
        engines, settings, script = self._engines, self.settings, recording.script
        _refuse_digits(recording)
        timings: dict[str, float] = {}
        start = time.perf_counter()
        samples = self._sound(recording.video)
        spans, times_from = dict(recording.times.spans), "given"
        if not spans:
            spans, times_from = self._found(samples, recording), "found"
        timings["sound"] = (time.perf_counter() - start) * 1000
        progress("sound", 1.0)
        heard: list[RecordingSpeech] = []
        sounds = widened(spans, settings.margin_s)
        start = time.perf_counter()
        for number, segment in enumerate(script.segments):
            span, sound = spans.get(segment.id), sounds.get(segment.id)
            heard.append(
                RecordingSpeech(segment, span)
                if engines.vad is None
                else hear(samples, segment, span, sound, script, engines, engines.vad, settings)
            )
            progress("words", (number + 1) / len(script.segments))
        timings["words"] = (time.perf_counter() - start) * 1000
        start = time.perf_counter()
        duration_s = max(len(samples) / RATE_HZ, *(span.end_s for span in spans.values()), 0.0)
        windows = read_windows(
            recording.video,
            settings.limits,
            window_s=settings.window_s,
            frames_a_second=settings.frames_a_second,
            max_side_px=settings.side_px,
        )
        seen = watch(
            windows, engines, settings, spans, duration_s, lambda share: progress("picture", share)
        )
        duration_s = max(duration_s, *seen.shown_s[-1:], 0.0)
        timings["picture"] = (time.perf_counter() - start) * 1000
        findings = [
            presence(seen, duration_s, settings),
            alone(seen, settings),
            same_person(seen, engines, settings),
            live(seen, engines),
            statements(heard, engines, settings),
            answers(heard, engines),
            digits(heard, recording.times.digits, script, engines),
            speaker(heard, engines, settings, recording.voice_reference),
            lips(heard, seen.mouth, engines),
        ]
        if "face.match" in policy.checks:
            findings.append(Finding(self._face_match(recording, seen.views)))
        verdict = self._verdict(recording, policy, [f.measurement for f in findings], timings)
        points = {**self._points, **policy.operating_points}
        return RecordingResult(
            verdict=verdict,
            script=script,
            duration_s=duration_s,
            times_from=times_from,
            segments=tuple(
                _segment(one, settings.clear_nats, engines.whisper is not None) for one in heard
            ),
            timeline=judged(findings, points),
        )

    def _sound(self, video: Path) -> NDArray[np.float32]:
        """The whole sound: five minutes are 19 MB. Empty when there is none."""
        try:
            blocks = [block.samples for block in read_sound(video, self.settings.limits)]
        except InputError as error:
            if error.code != "media.no_audio":
                raise
            blocks = []
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def _found(self, samples: NDArray[np.float32], recording: Recording) -> dict[str, Span]:
        """Where the segments are, by what was said; nothing without a recogniser."""
        vad, whisper = self._engines.vad, self._engines.whisper
        if vad is None or whisper is None or not len(samples):
            return {}
        recogniser = BriefRecogniser(whisper, self.settings.heard_window_s)

        def blocks() -> Iterator[Audio]:
            yield Audio(samples, RATE_HZ)

        words = words_of(speech_windows(blocks(), vad), recogniser, recording.script.language)
        speech = analyse_speech(Audio(samples, RATE_HZ), vad).segments_s
        return locate(
            recording.script, recording.times.digits, words, speech, self.settings.found_share
        )

    def _face_match(self, recording: Recording, views: list[View]) -> Measurement:
        embedder = self._engines.embedder
        if embedder is None:
            return Measurement("face.match", None, "model_missing")
        if recording.face_reference is None:
            return Measurement("face.match", None, "not_enrolled")
        return FaceMatchCheck(embedder)(recording.face_reference, views)

    def _verdict(
        self,
        recording: Recording,
        policy: Policy,
        measurements: list[Measurement],
        timings: Mapping[str, float],
    ) -> Verdict:
        decision = decide(
            measurements, policy, self._points, attempt=recording.attempt, facts=recording.facts
        )
        return verdict_of(
            decision,
            policy,
            transaction=recording.id,
            attempt=recording.attempt,
            profile=self.profile,
            assurance=tuple(
                f"{m.check}:{m.reason}" for m in measurements if m.reason == "model_missing"
            ),
            facts=recording.facts,
            timings_ms=timings,
        )


def load_recording_verifier(
    settings: Settings | None = None,
    policy: Policy | None = None,
    engines: Engines | None = None,
) -> RecordingVerifier:
    """Build the verifier of recordings of an installation; what its policy needs is loaded.

    Args:
        settings: The installation; read from the environment when None.
        policy: The policy of recordings that name none; the shipped `recording` when None.
        engines: The installation's, where they are to be shared; opened when None.

    Raises:
        NotFitError: The policy requires what the installation lacks, and the settings do not
            allow that.
        ModelError: A model is altered, or a profile is unknown.
    """
    settings = settings or Settings()
    engines = engines or Engines.open(settings)
    policy, points = policy or load_policy(POLICY), points_of(engines)
    needs = Needs(engines, points, allow_missing=settings.allow_missing)
    needs.require(policy)
    return RecordingVerifier(engines, points, policy, recording_settings(), needs)


def result_to_json(result: RecordingResult, language: str = "") -> dict[str, Any]:
    """Plain values for `json.dumps`.

    The transcript is in it: for whoever asked, never for logs.

    Args:
        result: Of `RecordingVerifier.verify`.
        language: Of the texts, `en` or `zh`; the script's when empty.
    """
    language, script = language or result.script.language, result.script
    return {
        "format": FORMAT,
        "script": {
            "id": script.id,
            "version": script.version,
            "sha256": script.sha256,
            "language": script.language,
            "title": script.title,
        },
        "duration_s": round(result.duration_s, 2),
        "times_from": result.times_from,
        "segments": [
            {
                "id": one.segment.id,
                "kind": one.segment.kind,
                "text": one.segment.text,
                "start_s": None if one.span is None else round(one.span.start_s, 2),
                "end_s": None if one.span is None else round(one.span.end_s, 2),
                "heard": one.heard,
                "reply": one.reply,
                "words": [word.as_json() for word in one.said],
            }
            for one in result.segments
        ],
        "timeline": [event.as_json(language) for event in result.timeline],
        "verdict": verdict_to_json(result.verdict),
    }


def _refuse_digits(recording: Recording) -> None:
    asked, segment = recording.times.digits, recording.script.digits
    if asked and (segment is None or len(asked) != segment.length):
        wanted = "none" if segment is None else str(segment.length)
        raise InputError(
            f"the script asks for {wanted} digits, the recording comes with {len(asked)}",
            "script.times",
        )


def _segment(one: RecordingSpeech, clear_nats: float, listened: bool) -> SegmentResult:
    said: tuple[Said, ...] = ()
    if isinstance(one.segment, Statement) and listened:
        said = (Said(one.segment.text, "missing"),)
    if isinstance(one.segment, Statement) and one.reading is not None:
        said = transcript_of(one.segment.text, one.reading, one.from_s, clear_nats)
    heard = ""
    if one.reading is not None:
        heard = one.reading.heard.strip()
    if one.answer is not None:
        heard = one.answer.heard
    reply = str(one.answer.reply) if one.answer is not None else ""
    return SegmentResult(one.segment, one.span, heard, said, reply)
