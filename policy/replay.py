"""What would another policy have decided? Stored scores are decided again, without media."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from veridical.catalogue import Trait, checks_with
from veridical.errors import InputError
from veridical.policy import Policy
from veridical.policy.decision import Decision, decide
from veridical.policy.verdict import (
    FORMAT,
    error_rates_from_json,
    facts_from_json,
    measurements_from_json,
    points_from_json,
)
from veridical.result import OperatingPoint

NO_POINTS: Mapping[str, OperatingPoint] = {}
SUMS = checks_with(Trait.SUM)
"""Made anew of what the others measured."""

__all__ = ["Change", "Replay", "compare_policies", "decide_stored", "replay", "stored_verdicts"]


@dataclass(frozen=True, slots=True)
class Change:
    """One verdict that ends differently.

    Attributes:
        transaction: Its id.
        before: Outcome as stored.
        after: Outcome under the other policy.
        cause: First cause under the other policy.
    """

    transaction: str
    before: str
    after: str
    cause: str | None


@dataclass(slots=True)
class Replay:
    """What another policy would change.

    Attributes:
        n: Verdicts decided again.
        outcomes: How many went from which outcome to which.
        changes: Those that end differently.
        unmeasured: How often a check that the policy requires had never been measured, by check.
    """

    n: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)
    unmeasured: Counter[str] = field(default_factory=Counter)


def stored_verdicts(lines: Iterable[str], where: str) -> Iterator[Mapping[str, Any]]:
    """Read verdicts stored as JSON Lines.

    Raises:
        InputError: A line is not a verdict; the message names it.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            stored = json.loads(line)
        except ValueError:
            stored = None
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            raise InputError(
                f"{where}, line {number}: wanted a verdict of format {FORMAT} as JSON",
                "usage.not_a_verdict",
            )
        yield stored


def decide_stored(
    verdict: Mapping[str, Any], policy: Policy, points: Mapping[str, OperatingPoint] = NO_POINTS
) -> tuple[Decision, set[str]]:
    """Decide one stored verdict again.

    Args:
        verdict: As `verdict_to_json` wrote it.
        policy: The policy to decide under.
        points: Operating points for checks that neither the policy nor the verdict gives.

    Returns:
        The decision, and the checks the policy requires that were never measured.
    """
    measurements = measurements_from_json(verdict)
    decision = decide(
        measurements,
        policy,
        {**points, **points_from_json(verdict)},
        attempt=verdict["attempt"],
        error_rates=error_rates_from_json(verdict),
        facts=facts_from_json(verdict),
    )
    wanted = {*policy.required, *policy.witnesses}
    return decision, wanted - {m.check for m in measurements} - SUMS


def replay(
    stored: Iterable[Mapping[str, Any]], policy: Policy, points: Mapping[str, OperatingPoint]
) -> Replay:
    """Decide stored verdicts again.

    Args:
        stored: Verdicts as `verdict_to_json` wrote them.
        policy: The policy to decide under.
        points: Operating points for checks that neither the policy nor the stored verdict gives.
    """
    result = Replay()
    for verdict in stored:
        decision, unmeasured = decide_stored(verdict, policy, points)
        result.n += 1
        result.outcomes[verdict["outcome"], str(decision.outcome)] += 1
        result.unmeasured.update(unmeasured)
        if verdict["outcome"] != decision.outcome:
            result.changes.append(
                Change(
                    verdict["transaction"],
                    verdict["outcome"],
                    str(decision.outcome),
                    decision.first_cause,
                )
            )
    return result


def compare_policies(old: Policy, new: Policy) -> list[str]:
    """What differs between two policies, one line each; empty when they ask the same."""
    lines = []
    for kind in ("required", "optional", "witnesses"):
        before, after = getattr(old, kind), getattr(new, kind)
        lines += [f"{kind}: - {check}" for check in before if check not in after]
        lines += [f"{kind}: + {check}" for check in after if check not in before]
        kept = [check for check in before if check in after]
        if kept != [check for check in after if check in before]:
            lines.append(f"{kind}: order of causes differs")
    for kind in ("attempts", "reviewers", "allow_specimens", "fail_fast", "pace", "moment"):
        before, after = getattr(old, kind), getattr(new, kind)
        if before != after:
            lines.append(f"{kind}: {before} -> {after}")
    if old.calibration != new.calibration:
        lines.append(f"calibration: {_listed(old)} -> {_listed(new)}")
    for check in sorted(old.operating_points.keys() | new.operating_points.keys()):
        a, b = old.operating_points.get(check), new.operating_points.get(check)
        pair = [f"{p.accept_at:g}/{p.reject_below:g}" if p else "card" for p in (a, b)]
        if pair[0] != pair[1]:
            lines.append(f"{check}: {pair[0]} -> {pair[1]}")
    lines += _compared("facts", dict.fromkeys(old.facts, ""), dict.fromkeys(new.facts, ""))
    lines += _compared(
        "constants",
        {name: f" = {value}" for name, value in old.constants.items()},
        {name: f" = {value}" for name, value in new.constants.items()},
    )
    lines += _compared(
        "velocity",
        {name: f" = {limit}" for name, limit in old.velocity.items()},
        {name: f" = {limit}" for name, limit in new.velocity.items()},
    )
    lines += _compared("rule", _told(old), _told(new))
    return lines


def _told(policy: Policy) -> dict[str, str]:
    """What each rule says, by its id."""
    return {
        rule.id: f": {rule.then} when {' '.join(rule.when.text.split())}"
        + (" (unknown: ignore)" if rule.ignore_unknown else "")
        for rule in policy.rules.rules
    }


def _compared(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What went, what came, and what came in the place of what, one line each."""
    lines = [f"{kind}: - {name}{old[name]}" for name in old if old[name] != new.get(name)]
    return lines + [f"{kind}: + {name}{new[name]}" for name in new if new[name] != old.get(name)]


def _listed(policy: Policy) -> str:
    return ", ".join(f"{check}={path}" for check, path in policy.calibration.items()) or "none"
