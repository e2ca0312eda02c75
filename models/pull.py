"""How do models get here? Fetched, converted, proven, and only then named in the lock file.

The lock file is the one thing that counts: a model file carries its own hash in its name and is
complete before the lock names it. Killed at any moment, a pull leaves what was there before, or
what came newly, and never anything between.
"""

import fcntl
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from veridical.errors import ModelError
from veridical.models.card import Card
from veridical.models.catalogue import check_model
from veridical.models.convert.recipes import convert, is_current, recipe_versions
from veridical.models.fetch import Fetcher
from veridical.models.lock_file import LockEntry, read_lock, write_atomically, write_lock
from veridical.models.session import open_session

__all__ = ["Note", "Pulled", "pull"]

CACHE_NAME = ".cache"
PULL_LOCK_NAME = ".pull.lock"
PULLED_NAME = re.compile(r".+\.[0-9a-f]{12}\.onnx")
"""What a pull names its files; anything else in the directory is somebody's own."""

Note = Callable[[str, str], None]
"""Called with a model's name and the step that begins."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """How the pull of one model ended.

    Attributes:
        name: Of the model.
        ready: Whether it can be used now.
        source: Where it came from; `already here`, or empty when it did not come.
        problem: Why not, source by source; empty when it is ready.
    """

    name: str
    ready: bool
    source: str
    problem: str = ""


def pull(
    cards: Iterable[Card], directory: Path, *, mirror: Path | None = None, note: Note
) -> tuple[Pulled, ...]:
    """Make models usable; one that cannot be had does not stop the others.

    Args:
        cards: Of the models wanted.
        directory: Where models live; made when it is not there.
        mirror: Folder searched before any source.
        note: Hears of every step.

    Returns:
        One result per card, in order.

    Raises:
        ModelError: `model.directory`: the directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _alone(directory, note):
            _sweep(directory)
            fetcher = Fetcher(directory / CACHE_NAME, mirror)
            results = tuple(_pull(card, directory, fetcher, note) for card in cards)
            _clear(directory / CACHE_NAME)
    except OSError as error:
        raise ModelError(f"{directory} cannot be written: {error}", "model.directory") from error
    return results


def _pull(card: Card, directory: Path, fetcher: Fetcher, note: Note) -> Pulled:
    note(card.name, "check")
    usable = False
    try:
        check_model(card, directory)
        usable = True
        if card.recipe == "shipped" or is_current(card, read_lock(directory)[card.name].recipe):
            return Pulled(card.name, True, "already here")
    except ModelError as problem:
        if card.recipe == "shipped":
            return Pulled(card.name, False, "", str(problem))
    try:
        note(card.name, "fetch")
        fetched = fetcher.fetch(card.file)
        note(card.name, "convert")
        data = convert(card, fetched.data)
        sha256 = hashlib.sha256(data).hexdigest()
        note(card.name, "prove")
        open_session(data, card, sha256)
    except ModelError as problem:
        if usable:
            return Pulled(card.name, True, "already here, by an older conversion")
        return Pulled(card.name, False, "", str(problem))
    entry = LockEntry(
        file=f"{card.name}.{sha256[:12]}.onnx",
        sha256=sha256,
        source_sha256=card.file.sha256,
        source=fetched.source,
        recipe=recipe_versions(card),
    )
    note(card.name, "write")
    write_atomically(directory / entry.file, data)
    note(card.name, "name")
    write_lock(directory, {**_readable_lock(directory), card.name: entry})
    note(card.name, "done")
    return Pulled(card.name, True, fetched.source)


def _readable_lock(directory: Path) -> dict[str, LockEntry]:
    try:
        return read_lock(directory)
    except ModelError:  # a spoilt lock file is replaced: that is what a pull is for
        return {}


@contextmanager
def _alone(directory: Path, note: Note) -> Iterator[None]:
    """One pull at a time; the system lets go of the lock when a process dies."""
    with (directory / PULL_LOCK_NAME).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("", "wait for another pull")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _clear(cache: Path) -> None:
    """Give back the room of the archives; half a download stays, for the next pull."""
    for path in cache.glob("*"):
        if path.is_file() and path.suffix != ".part":
            path.unlink()


def _sweep(directory: Path) -> None:
    """Remove what killed pulls and earlier versions left.

    Done before a pull rather than after: a process that has read the lock just before it was
    replaced still finds the file that the old lock names.
    """
    named = {entry.file for entry in _readable_lock(directory).values()}
    for path in directory.glob("*.onnx"):
        if PULLED_NAME.fullmatch(path.name) and path.name not in named:
            path.unlink()
    for path in directory.glob(".*.tmp"):
        path.unlink()
