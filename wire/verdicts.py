"""What is a verdict on the wire? Format `veridical.verdict/1`."""

from typing import Literal

from pydantic import Field

from veridical.result import Outcome, Status
from veridical.wire.base import Answer, Offset, Plain

__all__ = [
    "Check",
    "CheckAnswer",
    "DocumentRead",
    "ErrorRate",
    "ModelRef",
    "PolicyRef",
    "RecordedScript",
    "RecordedSegment",
    "RecordedWord",
    "RecordingTimeline",
    "RuleOutcome",
    "TimelineEvent",
    "Verdict",
]


class PolicyRef(Answer):
    """Which rules something is judged by."""

    id: str
    version: int
    sha256: str


class ModelRef(Answer):
    """A model that took part.

    Attributes:
        name: Of its card.
        sha256: Of its source weights.
    """

    name: str
    sha256: str


class ErrorRate(Answer):
    """What accepting at one score costs, as measured.

    Attributes:
        kind: Which rate: `fmr`, `apcer`, ...
        value: Share of trials at or above the score, 0..1.
        ci95: Bounds of its 95 % interval.
        n: Trials behind it.
        data: Which data, in words.
    """

    kind: str
    value: float
    ci95: tuple[float, float]
    n: int
    data: str


class Check(Answer):
    """One check of a verdict.

    Attributes:
        check: Its name, such as `face.match`.
        status: How it ended.
        score: Higher speaks for the applicant; null when not assessed.
        reason: Why it did not pass; empty on a pass.
        measured_reason: What the check itself said, whatever the policy made of it.
        accept_at: Lowest score that passes.
        reject_below: Lowest score that is not refused.
        point_source: Where these two come from.
        error_rate: What the score means, where a calibration exists.
        evidence: Small numbers and short texts.
        models: Those that took part.
        elapsed_ms: Wall time.
    """

    check: str
    status: Status
    score: float | None
    reason: str
    measured_reason: str
    accept_at: float | None
    reject_below: float | None
    point_source: str | None
    error_rate: ErrorRate | None
    evidence: dict[str, Plain]
    models: tuple[ModelRef, ...]
    elapsed_ms: float


class RuleOutcome(Answer):
    """A rule of the policy that bore on a verdict.

    Attributes:
        rule: Its id.
        when: Its condition, as the policy words it.
        holds: Whether the condition holds; null when that is unknown.
        then: What the rule asks for.
        reason: Its reason code.
    """

    rule: str
    when: str
    holds: bool | None
    then: str
    reason: str


class RecordedScript(Answer):
    """The script that a recording followed."""

    id: str
    version: int
    sha256: str
    language: str
    title: str


class RecordedWord(Answer):
    """A piece of a statement, and how it was read.

    Attributes:
        text: Of the statement.
        status: How it was read.
        heard: What was heard instead.
        at_s: Where; null when it is missing.
    """

    text: str
    status: str
    heard: str
    at_s: float | None


class RecordedSegment(Answer):
    """One segment of a recording; times in seconds, null when it was not found."""

    id: str
    kind: str
    text: str
    start_s: float | None
    end_s: float | None
    heard: str
    reply: str
    words: tuple[RecordedWord, ...]


class TimelineEvent(Answer):
    """A stretch of a recording that bore on a check."""

    start_s: float
    end_s: float
    kind: str
    text: str
    check: str
    status: Status
    score: float | None
    segment: str
    reason: str


class RecordingTimeline(Answer):
    """What was said in a recording, when.

    Attributes:
        script: Which script.
        duration_s: Of the recording.
        times_from: `given` with the submission, or `found` by what was said.
        segments: In the script's order.
        timeline: By time.
    """

    script: RecordedScript
    duration_s: float
    times_from: str
    segments: tuple[RecordedSegment, ...]
    timeline: tuple[TimelineEvent, ...]


class LookedAt(Answer):
    """Which frames of a clip were drawn to be looked at closely.

    Attributes:
        draw: Version of the draw and name of its key: with the key, the draw can be repeated.
        times_ms: When they are shown, in order.
    """

    draw: str
    times_ms: tuple[float, ...]


class Verdict(Answer):
    """A verdict with its scores, for operators.

    Attributes:
        format: Of this object.
        transaction: Id.
        outcome: The end.
        first_cause: `check:reason` or `rule:id` that brought it about; null on an accept.
        causes: All that bore on it.
        policy: The rules it was judged by.
        profile: Name of the model set.
        assurance: What was weaker than it could be.
        stamps: Warnings, such as `sandbox` or `specimen_allowed`.
        attempt: From 1.
        retries_left: Further attempts under the policy.
        decided_at: When.
        checks: Every check.
        rules: Rules among the causes.
        facts: What the caller told.
        document: Fields read from the document: personal data.
        looked_at: Frames of the clip that were drawn; null without one.
        timings_ms: Wall time by stage.
        recording: Of a recording: what was said, when.
    """

    format: Literal["veridical.verdict/1"]
    transaction: str
    outcome: Outcome
    first_cause: str | None
    causes: tuple[str, ...]
    policy: PolicyRef
    profile: str
    assurance: tuple[str, ...]
    stamps: tuple[str, ...]
    attempt: int
    retries_left: int
    decided_at: Offset
    checks: tuple[Check, ...]
    # Absent from verdicts that were kept before there were rules.
    rules: tuple[RuleOutcome, ...] = ()
    facts: dict[str, float] = {}
    document: dict[str, dict[str, Plain]] = Field(default={}, repr=False)
    # Absent from verdicts that were kept before frames were drawn.
    looked_at: LookedAt | None = None
    timings_ms: dict[str, float] = {}
    recording: RecordingTimeline | None = Field(default=None, repr=False)

    def check(self, name: str) -> Check | None:
        """One of the checks; None when the policy did not ask for it."""
        return next((check for check in self.checks if check.check == name), None)


class CheckAnswer(Answer):
    """What a single check found."""

    check: Check


class DocumentRead(Answer):
    """What a document says, and whether it is sound.

    Attributes:
        checks: `document.read`, `document.authentic`, `document.specimen`.
        document: Fields: personal data.
    """

    checks: tuple[Check, ...]
    document: dict[str, dict[str, Plain]] = Field(repr=False)
