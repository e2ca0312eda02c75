"""Small texts as they come in from outside, read or refused."""

import hashlib
import json
from pathlib import Path

from veridical.errors import InputError

__all__ = ["parse_schedule", "sha256_of"]


def parse_schedule(text: str) -> tuple[float, ...]:
    """Read a display schedule.

    Args:
        text: A JSON list of times in milliseconds, or nothing.

    Raises:
        InputError: Anything but a list of numbers.
    """
    if not text.strip():
        return ()
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, list) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    ):
        raise InputError(
            "a schedule is a JSON list of times in ms, such as [0, 900, 1750]",
            "challenge.malformed",
        )
    return tuple(float(value) for value in values)


def sha256_of(path: Path) -> str:
    """Hash of a file's content, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
