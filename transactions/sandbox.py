"""Scripted ends for integrators' tests: no model runs, and every word says that it is a sandbox."""

from collections.abc import Mapping
from dataclasses import replace

from veridical.policy.verdict import verdict_of
from veridical.result import Measurement, OperatingPoint
from veridical.verification import CHECKS, Policy, Verdict, decide, reasons

__all__ = [
    "BACK_OFF",
    "PREFIX",
    "SANDBOX",
    "is_scripted",
    "late_ms_of",
    "lifetime_ms_of",
    "scripted_verdict",
    "wait_ms_of",
]

PREFIX = "sandbox:"
SANDBOX = "sandbox"
"""Profile and stamp of every scripted verdict; no real one bears the stamp unless asked for by a
sandbox key."""

_SLOW_MS = 5_000
_EXPIRE_MS = 1_000
_LATE_MS = 30_000
BACK_OFF = f"{PREFIX}back-off"
"""Asks for what a subject is told who failed too often: nobody in a sandbox ever is."""
_REASON = "reason:"
DOCUMENT: Mapping[str, Mapping[str, str | float]] = {
    "name": {"value": "SPECIMEN ANNA", "score": 1.0, "source": SANDBOX},
    "number": {"value": "L898902C3", "score": 1.0, "source": SANDBOX},
    "birth": {"value": "1974-08-12", "score": 1.0, "source": SANDBOX},
    "sex": {"value": "F", "score": 1.0, "source": SANDBOX},
}
"""What a scripted verdict says was read: the holder of ICAO's specimen."""
_POINT = OperatingPoint(0.5, 0.25, SANDBOX)
_TOLD = {"revealed": "stepwise"}
"""Evidence of a scripted check: a sum of witnesses asks how colours were told."""
_SCRIPTS: Mapping[str, tuple[float | None, str]] = {
    "accept": (1.0, ""),
    "slow": (1.0, ""),
    "late-webhook": (1.0, ""),
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
    if word.startswith(_REASON) and word.removeprefix(_REASON) in reasons():
        return word
    return word if word in _SCRIPTS or word == "unreadable" else "accept"


def wait_ms_of(subject_ref: str) -> int:
    """For how long a magic reference has its transaction wait for its verdict."""
    return _SLOW_MS if script_of(subject_ref) == "slow" else 0


def lifetime_ms_of(subject_ref: str) -> int:
    """After how long a magic reference has its transaction expire; 0 for as any other."""
    return _EXPIRE_MS if subject_ref == f"{PREFIX}expire" else 0


def late_ms_of(subject_ref: str) -> int:
    """How much later a magic reference has its webhooks sent."""
    return _LATE_MS if script_of(subject_ref) == "late-webhook" else 0


def _measured(script: str, policy: Policy) -> tuple[str, float | None, str]:
    """Which check answers what, so that a verdict ends as it should."""
    first = policy.required[0] if policy.required else ""
    if not script.startswith(_REASON):
        return (first, *_SCRIPTS.get(script, (1.0, "")))
    code = script.removeprefix(_REASON)
    homes = (
        check
        for check in policy.required
        if code in {*(reason.code for reason in CHECKS[check].reasons), *CHECKS[check].shares}
    )
    return next(homes, first), None if reasons()[code].mendable else 0.0, code


def scripted_verdict(transaction: str, subject_ref: str, policy: Policy, attempt: int) -> Verdict:
    """The end a magic reference asks for, decided by the policy from scripted scores."""
    told, score, reason = _measured(script_of(subject_ref), policy)
    measurements = [
        Measurement(check, score, reason) if check == told else Measurement(check, 1.0, "", _TOLD)
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
        document=DOCUMENT,
    )
    return replace(verdict, stamps=(SANDBOX,))
