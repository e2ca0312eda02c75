"""Which file holds which model, and what does it hash to? Written by a pull, read at start."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from veridical.errors import ModelError

__all__ = ["LOCK_NAME", "LockEntry", "lock_text", "read_lock", "write_atomically", "write_lock"]

LOCK_NAME = "models.lock.json"


@dataclass(frozen=True, slots=True)
class LockEntry:
    """One pulled model.

    Attributes:
        file: Base name within the models directory.
        sha256: Hash of that file's bytes.
        source_sha256: Hash of the weights it was made from, as the card pins it.
        source: Where they came from.
        recipe: How it was made, with the versions that decide its bytes.
    """

    file: str
    sha256: str
    source_sha256: str
    source: str
    recipe: str


def read_lock(directory: Path) -> dict[str, LockEntry]:
    """The entries by model name; none when nothing was pulled yet.

    Raises:
        ModelError: `model.altered`: the file is there and is not what a pull writes.
    """
    path = directory / LOCK_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}", "model.altered") from error
    try:
        return {name: LockEntry(**entry) for name, entry in json.loads(text)["models"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} is not a lock file; delete it and run `veridical models pull`",
            "model.altered",
        ) from error


def write_lock(directory: Path, entries: Mapping[str, LockEntry]) -> None:
    """Replace the lock file; at no moment is there half of one."""
    write_atomically(directory / LOCK_NAME, lock_text(entries).encode())


def lock_text(entries: Mapping[str, LockEntry]) -> str:
    """What a lock file of these entries says."""
    models = {name: asdict(entry) for name, entry in sorted(entries.items())}
    return json.dumps({"version": 1, "models": models}, indent=1) + "\n"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a kill or a power cut leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, not only the bytes, must survive a power cut
    finally:
        os.close(folder)
