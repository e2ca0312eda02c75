"""From measurements to one verdict: the only place that judges.

Needs no media and no models, so that stored scores can be decided again under another policy.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from veridical.catalogue import CHECKS, Trait, checks_with
from veridical.catalogue.reasons import is_mendable
from veridical.policy import Policy
from veridical.policy.present import PRESENT, add_up
from veridical.policy.rules import RuleResult
from veridical.result import CheckResult, ErrorRate, Measurement, OperatingPoint, Outcome, Status

__all__ = ["Decision", "decide", "judge"]

NOT_RUN = "not_run"
NOT_ASKED = "not_asked"
NO_OPERATING_POINT = "no_operating_point"
EMPTY_POLICY = "policy:empty"
DRAWN = frozenset(n for n, spec in CHECKS.items() if spec.prompt in {"colours", "turns"})
"""Checks of what was drawn for one recording and is answered without a sound."""
SUMS = checks_with(Trait.SUM)


@dataclass(frozen=True, slots=True)
class Decision:
    """The end of one attempt, with all that led to it.

    Attributes:
        outcome: accept, review, retry or reject.
        first_cause: `check:reason` of the first check, in the order of the policy, that brought
            the outcome about, or `rule:id` of the first rule; None on an accept.
        causes: Every check that did not pass and bore on the outcome, in the same order, then
            every rule.
        results: Every check, the policy's first and in its order, then those only measured.
        rules: The rules among the causes.
    """

    outcome: Outcome
    first_cause: str | None
    causes: tuple[str, ...]
    results: tuple[CheckResult, ...]
    rules: tuple[RuleResult, ...] = ()


def decide(
    measurements: Iterable[Measurement],
    policy: Policy,
    points: Mapping[str, OperatingPoint],
    *,
    attempt: int = 1,
    error_rates: Mapping[str, ErrorRate] | None = None,
    facts: Mapping[str, float] | None = None,
) -> Decision:
    """Judge measurements under a policy; nothing but a pass of every required check accepts.

    A required check that fails rejects. One that ends in review, or could not be assessed, leads
    to retry when its reason is one the applicant can mend and attempts remain, else to review. An
    optional check that fails or ends in review lowers an accept to review and never does more. A
    rule that asks for review does as much; one that asks for reject rejects. A rule never takes a
    retry away for a review: what it stumbled over is often the poor capture that is made anew. An
    empty policy accepts nobody.

    `capture.present` is made here, of what its witnesses measured: stored measurements can be added
    up again under another policy. Where a policy merely prefers the moment and nothing drawn for
    the recording could be assessed step by step, each other witness is required in its place.

    Args:
        measurements: At most one a check; of two, the first counts.
        policy: What is asked.
        points: Operating points of checks the policy gives none for (cards, calibration files).
        attempt: Number of this attempt within its transaction, from 1.
        error_rates: What each check's score means, where a calibration knows.
        facts: What the caller told of the transaction, for the rules.

    Returns:
        The decision; the same arguments always give the same one.
    """
    measured: dict[str, Measurement] = {}
    for measurement in measurements:
        measured.setdefault(measurement.check, measurement)
    merged = {**points, **policy.operating_points}
    rates = error_rates or {}
    results = {
        check: judge(
            measured.get(check, Measurement(check, None, NOT_RUN)),
            merged.get(check),
            rates.get(check),
        )
        for check in dict.fromkeys([*policy.checks, *measured])
        if check not in SUMS
    }
    asked = policy.required
    for name, sum_ in summed(measured, policy, points):
        results[name] = sum_
        moment = sum_.measurement.evidence["moment"]
        if policy.moment == "preferred" and moment != "stepwise":
            others = [check for check in policy.witnesses if check not in DRAWN]
            asked = tuple(
                dict.fromkeys(c for one in asked for c in (others if one == PRESENT else [one]))
            )
        order = [check for check in policy.checks if check in results]
        results = {check: results[check] for check in dict.fromkeys([*order, *results])}

    # A script without a question cannot have an answer: such a check is not required of it.
    required = [results[check] for check in asked if results[check].reason != NOT_ASKED]
    failed = [r for r in required if r.status is Status.FAIL]
    open_ = [r for r in required if r.status in (Status.REVIEW, Status.NOT_ASSESSED)]
    doubtful = [
        results[check]
        for check in policy.optional
        if results[check].status in (Status.FAIL, Status.REVIEW)
    ]
    rules = policy.rules.apply(results, attempt, facts or {})
    rejecting = [rule for rule in rules if rule.asks is Outcome.REJECT]
    if failed:
        outcome, first = Outcome.REJECT, _cause(failed[0])
    elif rejecting:
        outcome, first = Outcome.REJECT, rejecting[0].cause
    elif open_:
        mendable = attempt < policy.attempts and all(is_mendable(r.reason) for r in open_)
        outcome, first = (Outcome.RETRY if mendable else Outcome.REVIEW), _cause(open_[0])
    elif doubtful:
        outcome, first = Outcome.REVIEW, _cause(doubtful[0])
    elif rules:
        outcome, first = Outcome.REVIEW, rules[0].cause
    elif required:
        outcome, first = Outcome.ACCEPT, None
    else:
        outcome, first = Outcome.REVIEW, EMPTY_POLICY
    bearing = [r for r in required if r.status is not Status.PASS] + doubtful
    causes = (*map(_cause, bearing), *(rule.cause for rule in rules))
    return Decision(outcome, first, causes, tuple(results.values()), rules)


def summed(
    measured: Mapping[str, Measurement], policy: Policy, points: Mapping[str, OperatingPoint]
) -> Iterator[tuple[str, CheckResult]]:
    """What a policy's witnesses add up to; nothing for a policy without.

    Each says what its own point makes of its score, not what the policy makes of it: its worth was
    measured at that.

    Args:
        measured: By check.
        policy: Names the witnesses.
        points: Operating points that are not the policy's.
    """
    if PRESENT not in policy.checks:
        return
    given = policy.operating_points
    own = {
        check: judge(
            measured.get(check, Measurement(check, None, NOT_RUN)),
            points.get(check, given.get(check)),
        )
        for check in policy.witnesses
    }
    added = add_up(own, policy.witnesses)
    yield PRESENT, judge(added.measurement(), {**points, **given}.get(PRESENT))


def judge(
    measurement: Measurement, point: OperatingPoint | None, rate: ErrorRate | None = None
) -> CheckResult:
    """Judge one measurement by one operating point.

    Args:
        measurement: What was measured; without a score it stays not assessed.
        point: The thresholds; without them a score is for a person to look at.
        rate: What the score means, where a calibration knows.
    """
    if measurement.score is None or not measurement.assessed:
        return CheckResult(measurement, Status.NOT_ASSESSED, point, measurement.reason or NOT_RUN)
    if point is None:
        # A score nobody has set thresholds for can be shown to a person, not judged.
        return CheckResult(measurement, Status.REVIEW, None, NO_OPERATING_POINT, rate)
    status = point.status(measurement.score)
    reason = "" if status is Status.PASS else measurement.reason or "low_score"
    return CheckResult(measurement, status, point, reason, rate)


def _cause(result: CheckResult) -> str:
    return f"{result.check}:{result.reason}"
