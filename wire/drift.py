"""What is told of drift?"""

from typing import Literal

from veridical.wire.base import Answer, Instant

__all__ = [
    "DriftAlert",
    "DriftBaseline",
    "DriftFinding",
    "DriftHour",
    "DriftOverview",
    "DriftSeries",
]

AlertKind = Literal["shift", "rise", "duplicates"]
SeriesKind = Literal["score", "quality", "reason"]


class DriftFinding(Answer):
    """One comparison with a baseline.

    Attributes:
        alert: `shift` of a distribution, `rise` of a reason, `duplicates`.
        reason: Which one rose; empty for a shift.
        value: Stability index less its bias, or level of the CUSUM.
        raise_at: From where an alert is raised.
        clear_at: Below which it is cleared.
        n: Recent observations behind the value.
        baseline_n: Observations of the baseline.
        rate: Recent share of the reason; not told of a shift.
        was: Its share in the baseline; not told of a shift.
    """

    alert: AlertKind
    reason: str
    value: float
    raise_at: float
    clear_at: float
    n: int
    baseline_n: int
    rate: float | None = None
    was: float | None = None


class DriftAlert(DriftFinding):
    """An alert that was raised or cleared.

    Attributes:
        id: Of the alert.
        kind: Of the series.
        name: Of the series.
        models: Which models the series is of.
        raised_at: When.
        state: `raised` or `cleared`.
    """

    id: str
    kind: SeriesKind
    name: str
    models: str
    raised_at: Instant
    state: Literal["raised", "cleared"]


class DriftBaseline(Answer):
    """With what a series is compared."""

    n: int
    since: Instant
    until: Instant
    frozen_at: Instant


class DriftHour(Answer):
    """How often each reason was given in one hour."""

    at: Instant
    counts: dict[str, int]


class DriftSeries(Answer):
    """One series of scores, qualities or reasons.

    Attributes:
        kind: Of what.
        name: Of the check.
        models: Which models it is of.
        n: Observations.
        baseline: Null when none was frozen.
        findings: Comparisons with it.
        hours: Of reasons.
        low: Of scores: where the first bin begins.
        high: Of scores: where the last bin ends.
        now: Of scores: counts by bin, lately.
        was: Of scores: counts by bin in the baseline; null without one.
    """

    kind: SeriesKind
    name: str
    models: str
    n: int
    baseline: DriftBaseline | None
    findings: tuple[DriftFinding, ...]
    hours: tuple[DriftHour, ...] | None = None
    low: float | None = None
    high: float | None = None
    now: tuple[int, ...] | None = None
    was: tuple[int, ...] | None = None


class DriftOverview(Answer):
    """How a tenant's scores and reasons stand against their baselines."""

    alerts: tuple[DriftAlert, ...]
    series: tuple[DriftSeries, ...]
