"""How long does a test wait for what must come? A busy machine is slow, a broken one never ends."""

import time
from collections.abc import Callable

__all__ = ["PATIENCE_S", "eventually"]

PATIENCE_S = 300.0


def eventually(has_come: Callable[[], object], what: str = "what was waited for") -> None:
    """Ask again and again until it is true.

    Raises:
        AssertionError: It is not in five minutes.
    """
    last = time.monotonic() + PATIENCE_S
    while not has_come():
        if time.monotonic() > last:
            raise AssertionError(f"{what} did not come in {PATIENCE_S:.0f} s")
        time.sleep(0.01)
