"""Figures in the format of Prometheus: of the whole process for the operator, of each tenant."""

import threading
from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    Summary,
    generate_latest,
)

import veridical
from veridical.verification import Verdict, shipped_policies
from veridical.verification.needs import Lack

__all__ = ["Figures", "Metrics"]

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 60.0)


class Figures:
    """What was counted of one tenant, or of all; labels are of closed sets, and name nobody.

    Args:
        buckets: Whether times are kept as histograms; their sums alone take a tenth of the room.
    """

    def __init__(self, *, buckets: bool) -> None:
        self.registry = registry = CollectorRegistry()

        def times(name: str, text: str, labels: tuple[str, ...]) -> Histogram | Summary:
            if buckets:
                return Histogram(name, text, labels, buckets=_SECONDS, registry=registry)
            return Summary(name, text, labels, registry=registry)

        self._requests = Counter(
            "veridical_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._request_s = times(
            "veridical_request_seconds", "Time to answer a request.", ("method", "route")
        )
        self._verdicts = Counter(
            "veridical_verdicts", "Verdicts by outcome.", ("policy", "outcome"), registry=registry
        )
        self._check_s = times(
            "veridical_check_seconds", "Time a check took beside the shared analysis.", ("check",)
        )
        self._stage_s = times(
            "veridical_stage_seconds", "Time a stage of the shared analysis took.", ("stage",)
        )
        self.waiting = Gauge(
            "veridical_queue_transactions",
            "Transactions that wait for a verdict or are being judged, over all replicas.",
            registry=registry,
        )
        self.oldest = Gauge(
            "veridical_queue_oldest_seconds",
            "For how long the transaction has waited for a place that waits longest, over all "
            "replicas: scale by this.",
            registry=registry,
        )
        self.webhooks = Gauge(
            "veridical_webhooks",
            "Webhooks not delivered, over all replicas.",
            ("state",),
            registry=registry,
        )
        self.drift = Gauge(
            "veridical_drift_alerts",
            "Alerts of drift that are raised, over all replicas.",
            ("alert", "series"),
            registry=registry,
        )
        self.unwatched = Gauge(
            "veridical_drift_unwatched_series",
            "Series counted in the last day that have no baseline, over all replicas.",
            registry=registry,
        )

        self.failing_rows = Gauge(
            "veridical_failing_rows",
            "Transactions that this process could not expire or erase; tried again every 10 min.",
            registry=registry,
        )

        self._lacking = Gauge(
            "veridical_lacking",
            "Checks of policies in force that lack a model or an operating point: 1 each.",
            ("policy", "check", "model", "required"),
            registry=registry,
        )

    def lack(self, lacks: Iterable[Lack]) -> None:
        """Note what policies in force need and the installation does not have."""
        self._lacking.clear()
        for lack in lacks:
            required = "yes" if lack.required else "no"
            self._lacking.labels(lack.policy, lack.check, lack.model, required).set(1)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note an answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_s.labels(method, route).observe(seconds)

    def judged(self, verdict: Verdict) -> None:
        """Note a verdict."""
        # A tenant may store any number of policies, under any name.
        name = str(verdict.policy["id"])
        policy = name if name in shipped_policies() else "own"
        self._verdicts.labels(policy, str(verdict.outcome)).inc()
        for result in verdict.results:
            self._check_s.labels(result.check).observe(result.measurement.elapsed_ms / 1000)
        for stage, elapsed_ms in verdict.timings_ms.items():
            self._stage_s.labels(stage).observe(elapsed_ms / 1000)

    def text(self) -> bytes:
        """All figures."""
        return generate_latest(self.registry)


class Running:
    """What is counted of the process itself, for the operator.

    Args:
        registry: Takes the series.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        build = Gauge(
            "veridical_build_info", "1, of this release.", ("version",), registry=registry
        )
        build.labels(veridical.__version__).set(1)
        self.lost_leases = Counter(
            "veridical_lost_leases",
            "Verdicts that came to nothing because another replica had taken the transaction up.",
            registry=registry,
        )
        self.late = Gauge(
            "veridical_retention_lag_seconds",
            "For how long the transaction is overdue to be expired or erased that is overdue "
            "longest, over all replicas.",
            registry=registry,
        )
        self._database_s = Histogram(
            "veridical_database_seconds",
            "Time of a database transaction, the wait for a connection and what is done within "
            "included.",
            ("kind",),
            buckets=_SECONDS,
            registry=registry,
        )

    def database(self, kind: str, seconds: float) -> None:
        """Note a database transaction."""
        self._database_s.labels(kind).observe(seconds)


class Metrics:
    """What one process counts."""

    def __init__(self) -> None:
        self.whole = Figures(buckets=True)
        self.running = Running(self.whole.registry)
        self._tenants: dict[str, Figures] = {}
        self._lock = threading.Lock()

    def of(self, tenant: str) -> Figures:
        """The figures of a tenant that exists."""
        with self._lock:
            found = self._tenants.get(tenant)
            if found is None:
                found = self._tenants[tenant] = Figures(buckets=False)
        return found

    def lack(self, lacks: Iterable[Lack]) -> None:
        """Note what policies in force need and the installation does not have."""
        self.whole.lack(lacks)

    def answered(self, tenant: str, method: str, route: str, status: int, seconds: float) -> None:
        """Note an answer; to nobody known when the tenant is empty."""
        self.whole.answered(method, route, status, seconds)
        if tenant:
            self.of(tenant).answered(method, route, status, seconds)

    def judged(self, tenant: str, verdict: Verdict) -> None:
        """Note a verdict."""
        self.whole.judged(verdict)
        self.of(tenant).judged(verdict)

    def lost_lease(self) -> None:
        """Note that somebody else finished what was being judged here."""
        self.running.lost_leases.inc()
