"""What every route of the application works with."""

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from veridical.analysis.analysis import Executor
from veridical.errors import VeridicalError
from veridical.service.api.auth import Access
from veridical.service.api.metrics import Metrics
from veridical.transactions import (
    DriftWatch,
    ProblemError,
    RetentionJob,
    TransactionService,
    Worker,
)
from veridical.transactions.readiness import Readiness
from veridical.verification import Policy, Verifier
from veridical.verification.evidence import EvidenceLog
from veridical.verification.needs import NotFitError, summary_of

__all__ = ["Build", "Gate", "Loader", "Service", "ServiceDep", "SharedGate", "TransactionsDep"]

log = logging.getLogger("veridical.service")

Build = Callable[[], Verifier]


_LATELY_S = 10.0
"""Who asked within it has a share."""


def _at_capacity() -> ProblemError:
    return ProblemError(
        429, "service.at_capacity", "the service works at its capacity; try again", 2
    )


class Gate:
    """Lets a bounded number of verifications run; the rest are told when to come back.

    Work waiting in threads helps nobody: it only makes every answer late.

    Args:
        capacity: Verifications at once.
    """

    def __init__(self, capacity: int) -> None:
        self._free = threading.BoundedSemaphore(capacity)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Hold one place.

        Raises:
            ProblemError: `service.at_capacity`: none is free.
        """
        if not self._free.acquire(blocking=False):
            raise _at_capacity()
        try:
            yield
        finally:
            self._free.release()

    @property
    def full(self) -> bool:
        """Whether no place is free at this moment."""
        if self._free.acquire(blocking=False):
            self._free.release()
            return False
        return True

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """Hold one place, as soon as there is one."""
        with self._free:
            yield


class SharedGate:
    """As `Gate`, of which no tenant takes what others need.

    One that asks alone leaves a place for whoever comes next; several share the places evenly.

    Args:
        places: At once.
        clock: In seconds.
    """

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._clock = clock
        self._inside: Counter[str] = Counter()
        self._asked_at: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def entered(self, tenant: str) -> Iterator[None]:
        """Hold one place.

        Raises:
            ProblemError: `service.at_capacity`: none is free for this tenant.
        """
        with self._lock:
            now = self._clock()
            self._asked_at[tenant] = now
            self._asked_at = {t: at for t, at in self._asked_at.items() if now - at < _LATELY_S}
            count = len(self._asked_at)
            share = max(1, self._places - 1 if count == 1 else self._places // count)
            if self._inside.total() >= self._places or self._inside[tenant] >= share:
                raise _at_capacity()
            self._inside[tenant] += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside[tenant] -= 1
                self._inside += Counter()  # forgets those with none


class Loader:
    """Builds the verifier beside the event loop, so that probes answer from the first moment.

    Args:
        build: Builds it.
        metrics: Told what is missing.
    """

    def __init__(self, build: Build, metrics: Metrics | None = None) -> None:
        self._build = build
        self._metrics = metrics or Metrics()
        self.executor: Executor | None = None
        self.verifier: Verifier | None = None
        self.failure = ""

    def load(self) -> None:
        """Load the models and self-test them; remember why when that fails."""
        try:
            verifier = self._build()
            verifier.executor = self.executor
            self._metrics.lack(verifier.lacks)
            if verifier.lacks:
                log.warning("judging without what is missing: %s", summary_of(verifier.lacks))
            self.verifier = verifier
        except NotFitError as error:
            self.failure = error.code
            self._metrics.lack(error.lacks)
            log.error("not ready: %s %s", error.code, error)
        except VeridicalError as error:
            self.failure = error.code
            log.error("not ready: %s %s", error.code, error)
        except Exception:
            # Left alone, the thread would end and the probe say forever that models are loading.
            self.failure = "internal.error"
            log.exception("not ready: an unforeseen error")

    def fit(self, policy: Policy) -> None:
        """Refuse a policy that could never accept here; until the models are loaded, none is.

        Raises:
            ProblemError: `policy.not_fit`: it requires a check that lacks its model.
        """
        try:
            if self.verifier is not None:
                self.verifier.require(policy)
        except NotFitError as error:
            raise ProblemError(409, "policy.not_fit", f"{summary_of(error.lacks)}") from error

    def get(self) -> Verifier:
        """The verifier.

        Raises:
            ProblemError: `service.not_ready`: it is loading, or could not be loaded.
        """
        if self.verifier is None:
            why = "models are being loaded"
            if self.failure:
                why = f"models could not be loaded ({self.failure}); see the server's log"
            raise ProblemError(503, "service.not_ready", why, 5)
        return self.verifier


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of one running service.

    Attributes:
        loader: Gives the verifier.
        gate: Bounds verifications at once.
        guidance: Bounds looks at pictures for guidance at once.
        access: Tells callers.
        metrics: Counts.
        evidence: File of records beside the database's; None without.
        transactions: The transactions; None for a service without a database.
        worker: Judges them; None likewise.
        readiness: Proves that it can serve; None likewise.
        retention: Expires and erases; None likewise.
        drift: Counts verdicts; None likewise, and where counts are not to be kept.
    """

    loader: Loader
    gate: Gate
    guidance: SharedGate
    access: Access
    metrics: Metrics
    evidence: EvidenceLog | None = None
    transactions: TransactionService | None = None
    worker: Worker | None = None
    drift: DriftWatch | None = None
    readiness: Readiness | None = None
    retention: RetentionJob | None = None


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


ServiceDep = Annotated[Service, Depends(_service)]


def _transactions(service: ServiceDep) -> TransactionService:
    if service.transactions is None:
        raise ProblemError(404, "request.not_found", "this service runs without a database")
    return service.transactions


TransactionsDep = Annotated[TransactionService, Depends(_transactions)]
