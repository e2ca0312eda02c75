"""Figures for the operator, in the format of Prometheus."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from veridical.verification import Verdict
from veridical.verification.needs import Lack

__all__ = ["Metrics"]

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 60.0)


class Metrics:
    """What one process counts; names and labels hold nothing personal."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "veridical_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._request_s = Histogram(
            "veridical_request_seconds",
            "Time to answer a request.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._verdicts = Counter(
            "veridical_verdicts",
            "Verdicts by outcome.",
            ("policy", "outcome"),
            registry=self._registry,
        )
        self._check_s = Histogram(
            "veridical_check_seconds",
            "Time a check took beside the shared analysis.",
            ("check",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._stage_s = Histogram(
            "veridical_stage_seconds",
            "Time a stage of the shared analysis took.",
            ("stage",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.waiting = Gauge(
            "veridical_queue_transactions",
            "Transactions that wait for a verdict or are being judged, over all replicas.",
            registry=self._registry,
        )
        self.webhooks = Gauge(
            "veridical_webhooks",
            "Webhooks not delivered, over all replicas.",
            ("state",),
            registry=self._registry,
        )

        self.drift = Gauge(
            "veridical_drift_alerts",
            "Alerts of drift that are raised, over all replicas and tenants.",
            ("alert", "series"),
            registry=self._registry,
        )
        self.unwatched = Gauge(
            "veridical_drift_unwatched_series",
            "Series counted in the last day that have no baseline, over all replicas and tenants.",
            registry=self._registry,
        )

        self.failing_rows = Gauge(
            "veridical_failing_rows",
            "Transactions that this process could not expire or erase; tried again every 10 min.",
            registry=self._registry,
        )

        self._lacking = Gauge(
            "veridical_lacking",
            "Checks of policies in force that lack a model or an operating point: 1 each.",
            ("policy", "check", "model", "required"),
            registry=self._registry,
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
        self._verdicts.labels(str(verdict.policy["id"]), str(verdict.outcome)).inc()
        for result in verdict.results:
            self._check_s.labels(result.check).observe(result.measurement.elapsed_ms / 1000)
        for stage, elapsed_ms in verdict.timings_ms.items():
            self._stage_s.labels(stage).observe(elapsed_ms / 1000)

    def text(self) -> bytes:
        """All figures."""
        return generate_latest(self._registry)
