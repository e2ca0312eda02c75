"""Is a service worth asking at the moment? After some failures it is left alone for a while."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

__all__ = ["Breaker"]

FAILURES = 5
PAUSE_S = 30.0


class Breaker:
    """A circuit breaker: closed, open after failures in a row, then half-open for one question.

    While it is open nobody waits for a service that does not answer, and the service is left in
    peace to recover. Safe in many threads.

    Source: M. Nygard, "Release It!", 2nd edition, section 5.2.

    Args:
        failures: In a row, after which it opens.
        pause_s: For which it stays open.
        clock: Seconds that only rise.
    """

    def __init__(
        self,
        failures: int = FAILURES,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = failures
        self._pause_s = pause_s
        self._clock = clock
        self._failed = 0
        self._opened_at: float | None = None
        self._trying = False
        self._lock = threading.Lock()

    @property
    def state(self) -> Literal["closed", "open", "half_open"]:
        """How it stands."""
        with self._lock:
            return self._state()

    def _state(self) -> Literal["closed", "open", "half_open"]:
        if self._opened_at is None:
            return "closed"
        return "open" if self._clock() - self._opened_at < self._pause_s else "half_open"

    @contextmanager
    def guarding(self, refusal: Callable[[], Exception]) -> Iterator[None]:
        """Let one question through, and learn from how it ends.

        Args:
            refusal: Made and raised where the service is not to be asked.
        """
        with self._lock:
            state = self._state()
            if state == "open" or (state == "half_open" and self._trying):
                raise refusal()
            trial = state == "half_open"
            self._trying |= trial
        try:
            yield
        except BaseException:
            with self._lock:
                self._failed += 1
                if trial or self._failed >= self._most:
                    self._opened_at = self._clock()
                self._trying &= not trial
            raise
        with self._lock:
            self._failed, self._opened_at = 0, None
            self._trying &= not trial
