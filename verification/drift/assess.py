"""One series against its baseline: what is to be told of it?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from veridical.verification.drift.rise import rise_of
from veridical.verification.drift.rules import DriftRules
from veridical.verification.drift.series import OUTCOMES, PASSED, Series, Tally
from veridical.verification.drift.shift import shift_of

__all__ = ["AlertKind", "Baseline", "Finding", "assess"]

AlertKind = Literal["shift", "rise", "duplicates"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an operator declared to be as it should.

    Attributes:
        series: Whose; its line says which models.
        tally: Counts over the period.
    """

    series: Series
    tally: Tally

    @property
    def n(self) -> int:
        """Observations behind it."""
        return sum(self.tally.values())


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison with a baseline.

    Attributes:
        kind: `shift` of a distribution, `rise` of a reason, `duplicates`: rise of near-duplicates.
        series: Whose.
        reason: Which one rose; empty for a shift.
        value: Stability index less its bias, or level of the CUSUM.
        raise_at: From where an alert is raised.
        clear_at: Below which it is cleared; between the two it stays as it is.
        n: Recent observations behind the value.
        baseline_n: Observations of the baseline.
        rate: Recent share of the reason; None for a shift.
        was: Its share in the baseline; None for a shift.
    """

    kind: AlertKind
    series: Series
    reason: str
    value: float
    raise_at: float
    clear_at: float
    n: int
    baseline_n: int
    rate: float | None = None
    was: float | None = None

    @property
    def is_high(self) -> bool:
        """Whether an alert is to be raised."""
        return self.value >= self.raise_at

    @property
    def is_low(self) -> bool:
        """Whether an alert that was raised is to be cleared."""
        return self.value < self.clear_at


def assess(baseline: Baseline, hours: Sequence[Tally], rules: DriftRules) -> list[Finding]:
    """Compare the recent hours of a series with its baseline.

    Args:
        baseline: Of the same series.
        hours: Counts of each hour after the baseline's period, the oldest first.
        rules: Operating points.

    Returns:
        Of scores and qualities the window that lies closest to an alert, or none while too little
        was seen; of reasons one finding each.
    """
    series = baseline.series
    if series.kind != "reason":
        bins = rules.scale(series.kind, series.name).bins
        shifts = shift_of(baseline.tally, hours, bins, rules.shift)
        found = [
            Finding(
                "shift", series, "", shift.psi, shift.raise_at, shift.clear_at, shift.n, baseline.n
            )
            for shift in shifts
        ]
        # A window that would not clear goes before one that would: all must agree to clear.
        return sorted(found, key=lambda f: (f.is_high, not f.is_low, f.value / f.raise_at))[-1:]
    seen = {reason for tally in (baseline.tally, *hours) for reason in tally}
    good = {PASSED} if series.name != OUTCOMES else {"accept"}
    findings = []
    for reason in sorted(seen - good):
        is_copy = reason in rules.duplicate_reasons
        rule = rules.duplicates if is_copy else rules.rise
        rise = rise_of(baseline.tally, hours, reason, rule)
        kind: AlertKind = "duplicates" if is_copy else "rise"
        findings.append(
            Finding(
                kind, series, reason, rise.level, rule.raise_at, rule.clear_at,
                rise.n, baseline.n, rise.rate, rise.was,
            )
        )  # fmt: skip
    return findings
