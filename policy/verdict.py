"""The verdict of one attempt, and its form as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from veridical.analysis.draw import LookedAt
from veridical.policy import Policy
from veridical.policy.decision import Decision
from veridical.policy.rules import RuleResult
from veridical.result import (
    CheckResult,
    ErrorRate,
    EvidenceValue,
    Measurement,
    ModelRef,
    OperatingPoint,
    Outcome,
)

__all__ = [
    "Verdict",
    "check_to_json",
    "error_rates_from_json",
    "facts_from_json",
    "measurements_from_json",
    "points_from_json",
    "rule_to_json",
    "verdict_to_json",
]

FORMAT = "veridical.verdict/1"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about one attempt, by which models, under which policy.

    Attributes:
        transaction: Id of the transaction.
        outcome: accept, review, retry or reject.
        first_cause: `check:reason` or `rule:id` that brought the outcome about; None on an accept.
        causes: All that bore on it, in the order of the policy.
        results: Every check.
        policy: Its id, version and sha256.
        profile: Name of the model set in use.
        assurance: What was weaker than it could be, in stable codes; empty when nothing was.
        stamps: Warnings that belong to the verdict itself, such as `specimen_allowed`.
        attempt: Number of this attempt.
        retries_left: Attempts that remain under the policy.
        decided_at: UTC.
        document: Fields read from the document. Personal data: for the caller, never for logs.
        timings_ms: Wall time by stage; analysis shared by checks stands on its own.
        rules: The policy's rules among the causes.
        facts: What the caller told of the transaction; deciding again needs it.
        looked_at: Which frames of the clip were drawn to be looked at closely; None without one.
    """

    transaction: str
    outcome: Outcome
    first_cause: str | None
    causes: tuple[str, ...]
    results: tuple[CheckResult, ...]
    policy: Mapping[str, str | int]
    profile: str
    assurance: tuple[str, ...]
    stamps: tuple[str, ...]
    attempt: int
    retries_left: int
    decided_at: datetime
    document: Mapping[str, Mapping[str, EvidenceValue]] = field(default_factory=dict)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    rules: tuple[RuleResult, ...] = ()
    facts: Mapping[str, float] = field(default_factory=dict)
    looked_at: LookedAt | None = None


def verdict_of(
    decision: Decision,
    policy: Policy,
    *,
    transaction: str,
    attempt: int,
    profile: str,
    assurance: tuple[str, ...],
    facts: Mapping[str, float],
    timings_ms: Mapping[str, float],
    document: Mapping[str, Mapping[str, EvidenceValue]] | None = None,
    looked_at: LookedAt | None = None,
) -> Verdict:
    """The verdict that a decision comes to, decided now; the arguments as `Verdict` has them."""
    return Verdict(
        transaction=transaction,
        outcome=decision.outcome,
        first_cause=decision.first_cause,
        causes=decision.causes,
        results=decision.results,
        policy={"id": policy.id, "version": policy.version, "sha256": policy.sha256},
        profile=profile,
        assurance=assurance,
        stamps=("specimen_allowed",) if policy.allow_specimens else (),
        attempt=attempt,
        retries_left=max(0, policy.attempts - attempt),
        decided_at=datetime.now(UTC),
        document=document or {},
        timings_ms=timings_ms,
        rules=decision.rules,
        facts=facts,
        looked_at=looked_at,
    )


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """Plain values for `json.dumps`; `policy replay` reads them back."""
    return {
        "format": FORMAT,
        "transaction": verdict.transaction,
        "outcome": str(verdict.outcome),
        "first_cause": verdict.first_cause,
        "causes": list(verdict.causes),
        "policy": dict(verdict.policy),
        "profile": verdict.profile,
        "assurance": list(verdict.assurance),
        "stamps": list(verdict.stamps),
        "attempt": verdict.attempt,
        "retries_left": verdict.retries_left,
        "decided_at": verdict.decided_at.isoformat(timespec="milliseconds"),
        "checks": [check_to_json(result) for result in verdict.results],
        "rules": [rule_to_json(rule) for rule in verdict.rules],
        "facts": dict(verdict.facts),
        "document": {name: dict(values) for name, values in verdict.document.items()},
        "looked_at": _looked_at(verdict.looked_at),
        "timings_ms": {stage: round(ms, 1) for stage, ms in verdict.timings_ms.items()},
    }


def _looked_at(drawn: LookedAt | None) -> dict[str, Any] | None:
    if drawn is None:
        return None
    return {"draw": drawn.draw, "times_ms": [round(time, 1) for time in drawn.times_ms]}


def check_to_json(result: CheckResult) -> dict[str, Any]:
    """One check of a verdict, as plain values."""
    measured, point = result.measurement, result.point
    return {
        "check": result.check,
        "status": str(result.status),
        "score": result.score,
        "reason": result.reason,
        "measured_reason": measured.reason,
        "accept_at": point.accept_at if point else None,
        "reject_below": point.reject_below if point else None,
        "point_source": point.source if point else None,
        "error_rate": asdict(result.error_rate) if result.error_rate else None,
        "evidence": dict(measured.evidence),
        "models": [asdict(model) for model in measured.models],
        "elapsed_ms": round(measured.elapsed_ms, 1),
    }


def rule_to_json(found: RuleResult) -> dict[str, Any]:
    """One rule that bore on a verdict, as plain values."""
    rule = found.rule
    return {
        "rule": rule.id,
        "when": rule.when.text,
        "holds": found.holds,
        "then": str(found.asks),
        "reason": rule.reason,
    }


def measurements_from_json(stored: Mapping[str, Any]) -> tuple[Measurement, ...]:
    """The measurements of a stored verdict: what deciding again needs."""
    return tuple(
        Measurement(
            check=check["check"],
            score=check["score"],
            reason=check["measured_reason"],
            evidence=check["evidence"],
            models=tuple(ModelRef(**model) for model in check["models"]),
            elapsed_ms=check["elapsed_ms"],
        )
        for check in stored["checks"]
    )


def points_from_json(stored: Mapping[str, Any]) -> dict[str, OperatingPoint]:
    """The operating points that did not come from the policy of a stored verdict."""
    return {
        check["check"]: OperatingPoint(
            check["accept_at"], check["reject_below"], check["point_source"]
        )
        for check in stored["checks"]
        if check["accept_at"] is not None and not check["point_source"].startswith("policy:")
    }


def error_rates_from_json(stored: Mapping[str, Any]) -> dict[str, ErrorRate]:
    """The error rates a stored verdict quoted."""
    return {
        check["check"]: ErrorRate(**{**rate, "ci95": tuple(rate["ci95"])})
        for check in stored["checks"]
        if (rate := check["error_rate"])
    }


def facts_from_json(stored: Mapping[str, Any]) -> dict[str, float]:
    """What the caller of a stored verdict told; nothing in one that was written before rules."""
    return dict(stored.get("facts", {}))
