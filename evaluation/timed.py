"""How much of a room's CPU time goes to which network?"""

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from veridical.models import Session
from veridical.result import ModelRef

__all__ = ["TimedSession"]


class TimedSession:
    """A session that adds up the CPU time of its runs; for one thread.

    Attributes:
        cpu_ms: CPU time since the last `take`, in this process.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.cpu_ms = 0.0

    @property
    def ref(self) -> ModelRef:
        """As the session within."""
        return self._session.ref

    @property
    def metadata(self) -> Mapping[str, str]:
        """As the session within."""
        return self._session.metadata

    @property
    def inputs(self) -> Mapping[str, tuple[int | str | None, ...]]:
        """As the session within."""
        return self._session.inputs

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """Run the session within, and add up its CPU time."""
        start = time.process_time()
        try:
            return self._session.run(feeds)
        finally:
            self.cpu_ms += (time.process_time() - start) * 1e3

    def take(self) -> float:
        """The CPU time so far; counting starts anew."""
        taken, self.cpu_ms = self.cpu_ms, 0.0
        return taken
