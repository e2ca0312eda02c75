"""Have scores and reasons drifted? Verdicts are counted, compared with baselines, and told of."""

import json
import logging
import threading
import time
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from veridical.errors import InputError
from veridical.store import Connection, Database
from veridical.store.endpoints import webhook_urls
from veridical.store.histograms import (
    Key,
    StoredAlert,
    StoredBaseline,
    add_counts,
    clear_alert,
    counts_of,
    forget_counts,
    keep_alert,
    keep_baseline,
    raise_alert,
    raised_alerts,
)
from veridical.store.outbox import add_letter
from veridical.transactions.drift_views import (
    HOUR_MS,
    DriftState,
    alert_view,
    figures_of,
    key_view,
)
from veridical.transactions.resources import Resources, iso
from veridical.verification import Verdict
from veridical.verification.drift import DriftRules, Finding, Series, merged, observations
from veridical.wire import WEBHOOK_FORMAT

__all__ = ["DriftWatch", "freeze"]

log = logging.getLogger("veridical.service.drift")

INTERVAL_S = 30.0
"""Between two looks; a process that dies loses what it counted since the last."""


class DriftWatch:
    """Counts verdicts in memory, adds the counts to the database now and then, and compares.

    Any number of processes may: counts add up, and of several that see the same alert one raises
    it. Safe in many threads.

    Args:
        resources: Holds the counts, baselines and alerts.
        keep: For how long counts are kept; baselines stay.
        installation: Names the models of a profile.
    """

    def __init__(
        self, resources: Resources, keep: timedelta, installation: Callable[[str], str]
    ) -> None:
        self._resources = resources
        self._keep_ms = int(keep.total_seconds() * 1000)
        self._installation = installation
        self._rules = DriftRules.read()
        self._counts: dict[str, dict[tuple[Series, int], dict[str, int]]] = {}
        self._lock = threading.Lock()
        self._looked = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() - self._looked >= INTERVAL_S

    def observe(self, tenant: str, verdict: Verdict) -> None:
        """Count a verdict."""
        now = self._resources.clock()
        hour, installation = now - now % HOUR_MS, self._installation(verdict.profile)
        with self._lock:
            counts = self._counts.setdefault(tenant, {})
            for series, category in observations(verdict, installation, self._rules):
                tally = counts.setdefault((series, hour), {})
                tally[category] = tally.get(category, 0) + 1

    def flush(self) -> None:
        """Add what was counted to the database, and compare what it then holds.

        Raises:
            StoreError: The database cannot be written; nothing counted is lost by that.
        """
        self._looked = time.monotonic()
        with self._lock:
            counts, self._counts = self._counts, {}
        tenants = sorted(counts)
        for tenant in tenants:
            counted = counts[tenant]
            rows = {(_key(tenant, series), hour): c for (series, hour), c in counted.items()}
            try:
                with self._resources.database.writing() as connection:
                    add_counts(connection, tenant, rows)
            except BaseException:
                self._take_back(counts)
                raise
            del counts[tenant]
        for tenant in tenants:
            self._compare(tenant)
        self._tidy()

    def _take_back(self, counts: dict[str, dict[tuple[Series, int], dict[str, int]]]) -> None:
        with self._lock:
            for tenant, counted in counts.items():
                kept = self._counts.setdefault(tenant, {})
                for place, tally in counted.items():
                    kept[place] = merged((kept.get(place, {}), tally))

    def _compare(self, tenant: str) -> None:
        """Raise, keep and clear a tenant's alerts by what the database holds."""
        now = self._resources.clock()
        state = DriftState.read(self._resources.database, tenant, now, self._rules)
        findings: dict[tuple[Key, str, str], Finding] = {
            (key, finding.kind, finding.reason): finding
            for key in state.baselines
            if state.recent(key)
            for finding in state.findings(key)
        }
        raised = {(alert.key, alert.alert, alert.reason): alert for alert in state.alerts}
        high = [place for place, found in findings.items() if found.is_high]
        if not raised and not high:
            return
        with self._resources.database.writing() as connection:
            for place in high:
                if place not in raised:
                    self._raise(connection, place[0], findings[place], now)
            for place, alert in raised.items():
                finding = findings.get(place)
                # Without a finding too little was seen to say; without anything seen it is over.
                over = finding.is_low if finding else alert.key not in state.counts
                if over or state.is_superseded(alert):
                    self._clear(connection, alert, now)
                elif finding:
                    keep_alert(connection, alert, figures_of(finding), now)

    def _raise(self, connection: Connection, key: Key, finding: Finding, now: int) -> None:
        figures = figures_of(finding)
        if name := raise_alert(connection, key, finding.kind, finding.reason, figures, now):
            alert = StoredAlert(key, finding.kind, finding.reason, name, now, now, figures)
            self._tell(connection, alert, "raised", now)

    def _clear(self, connection: Connection, alert: StoredAlert, now: int) -> None:
        if clear_alert(connection, alert, now):
            self._tell(connection, alert, "cleared", now)

    def _tell(self, connection: Connection, alert: StoredAlert, state: str, now: int) -> None:
        cause = f"{alert.alert}:{alert.key.name}:{alert.reason}"
        log.warning(f"drift {state}", extra={"tenant": alert.key.tenant, "cause": cause})
        data = {**alert_view(alert), "state": state}
        body = {
            "format": WEBHOOK_FORMAT,
            "type": f"drift.{state}",
            "timestamp": iso(now),
            "data": data,
        }
        for url in webhook_urls(connection, alert.key.tenant, f"drift.{state}"):
            add_letter(connection, alert.key.tenant, url, json.dumps(body), now)

    def _tidy(self) -> None:
        """Delete counts that are kept long enough; clear alerts of which nothing is seen."""
        now = self._resources.clock()
        silent = now - self._rules.longest_h * HOUR_MS
        with self._resources.database.reading() as connection:
            forgotten = raised_alerts(connection, seen_before=silent)
        with self._resources.database.writing() as connection:
            forget_counts(connection, now - self._keep_ms)
            for alert in forgotten:
                self._clear(connection, alert, now)


def freeze(
    database: Database,
    tenant: str,
    since: int,
    until: int,
    now: int,
    checks: Collection[str] = (),
) -> dict[str, Any]:
    """Declare a period to be as it should: later hours are compared with it.

    Args:
        database: Holds the counts.
        tenant: Whose.
        since: ms since 1970; the first whole hour after it is the first.
        until: ms since 1970; the last whole hour before it is the last.
        now: ms since 1970; alerts that were raised before are over.
        checks: Only series of these names, or of qualities of these checks; all when empty.

    Returns:
        `frozen` and `too_few`: series with their observations.

    Raises:
        InputError: `drift.nothing`: nothing was counted in the period.
    """
    rules = DriftRules.read()
    first, last = -(-since // HOUR_MS) * HOUR_MS, until // HOUR_MS * HOUR_MS
    with database.writing() as connection:
        frozen: list[dict[str, Any]] = []
        too_few: list[dict[str, Any]] = []
        for key, hours in sorted(counts_of(connection, tenant, first, last).items()):
            if checks and not any(f"{key.name}.".startswith(f"{check}.") for check in checks):
                continue
            counts = merged(tally for _, tally in hours)
            n = sum(counts.values())
            view = {**key_view(key), "n": n}
            if n < rules.baseline_n:
                too_few.append(view)
                continue
            kept = StoredBaseline(key, first, last, now, counts)
            keep_baseline(connection, kept)
            frozen.append(view)
    if not frozen and not too_few:
        raise InputError(
            "nothing was counted in whole hours of this period; give another period or tenant",
            "drift.nothing",
        )
    return {"since": iso(first), "until": iso(last), "frozen": frozen, "too_few": too_few}


def _key(tenant: str, series: Series) -> Key:
    return Key(tenant, series.kind, series.name, series.line)
