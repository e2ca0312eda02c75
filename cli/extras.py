"""What only some installations have."""

from collections.abc import Iterator
from contextlib import contextmanager

from veridical.errors import VeridicalError

__all__ = ["needed"]


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """Say which extra to install when an import of this block fails.

    Raises:
        VeridicalError: `environment.extra`.
    """
    try:
        yield
    except ImportError as error:
        raise VeridicalError(
            f"this needs what is not installed here: pip install 'veridical[{extra}]'",
            "environment.extra",
        ) from error
