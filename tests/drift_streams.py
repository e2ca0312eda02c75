"""Verdicts and hours of counts for tests of drift, by seed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from veridical.result import CheckResult, Measurement, ModelRef, OperatingPoint, Outcome, Status
from veridical.verification import Verdict
from veridical.verification.drift import DriftRules

__all__ = ["MODEL", "hours_of", "scores", "verdict"]

MODEL = ModelRef("sface-2021dec", "ab" * 32)
_POINT = OperatingPoint(0.46, 0.36)


def scores(n: int, seed: int, shift: float = 0.0) -> list[float]:
    """Normal scores about 0.6 with a standard deviation of 0.1."""
    return [float(x) for x in np.random.default_rng(seed).normal(0.6 + shift, 0.1, n)]


def hours_of(
    values: Sequence[float], an_hour: int = 250, check: str = "face.match"
) -> list[Mapping[str, int]]:
    """Counts by bin, hour by hour."""
    scale = DriftRules.read().scale("score", check)
    bins = [str(scale.bin_of(value)) for value in values]
    return [Counter(bins[at : at + an_hour]) for at in range(0, len(bins), an_hour)]


def verdict(
    score: float | None = 0.7,
    reason: str = "",
    model: ModelRef = MODEL,
    outcome: Outcome = Outcome.ACCEPT,
    evidence: Mapping[str, float] | None = None,
    check: str = "face.match",
) -> Verdict:
    """A verdict of one check."""
    measurement = Measurement(check, score, reason, evidence or {}, (model,) if score else ())
    result = CheckResult(measurement, Status.FAIL if reason else Status.PASS, _POINT, reason)
    return Verdict(
        transaction="t_1",
        outcome=outcome,
        first_cause=None,
        causes=(),
        results=(result,),
        policy={"id": "selfie", "version": 1, "sha256": ""},
        profile="registry",
        assurance=(),
        stamps=(),
        attempt=1,
        retries_left=0,
        decided_at=datetime(2026, 11, 22, tzinfo=UTC),
        document={"name": {"value": "canary-4711"}},
    )
