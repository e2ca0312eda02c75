"""What the service answers, as values.

Members the service may add later are ignored, so that an older client keeps working.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from veridical.result import Outcome

__all__ = [
    "Challenge",
    "CheckView",
    "Hit",
    "Media",
    "PolicyRef",
    "PolicyView",
    "Problem",
    "Review",
    "ReviewItem",
    "Started",
    "Summary",
    "Transaction",
    "Uploaded",
    "VerdictView",
]

Json = Mapping[str, Any]


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _outcome(value: str | None) -> Outcome | None:
    return Outcome(value) if value else None


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the applicant is to read aloud, and when each digit is to be shown.

    Attributes:
        digits: To be read one by one.
        language: `en` or `zh`.
        schedule_ms: When each digit appears, from the first frame of the recording.
        nonce: Goes back with `submit`.
        expires_at: UTC.
    """

    digits: str
    language: str
    schedule_ms: tuple[float, ...]
    nonce: str
    expires_at: datetime

    @classmethod
    def of(cls, found: Json) -> "Challenge":
        """From the service's answer."""
        return cls(
            found["digits"],
            found["language"],
            tuple(found["schedule_ms"]),
            found["nonce"],
            datetime.fromisoformat(found["expires_at"]),
        )


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """Which rules a transaction is judged by."""

    id: str
    version: int
    sha256: str

    @classmethod
    def of(cls, found: Json) -> "PolicyRef":
        """From the service's answer."""
        return cls(found["id"], found["version"], found["sha256"])


@dataclass(frozen=True, slots=True)
class Media:
    """Which media a transaction wants, and which it has."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    received: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Json) -> "Media":
        """From the service's answer."""
        return cls(
            tuple(found.get("required", ())),
            tuple(found.get("optional", ())),
            tuple(found.get("received", ())),
        )


@dataclass(frozen=True, slots=True)
class Started:
    """A transaction that was just created.

    Attributes:
        id: Of the transaction.
        state: `created`.
        expires_at: By when it must be submitted, UTC.
        upload_token: What the applicant's device needs: it can hand in this transaction's media
            and nothing else.
        media: What is wanted.
        challenge: What is to be read; None when the policy asks for nothing.
        policy: The rules.
        attempt: From 1.
        retries_left: Further attempts.
        raw: The whole answer, to be handed to `<veridical-capture>`.
    """

    id: str
    state: str
    expires_at: datetime
    upload_token: str = field(repr=False)
    media: Media
    challenge: Challenge | None
    policy: PolicyRef
    attempt: int
    retries_left: int
    raw: Json = field(repr=False, default_factory=dict)

    @classmethod
    def of(cls, found: Json) -> "Started":
        """From the service's answer."""
        return cls(
            id=found["id"],
            state=found["state"],
            expires_at=datetime.fromisoformat(found["expires_at"]),
            upload_token=found["upload_token"],
            media=Media.of(found["media"]),
            challenge=Challenge.of(found["challenge"]) if found["challenge"] else None,
            policy=PolicyRef.of(found["policy"]),
            attempt=found["attempt"],
            retries_left=found["retries_left"],
            raw=found,
        )


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A medium as the service received it."""

    kind: str
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, found: Json) -> "Uploaded":
        """From the service's answer."""
        return cls(found["kind"], found["bytes"], found["sha256"])


@dataclass(frozen=True, slots=True)
class CheckView:
    """One check of a verdict.

    Attributes:
        check: Its name, such as `face.match`.
        status: pass, review, fail or not_assessed.
        score: Higher speaks for the applicant; None when not assessed.
        accept_at: Lowest score that passes.
        reject_below: Lowest score that is not refused.
        reason: Why it did not pass; empty on a pass.
        evidence: Small numbers and short texts.
    """

    check: str
    status: str
    score: float | None
    accept_at: float | None
    reject_below: float | None
    reason: str
    evidence: Json

    @classmethod
    def of(cls, found: Json) -> "CheckView":
        """From the service's answer."""
        return cls(
            found["check"],
            found["status"],
            found["score"],
            found.get("accept_at"),
            found.get("reject_below"),
            found.get("reason", ""),
            found.get("evidence", {}),
        )


@dataclass(frozen=True, slots=True)
class VerdictView:
    """A verdict with its scores, for operators.

    Attributes:
        outcome: accept, review, retry or reject.
        first_cause: `check:reason`; None on an accept.
        causes: All that bore on it.
        checks: Every check.
        policy: The rules it was judged by.
        stamps: Warnings, such as `sandbox` or `specimen_allowed`.
        assurance: What was weaker than it could be.
        document: Fields read from the document: personal data.
        raw: The whole verdict, for `veridical policy replay`.
    """

    outcome: Outcome
    first_cause: str | None
    causes: tuple[str, ...]
    checks: tuple[CheckView, ...]
    policy: PolicyRef
    stamps: tuple[str, ...]
    assurance: tuple[str, ...]
    document: Json = field(repr=False)
    raw: Json = field(repr=False)

    @classmethod
    def of(cls, found: Json) -> "VerdictView":
        """From the service's answer."""
        return cls(
            outcome=Outcome(found["outcome"]),
            first_cause=found["first_cause"],
            causes=tuple(found["causes"]),
            checks=tuple(CheckView.of(check) for check in found["checks"]),
            policy=PolicyRef.of(found["policy"]),
            stamps=tuple(found["stamps"]),
            assurance=tuple(found["assurance"]),
            document=found.get("document", {}),
            raw=found,
        )

    def check(self, name: str) -> CheckView | None:
        """One of the checks; None when the policy did not ask for it."""
        return next((check for check in self.checks if check.check == name), None)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an attempt could not be judged."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Review:
    """A person's decision."""

    operator: str
    outcome: Outcome
    reason: str
    decided_at: datetime | None

    @classmethod
    def of(cls, found: Json) -> "Review":
        """From the service's answer."""
        return cls(
            found["operator"],
            Outcome(found["outcome"]),
            found["reason"],
            _time(found.get("decided_at")),
        )


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction as the bearer of the key or token may see it.

    Attributes:
        id: Of the transaction.
        kind: `onboarding` or `reverify`.
        state: created, collecting, processing, completed, expired, cancelled or erased.
        outcome: Of the latest attempt; None before the first verdict.
        message: What to tell the applicant.
        attempt: From 1.
        retries_left: Further attempts.
        media: What is wanted and there; None once erased.
        sandbox: Whether it was scripted.
        verdict: With scores; None for an upload token, or before there is one.
        problem: Why the latest attempt could not be judged; None when it could.
        review: A person's decision; None without.
        final_outcome: The review's outcome where there is one; None while open.
        raw: The whole answer.
    """

    id: str
    kind: str
    state: str
    outcome: Outcome | None
    message: str
    attempt: int
    retries_left: int
    media: Media | None
    sandbox: bool
    verdict: VerdictView | None
    problem: Problem | None
    review: Review | None
    final_outcome: Outcome | None
    raw: Json = field(repr=False, default_factory=dict)

    @property
    def pending(self) -> bool:
        """Whether a verdict is being worked out."""
        return self.state == "processing"

    @classmethod
    def of(cls, found: Json) -> "Transaction":
        """From the service's answer."""
        problem = found.get("problem")
        return cls(
            id=found["id"],
            kind=found["kind"],
            state=found["state"],
            outcome=_outcome(found.get("outcome")),
            message=found.get("message", ""),
            attempt=found.get("attempt", 1),
            retries_left=found.get("retries_left", 0),
            media=Media.of(found["media"]) if found.get("media") else None,
            sandbox=found.get("sandbox", False),
            verdict=VerdictView.of(found["verdict"]) if found.get("verdict") else None,
            problem=Problem(problem["code"], problem["detail"]) if problem else None,
            review=Review.of(found["review"]) if found.get("review") else None,
            final_outcome=_outcome(found.get("final_outcome")),
            raw=found,
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of the list of transactions."""

    id: str
    kind: str
    state: str
    outcome: Outcome | None
    final_outcome: Outcome | None
    first_cause: str | None
    created_at: datetime | None
    completed_at: datetime | None

    @classmethod
    def of(cls, found: Json) -> "Summary":
        """From the service's answer."""
        return cls(
            found["id"],
            found["kind"],
            found["state"],
            _outcome(found.get("outcome")),
            _outcome(found.get("final_outcome")),
            found.get("first_cause"),
            _time(found.get("created_at")),
            _time(found.get("completed_at")),
        )


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One transaction that waits for a person."""

    id: str
    kind: str
    first_cause: str | None
    causes: tuple[str, ...]
    completed_at: datetime | None

    @classmethod
    def of(cls, found: Json) -> "ReviewItem":
        """From the service's answer."""
        return cls(
            found["id"],
            found["kind"],
            found.get("first_cause"),
            tuple(found.get("causes", ())),
            _time(found.get("completed_at")),
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry that a search found."""

    subject: str
    similarity: float


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy a transaction may name."""

    id: str
    version: int
    description: str
    required: tuple[str, ...]
    optional: tuple[str, ...]

    @classmethod
    def of(cls, found: Json) -> "PolicyView":
        """From the service's answer."""
        return cls(
            found["id"],
            found["version"],
            found["description"],
            tuple(found["required"]),
            tuple(found["optional"]),
        )
