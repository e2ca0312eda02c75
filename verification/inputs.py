"""Small texts as they come in from outside, read or refused."""

import hashlib
from pathlib import Path

from veridical.errors import InputError
from veridical.policy.rules import checked_facts
from veridical.reading import read_json
from veridical.verification.manifest import schedule_ms

__all__ = ["parse_facts", "parse_schedule", "read_schedule", "sha256_of"]


def parse_facts(text: str) -> dict[str, float]:
    """Read the facts of a transaction.

    Args:
        text: A JSON object of numbers, or nothing.

    Raises:
        InputError: `facts.malformed`.
    """
    return checked_facts(_json(text) if text.strip() else {})


def parse_schedule(text: str) -> tuple[float, ...]:
    """Read a display schedule.

    Args:
        text: A JSON list of times in milliseconds, or nothing.

    Raises:
        InputError: Anything but a list of finite numbers.
    """
    return schedule_ms(_json(text)) if text.strip() else ()


def _json(text: str) -> object:
    """What a text says as JSON; None when it is none."""
    try:
        return read_json(text)
    except InputError:
        return None


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
