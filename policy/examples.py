"""What does a policy's author expect of it? Example transactions inside the policy file.

An example says how each check ended and what the outcome must be. It is about the policy and not
about any model: a check ends as the example says, unless the policy itself holds its thresholds.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from veridical.catalogue import Trait, checks_with
from veridical.catalogue.points import own_points
from veridical.policy.expressions import plain_value
from veridical.policy.rules import Refuse, within
from veridical.result import ErrorRate, EvidenceValue, Measurement, OperatingPoint, Outcome, Status

__all__ = ["Example", "parse_examples"]

MOST_EXAMPLES = 200
SUMS = checks_with(Trait.SUM)
_KEYS = frozenset({"name", "expect", "causes", "attempt", "facts", "checks"})
_CHECK_KEYS = frozenset({"status", "score", "margin", "reason", "evidence", "error_rate"})
UNIT_BAND = OperatingPoint(0.0, -1.0, "example")
"""Judges a check of which an example says the margin and the policy no thresholds."""
_ENDS: Mapping[Status, Callable[[float], OperatingPoint]] = {
    Status.PASS: lambda score: OperatingPoint(score, score, "example"),
    Status.REVIEW: lambda score: OperatingPoint(math.inf, score, "example"),
    Status.FAIL: lambda _: OperatingPoint(math.inf, math.inf, "example"),
}


@dataclass(frozen=True, slots=True)
class Example:
    """A transaction and how it must end.

    Attributes:
        name: What it shows.
        expect: The outcome.
        causes: Every cause, in order; None when the example leaves them open.
        measurements: One a check of the policy.
        points: How each check is judged where the policy gives no thresholds.
        error_rates: What scores mean, by check.
        attempt: Number of the attempt.
        facts: What the caller told.
    """

    name: str
    expect: Outcome
    causes: tuple[str, ...] | None
    measurements: tuple[Measurement, ...]
    points: Mapping[str, OperatingPoint]
    error_rates: Mapping[str, ErrorRate] = field(default_factory=dict)
    attempt: int = 1
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExampleReader:
    """Reads the examples of one policy.

    Attributes:
        checks: Those the policy runs.
        facts: Those it declares.
        points: Its own thresholds.
        genuine: How each check ends for an applicant with whom nothing is wrong: where every
            example begins.
    """

    checks: Sequence[str]
    facts: Sequence[str]
    points: Mapping[str, OperatingPoint]
    genuine: Mapping[str, Mapping[str, Any]]

    def read(self, entry: Any, refuse: Refuse) -> Example:  # noqa: ANN401
        """One example.

        Raises:
            InputError: `policy.malformed`.
        """
        if not isinstance(entry, dict):
            raise refuse("wanted a table")
        if unknown := sorted(entry.keys() - _KEYS):
            raise refuse(f"unknown keys {unknown}; known are {sorted(_KEYS)}")
        name, attempt = entry.get("name"), entry.get("attempt", 1)
        causes = entry.get("causes")
        if not isinstance(name, str) or not name:
            raise refuse("wants a name (text)")
        if not isinstance(attempt, int) or isinstance(attempt, bool) or attempt < 1:
            raise refuse(f"attempt must be a whole number from 1, got {attempt!r}")
        if causes is not None and (
            not isinstance(causes, list) or not all(isinstance(cause, str) for cause in causes)
        ):
            raise refuse("causes must be a list of texts such as face.match:not_mated")
        given = _tables(entry.get("checks", {}), self.checks, refuse)
        measurements, points, rates = [], {}, {}
        if summed := sorted(SUMS.intersection(given)):
            raise refuse(f"{summed} are added up: tell how the witnesses ended")
        for check in self.checks:
            if check in SUMS:
                points[check] = own_points()[check]
                continue
            told = _merged(self.genuine.get(check, {}), given.get(check, {}))
            measurement, point = self._measured(check, told, within(refuse, check))
            measurements.append(measurement)
            if point is not None:
                points[check] = point
            if (rate := told.get("error_rate")) is not None:
                rates[check] = ErrorRate("example", rate, (rate, rate), 1, "example")
        return Example(
            name,
            _outcome(entry.get("expect"), refuse),
            None if causes is None else tuple(causes),
            tuple(measurements),
            points,
            rates,
            attempt,
            self._facts(entry.get("facts", {}), refuse),
        )

    def _measured(
        self, check: str, told: Mapping[str, Any], refuse: Refuse
    ) -> tuple[Measurement, OperatingPoint | None]:
        """How a check ended, and the thresholds that make it so where the policy gives none."""
        own, score = self.points.get(check), told.get("score")
        margin, status = told.get("margin"), told.get("status")
        reason, evidence = told.get("reason", ""), told.get("evidence", {})
        if margin is not None:
            if score is not None or status is not None:
                raise refuse("wants a margin, or else a score or status")
            own = own or UNIT_BAND
            score = own.accept_at + margin * (own.accept_at - own.reject_below)
            return Measurement(check, score, reason, evidence), own
        if status is None:
            status = Status.PASS if own is None or score is None else own.status(score)
        if status is Status.NOT_ASSESSED:
            if score is not None:
                raise refuse("a check that is not assessed has no score")
            return Measurement(check, None, reason, evidence), None
        if score is None:
            if status is not Status.PASS:
                raise refuse(f"a check that ends in {status} wants its score")
            score = math.inf  # nothing speaks more for the applicant
        if own is not None and own.status(score) is not status:
            raise refuse(f"by the policy's own thresholds a score of {score:g} is no {status}")
        return Measurement(check, score, reason, evidence), _ENDS[status](score)

    def _facts(self, raw: object, refuse: Refuse) -> dict[str, float]:
        if not isinstance(raw, dict) or (raw.keys() - set(self.facts)):
            raise refuse(f"facts must be a table of {', '.join(self.facts) or 'none'}")
        return {name: _number(value, f"facts.{name}", refuse) for name, value in raw.items()}


def parse_examples(
    raw: object,
    genuine: object,
    checks: Sequence[str],
    facts: Sequence[str],
    points: Mapping[str, OperatingPoint],
    refuse: Refuse,
) -> tuple[Example, ...]:
    """Read the `[[examples]]` of a policy.

    Args:
        raw: As TOML gives them.
        genuine: The policy's `[genuine]`: tables as the `checks` of an example.
        checks: Those the policy runs.
        facts: Those it declares.
        points: Its own thresholds.
        refuse: Makes the error of what is wrong.

    Raises:
        InputError: `policy.malformed`.
    """
    if not isinstance(raw, list) or len(raw) > MOST_EXAMPLES:
        raise refuse(f"examples must be at most {MOST_EXAMPLES} tables [[examples]]")
    usual = _tables(genuine, checks, within(refuse, "genuine"))
    reader = ExampleReader(checks, facts, points, usual)
    return tuple(
        reader.read(entry, within(refuse, f"example {number}"))
        for number, entry in enumerate(raw, 1)
    )


def _outcome(value: object, refuse: Refuse) -> Outcome:
    try:
        return Outcome(str(value))
    except ValueError:
        raise refuse(f"expect must be one of {', '.join(Outcome)}, got {value!r}") from None


def _tables(raw: object, checks: Sequence[str], refuse: Refuse) -> dict[str, dict[str, Any]]:
    """How checks ended, by check."""
    if not isinstance(raw, dict):
        raise refuse("checks must be tables, one a check")
    if unknown := sorted(raw.keys() - set(checks)):
        raise refuse(f"checks names {unknown}, which the policy does not run")
    return {check: _told(entry, within(refuse, check)) for check, entry in raw.items()}


def _told(entry: Any, refuse: Refuse) -> dict[str, Any]:  # noqa: ANN401
    """How one check ended."""
    if not isinstance(entry, dict) or not entry.keys() <= _CHECK_KEYS:
        raise refuse(f"wanted a table of {', '.join(sorted(_CHECK_KEYS))}")
    told: dict[str, Any] = {}
    for key, value in entry.items():
        if key in ("score", "margin", "error_rate"):
            told[key] = _number(value, key, refuse)
        elif key == "evidence":
            told[key] = _evidence(value, refuse)
        elif not isinstance(value, str) or (key == "status" and value not in set(Status)):
            raise refuse(f"{key} must be a text, and a status one of {', '.join(Status)}")
        else:
            told[key] = Status(value) if key == "status" else value
    return told


def _merged(usual: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What an example says of a check goes before how it ends for a genuine applicant."""
    if told.get("status") is Status.NOT_ASSESSED:  # nothing that was measured is left
        return dict(told)
    # A margin says how a check ended in place of score and status.
    other = {"score", "status"} if "margin" in told else {"margin"}
    if not told.keys().isdisjoint({"score", "status", "margin"}):
        usual = {key: value for key, value in usual.items() if key not in other}
    return {
        **usual,
        **told,
        "evidence": {**usual.get("evidence", {}), **told.get("evidence", {})},
    }


def _number(value: object, what: str, refuse: Refuse) -> float:
    number = plain_value(value)
    if not isinstance(number, float) or math.isinf(number):
        raise refuse(f"{what} must be a finite number, got {value!r}")
    return number


def _evidence(value: object, refuse: Refuse) -> dict[str, EvidenceValue]:
    if not isinstance(value, dict) or any(plain_value(v) is None for v in value.values()):
        raise refuse("evidence must be a table of numbers, texts, true and false")
    return dict(value)
