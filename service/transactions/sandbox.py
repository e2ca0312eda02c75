"""Scripted ends for integrators' tests: no model runs, and every word says that it is a sandbox."""

import time
from collections.abc import Mapping
from dataclasses import replace

from veridical.result import Measurement, OperatingPoint
from veridical.verification import Policy, Verdict, decide
from veridical.verification.verdict import verdict_of

__all__ = ["PREFIX", "SANDBOX", "is_scripted", "scripted_verdict"]

PREFIX = "sandbox:"
SANDBOX = "sandbox"
"""Profile and stamp of every scripted verdict; no real one bears the stamp unless asked for by a
sandbox key."""

_SLOW_S = 5.0
_POINT = OperatingPoint(0.5, 0.25, SANDBOX)
_TOLD = {"revealed": "stepwise"}
"""Evidence of a scripted check: a sum of witnesses asks how colours were told."""
_SCRIPTS: Mapping[str, tuple[float | None, str]] = {
    "accept": (1.0, ""),
    "slow": (1.0, ""),
    "review": (0.3, "low_score"),
    "reject": (0.0, "low_score"),
    "retry": (None, "no_face"),
}


def is_scripted(subject_ref: str | None, *, sandbox: bool) -> bool:
    """Whether a transaction's end is scripted: only sandbox keys, only by a magic reference."""
    return sandbox and (subject_ref or "").startswith(PREFIX)


def script_of(subject_ref: str) -> str:
    """What a magic reference asks for; `accept` for an unknown word."""
    word = subject_ref.removeprefix(PREFIX)
    return word if word in _SCRIPTS or word == "unreadable" else "accept"


def scripted_verdict(transaction: str, subject_ref: str, policy: Policy, attempt: int) -> Verdict:
    """The end a magic reference asks for, decided by the policy from scripted scores."""
    script = script_of(subject_ref)
    if script == "slow":
        time.sleep(_SLOW_S)
    score, reason = _SCRIPTS.get(script, (1.0, ""))
    first = policy.required[0] if policy.required else ""
    measurements = [
        Measurement(check, score, reason) if check == first else Measurement(check, 1.0, "", _TOLD)
        for check in policy.checks
    ]
    points = dict.fromkeys(policy.checks, _POINT)
    own = Policy(
        policy.id,
        policy.version,
        policy.sha256,
        policy.required,
        policy.optional,
        policy.attempts,
        witnesses=policy.witnesses,
    )
    decision = decide(measurements, own, points, attempt=attempt)
    verdict = verdict_of(
        decision,
        own,
        transaction=transaction,
        attempt=attempt,
        profile=SANDBOX,
        assurance=(),
        facts={},
        timings_ms={},
    )
    return replace(verdict, stamps=(SANDBOX,))
