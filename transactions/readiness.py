"""Would this replica serve who came to it? Proven by doing what serving asks for."""

import threading
import time
from collections.abc import Callable

from veridical.errors import StoreError, VeridicalError
from veridical.store.probe import prove_database
from veridical.transactions.resources import Resources
from veridical.verification.signers import prove_signing

__all__ = ["Readiness"]

FRESH_S = 5.0
"""For so long an answer holds: whoever asks more often costs nothing."""


class Readiness:
    """Proves that keys, database, disk, signing key and what runs by itself are fit.

    Args:
        resources: What is proven.
        faults: Codes of what runs by itself and does not; empty while all of it does.
    """

    def __init__(self, resources: Resources, faults: Callable[[], list[str]]) -> None:
        self._resources = resources
        self._faults = faults
        self._lock = threading.Lock()
        self._proven_at = -FRESH_S
        self._failure: VeridicalError | None = None

    def require(self) -> None:
        """Prove it all, or quote what was proven seconds ago.

        Raises:
            VeridicalError: `store.key_unknown`, `store.tampered`: other keys than the database's;
                `store.full`, `store.busy`, ...: it takes no writes; `evidence.key`: evidence was
                signed by a key nobody here has; `service.housekeeping`: a thread died or hangs.
        """
        with self._lock:
            if time.monotonic() - self._proven_at >= FRESH_S:
                self._failure = self._failed()
                self._proven_at = time.monotonic()
            failure = self._failure
        if failure is not None:
            raise failure

    def _failed(self) -> VeridicalError | None:
        resources = self._resources
        try:
            prove_database(resources.database, resources.keys, resources.clock())
            prove_signing(resources.database, resources.signing)
        except VeridicalError as error:
            return error
        if faults := self._faults():
            return StoreError(
                f"what runs by itself has stopped: {', '.join(faults)}; restart this replica",
                "service.housekeeping",
            )
        return None
