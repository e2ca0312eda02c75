"""How scores and reasons stand against their baselines, and how that is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from veridical.store import Database
from veridical.store.histograms import (
    Key,
    StoredAlert,
    StoredBaseline,
    baselines_of,
    counts_of,
    raised_alerts,
    tenants_counted,
)
from veridical.transactions.resources import iso
from veridical.verification.drift import Baseline, DriftRules, Finding, Series, assess, merged

__all__ = ["HOUR_MS", "DriftState", "alert_view", "figures_of", "key_view", "overview", "overviews"]

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class DriftState:
    """What the database holds of one tenant."""

    counts: Mapping[Key, list[tuple[int, dict[str, int]]]]
    baselines: Mapping[Key, StoredBaseline]
    alerts: list[StoredAlert]
    rules: DriftRules

    @classmethod
    def read(cls, database: Database, tenant: str, now: int, rules: DriftRules) -> "DriftState":
        """Read it.

        Raises:
            StoreError: The database cannot be read.
        """
        since = now - rules.longest_h * HOUR_MS
        with database.reading() as connection:
            return cls(
                counts_of(connection, tenant, since),
                baselines_of(connection, tenant),
                raised_alerts(connection, tenant),
                rules,
            )

    def recent(self, key: Key) -> list[tuple[int, dict[str, int]]]:
        """Hours of a series that its baseline does not hold."""
        baseline = self.baselines.get(key)
        hours = self.counts.get(key, [])
        return [h for h in hours if baseline is None or h[0] >= baseline.until]

    def is_superseded(self, alert: StoredAlert) -> bool:
        """Whether a newer baseline was frozen since an alert was raised."""
        baseline = self.baselines.get(alert.key)
        return baseline is not None and baseline.frozen_at > alert.raised_at

    def findings(self, key: Key) -> list[Finding]:
        """Comparisons of a series that has a baseline."""
        kept = self.baselines[key]
        baseline = Baseline(_series(key), kept.counts)
        return assess(baseline, [tally for _, tally in self.recent(key)], self.rules)


def overview(database: Database, tenant: str, now: int) -> dict[str, Any]:
    """How a tenant's scores and reasons stand: alerts, comparisons, and what to draw of them."""
    rules = DriftRules.read()
    state = DriftState.read(database, tenant, now, rules)
    keys = [key for key in sorted(state.counts.keys()) if state.recent(key)]
    return {
        "alerts": [
            {**alert_view(alert), "state": "raised"}
            for alert in state.alerts
            if not state.is_superseded(alert)
        ],
        "series": [_series_view(state, key, rules) for key in keys],
    }


def overviews(database: Database, now: int) -> dict[str, Any]:
    """How every tenant stands of whom something was counted lately, by its name."""
    since = now - DriftRules.read().longest_h * HOUR_MS
    with database.reading() as connection:
        tenants = tenants_counted(connection, since)
    return {tenant: overview(database, tenant, now) for tenant in tenants}


def _series_view(state: DriftState, key: Key, rules: DriftRules) -> dict[str, Any]:
    hours, baseline = state.recent(key), state.baselines.get(key)
    view: dict[str, Any] = {
        **key_view(key),
        "n": sum(sum(tally.values()) for _, tally in hours),
        "baseline": None,
        "findings": [],
    }
    if baseline is not None:
        view["baseline"] = {
            "n": sum(baseline.counts.values()),
            "since": iso(baseline.since),
            "until": iso(baseline.until),
            "frozen_at": iso(baseline.frozen_at),
        }
        view["findings"] = [
            {"alert": f.kind, "reason": f.reason, **figures_of(f)} for f in state.findings(key)
        ]
    if key.kind == "reason":
        view["hours"] = [{"at": iso(hour), "counts": tally} for hour, tally in hours]
    else:
        scale = rules.scale(_series(key).kind, key.name)
        # What is drawn is the window that the figures are of.
        enough = max([f["n"] for f in view["findings"]] or rules.shift.windows)
        now: dict[str, int] = {}
        for _, tally in reversed(hours):
            if sum(now.values()) < enough:
                now = merged((now, tally))
        view |= {
            "low": scale.low,
            "high": scale.high,
            "now": _bins(now, scale.bins),
            "was": _bins(baseline.counts, scale.bins) if baseline else None,
        }
    return view


def _bins(tally: Mapping[str, int], bins: int) -> list[int]:
    return [tally.get(str(place), 0) for place in range(bins)]


def figures_of(finding: Finding) -> dict[str, float]:
    """The numbers of a comparison, by their names on the wire."""
    figures = {
        "value": round(finding.value, 4),
        "raise_at": round(finding.raise_at, 4),
        "clear_at": round(finding.clear_at, 4),
        "n": finding.n,
        "baseline_n": finding.baseline_n,
    }
    if finding.rate is not None and finding.was is not None:
        figures |= {"rate": round(finding.rate, 5), "was": round(finding.was, 5)}
    return figures


def alert_view(alert: StoredAlert) -> dict[str, Any]:
    """One alert, as webhooks and the operator's page tell it."""
    return {
        "id": alert.id,
        "alert": alert.alert,
        **key_view(alert.key),
        "reason": alert.reason,
        "raised_at": iso(alert.raised_at),
        **alert.figures,
    }


def key_view(key: Key) -> dict[str, str]:
    """Which series."""
    return {"kind": key.kind, "name": key.name, "models": key.line}


def _series(key: Key) -> Series:
    for kind in ("score", "quality", "reason"):
        if key.kind == kind:
            return Series(kind, key.name, key.line)
    raise ValueError(f"no series of kind {key.kind}")
