"""How much of a room's CPU time goes to which network?"""

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from veridical.models import ModelStore
from veridical.models.session import OnnxSession

__all__ = ["TimedSession", "TimedStore"]


class TimedSession(OnnxSession):
    """A session that adds up the CPU time of its runs; for one thread.

    Args:
        session: What runs.

    Attributes:
        cpu_ms: CPU time since the last `take`, in this process.
    """

    def __init__(self, session: OnnxSession) -> None:
        self.__dict__.update(vars(session))
        self.cpu_ms = 0.0

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """Run the session, and add up its CPU time."""
        start = time.process_time()
        try:
            return super().run(feeds)
        finally:
            self.cpu_ms += (time.process_time() - start) * 1e3

    def take(self) -> float:
        """The CPU time so far; counting starts anew."""
        taken, self.cpu_ms = self.cpu_ms, 0.0
        return taken


class TimedStore(ModelStore):
    """Models whose every session is timed; see `ModelStore`."""

    def session(self, name: str) -> TimedSession:
        """The loaded model, the same at every call."""
        timed: dict[str, TimedSession] = self.__dict__.setdefault("_timed", {})
        if name not in timed:
            timed[name] = TimedSession(super().session(name))
        return timed[name]
