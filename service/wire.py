"""Small texts as they come in from outside, read or refused."""

import hashlib
import json
from pathlib import Path

from veridical.errors import InputError
from veridical.verification.manifest import schedule_ms

__all__ = ["parse_schedule", "read_schedule", "sha256_of"]


def parse_schedule(text: str) -> tuple[float, ...]:
    """Read a display schedule.

    Args:
        text: A JSON list of times in milliseconds, or nothing.

    Raises:
        InputError: Anything but a list of finite numbers.
    """
    if not text.strip():
        return ()
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    return schedule_ms(values)


def read_schedule(path: Path) -> tuple[float, ...]:
    """Read a display schedule from a file; see `parse_schedule`.

    Raises:
        InputError: `usage.no_file`: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(
            f"the schedule {path} cannot be read: {error.strerror}", "usage.no_file"
        ) from error
    return parse_schedule(text)


def sha256_of(path: Path) -> str:
    """Hash of a file's content, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
