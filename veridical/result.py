"""What a check answers, and what the decision makes of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "CheckResult",
    "ErrorRate",
    "EvidenceValue",
    "Measurement",
    "ModelRef",
    "OperatingPoint",
    "Outcome",
    "Status",
]

EvidenceValue = float | int | bool | str | None
"""A small number or short text a reviewer may read. Never pixels, sound, templates or names."""


class Status(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105
    REVIEW = "review"
    FAIL = "fail"
    NOT_ASSESSED = "not_assessed"


class Outcome(StrEnum):
    """The four ends of a transaction."""

    ACCEPT = "accept"
    REVIEW = "review"
    RETRY = "retry"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """The model behind a score.

    Attributes:
        name: Name of its card.
        sha256: Hash of the source weights, as the card pins it.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a check measured about one transaction. It judges nothing: `decide` does.

    Attributes:
        check: Name of the check, such as `liveness.silent`.
        score: Higher always speaks for the applicant; None (or NaN) when not assessed.
        reason: Stable code: why it was not assessed, or what a low score means.
        evidence: Small numbers and short texts for a reviewer.
        models: The models that took part.
        elapsed_ms: Wall time the check took.
    """

    check: str
    score: float | None
    reason: str = ""
    evidence: Mapping[str, EvidenceValue] = field(default_factory=dict)
    models: tuple[ModelRef, ...] = ()
    elapsed_ms: float = 0.0

    @property
    def assessed(self) -> bool:
        """Whether there is a score to judge."""
        return self.score is not None and self.score == self.score


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Two thresholds of one check.

    At or above `accept_at` the check passes, below `reject_below` it fails, between is review.

    Attributes:
        accept_at: Lowest score that passes.
        reject_below: Lowest score that is not refused; at most `accept_at`.
        source: Where the two numbers come from, such as `policy`, `card:sface-2021dec`.

    Raises:
        ValueError: `reject_below` above `accept_at`, or a threshold is not a number.
    """

    accept_at: float
    reject_below: float
    source: str = "policy"

    def __post_init__(self) -> None:
        if not self.accept_at >= self.reject_below:
            raise ValueError(
                f"an operating point needs accept_at >= reject_below, "
                f"got {self.accept_at} and {self.reject_below}"
            )

    def margin(self, score: float) -> float | None:
        """How far a score lies above `accept_at`, in widths of the band between the thresholds.

        0 at `accept_at`, -1 at `reject_below`: the same words on the scale of every model whose
        card has such a band. None where the two thresholds are one, or not finite.
        """
        width = self.accept_at - self.reject_below
        if not 0 < width < math.inf or not math.isfinite(score):
            return None
        return (score - self.accept_at) / width

    def status(self, score: float) -> Status:
        """Judge one score; NaN never passes."""
        if score >= self.accept_at:
            return Status.PASS
        return Status.REVIEW if score >= self.reject_below else Status.FAIL


@dataclass(frozen=True, slots=True)
class ErrorRate:
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


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's measurement, judged by a policy.

    Attributes:
        measurement: What the check measured.
        status: How the policy judged it.
        point: The operating point it was judged by; None when nobody gave one.
        reason: Why it did not pass; empty on a pass.
        error_rate: What the score means, when a calibration exists.
    """

    measurement: Measurement
    status: Status
    point: OperatingPoint | None = None
    reason: str = ""
    error_rate: ErrorRate | None = None

    @property
    def check(self) -> str:
        """Name of the check."""
        return self.measurement.check

    @property
    def score(self) -> float | None:
        """The score, or None when the check could not be assessed."""
        return self.measurement.score if self.measurement.assessed else None
