"""Rows from a queue instead of a manifest: whoever has one plugs it in here.

A queue hands out one row at a time to as many workers as ask, and hands a row out again when its
worker died. A row may so be judged twice; its result is kept once, under its own name.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from veridical.batch.rows import MAX_DEATHS, worker_died
from veridical.errors import InputError
from veridical.verification.manifest import Row, read_manifest

__all__ = ["DirectoryQueue", "Queue", "Taken", "work"]

T = TypeVar("T", bound="Taken")

LEASE_S = 60.0
"""A row that nobody said to hold for so long is handed out again."""
BEAT_S = 10.0
IDLE_S = 1.0


class Taken(Protocol):
    """A row that this worker holds."""

    @property
    def row(self) -> Row:
        """What is to be verified."""
        ...

    @property
    def deaths(self) -> int:
        """How many workers died of it."""
        ...


class Queue(Protocol[T]):
    """Where rows come from and results go."""

    def take(self) -> T | None:
        """A row that nobody holds; None while there is none."""
        ...

    def hold(self, taken: T) -> None:
        """Say that it is still being worked on."""
        ...

    def finish(self, taken: T, result: Mapping[str, Any]) -> None:
        """Keep its result, and take it off the queue."""
        ...


def work(
    queue: Queue[T],
    verify: Callable[[Row], Mapping[str, Any]],
    stop: Callable[[], bool],
    *,
    wait: bool = True,
) -> int:
    """Verify rows of a queue until told to stop; how many there were.

    Args:
        queue: Where they come from.
        verify: Makes a row's result line; see `RowVerifier`.
        stop: Asked before each row.
        wait: Look again when the queue is empty, in place of ending.

    Raises:
        VeridicalError: What the worker itself works with fails: the row is handed out again.
    """
    count = 0
    while not stop():
        taken = queue.take()
        if taken is None:
            if not wait:
                return count
            time.sleep(IDLE_S)
            continue
        if taken.deaths >= MAX_DEATHS:
            queue.finish(taken, worker_died(taken.row))
        else:
            with _held(queue, taken):
                result = verify(taken.row)
            queue.finish(taken, result)
        count += 1
    return count


@contextmanager
def _held(queue: Queue[T], taken: T) -> Iterator[None]:
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_S):
            queue.hold(taken)

    thread = threading.Thread(target=beat, name="hold-row", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A row in a file.

    Attributes:
        row: What the file says.
        deaths: How many workers died of it.
        name: Of the file, as it was put in.
        path: Where it lies while it is held.
    """

    row: Row
    deaths: int
    name: str
    path: Path


class DirectoryQueue:
    """A folder: what is put into `inbox` is judged, and its result lies in `done`.

    Each file is one row as a JSON object on one line, put there by a rename so that it is whole. A
    worker takes a file by renaming it into `taken`; of two who try, one succeeds. Any number of
    workers on one file system.

    Args:
        folder: With these three; made where they are not there.
    """

    def __init__(self, folder: Path) -> None:
        self._inbox, self._taken, self._done = (
            folder / name for name in ("inbox", "taken", "done")
        )
        for each in (self._inbox, self._taken, self._done):
            each.mkdir(parents=True, exist_ok=True)

    def take(self) -> TakenFile | None:
        """The file that waits longest, or one whose worker died."""
        now = time.time()
        for path in sorted(self._taken.iterdir(), key=_age):
            if now - _age(path) < LEASE_S:
                break
            name, deaths = _parsed(path.name)
            if (held := self._moved(path, f"{deaths + 1}.{name}")) is not None:
                return held
        for path in sorted(self._inbox.glob("*.json"), key=_age):
            if (held := self._moved(path, f"0.{path.name}")) is not None:
                return held
        return None

    def hold(self, taken: TakenFile) -> None:
        """Say that it is still being worked on."""
        with suppress(FileNotFoundError):  # another one took it, believing this worker dead
            os.utime(taken.path)

    def finish(self, taken: TakenFile, result: Mapping[str, Any]) -> None:
        """Write the result beside, put it in place, and let go of the file."""
        beside = self._done / f".{taken.path.name}.{os.getpid()}"
        beside.write_text(json.dumps(result, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(self._done / taken.name)
        taken.path.unlink(missing_ok=True)

    def _moved(self, path: Path, name: str) -> TakenFile | None:
        """Take a file; None when somebody else was quicker."""
        held = self._taken / name
        try:
            os.utime(path)  # before: nobody may think that it was taken long ago
            path.rename(held)
        except FileNotFoundError:
            return None
        name, deaths = _parsed(name)
        return TakenFile(_row_of(held), deaths, name, held)


def _row_of(path: Path) -> Row:
    """The one row of a file; a file that is none is a row with that problem."""
    try:
        rows = list(read_manifest(path))
    except InputError as error:
        return Row(1, path.name, {}, str(error))
    if len(rows) != 1:
        return Row(1, path.name, {}, f"one row a file is wanted, got {len(rows)}")
    return rows[0]


def _parsed(name: str) -> tuple[str, int]:
    """The name of a taken file as it was put in, and how many workers died of it."""
    deaths, _, rest = name.partition(".")
    return rest, int(deaths) if deaths.isdecimal() else 0


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # somebody was quicker
        return float("inf")
