"""Judging without a check: for figures and demonstrations alone, never for a verdict.

Our renderer's documents bear a specimen mark, in the picture and in the file, and every production
policy refuses them. Whether such a policy would accept their holder is seen by judging the same
measurements in memory as if the mark were absent. No file without it is ever made.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from veridical.policy import Policy
from veridical.policy.decision import Decision, decide
from veridical.result import CheckResult

__all__ = ["MARK", "judged_without_mark", "without"]

MARK = "document.specimen"


def without(policy: Policy, waived: Collection[str]) -> Policy:
    """A policy that asks less."""
    if not waived:
        return policy
    required, optional, witnesses = (
        tuple(check for check in checks if check not in waived)
        for checks in (policy.required, policy.optional, policy.witnesses)
    )
    return replace(policy, required=required, optional=optional, witnesses=witnesses)


def judged_without_mark(results: Iterable[CheckResult], policy: Policy) -> Decision:
    """How a policy would end if a document bore no specimen mark.

    Args:
        results: Of a verdict under that policy.
        policy: The policy.
    """
    kept = [result for result in results if result.check != MARK]
    points = {one.check: one.point for one in kept if one.point is not None}
    measured = [one.measurement for one in kept]
    return decide(measured, without(policy, {MARK}), points)
