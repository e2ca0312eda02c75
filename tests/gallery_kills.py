"""Kill a writer again and again, and hold the database to what was acknowledged."""

import random
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.gallery_writer import KEYS, MODEL, template_of
from veridical.gallery import Gallery
from veridical.store import Database

__all__ = ["Promises", "kill_writer", "verify"]

ROOT = Path(__file__).parent.parent
MAX_ACKNOWLEDGED = 25


@dataclass(slots=True)
class Promises:
    """What writers acknowledged."""

    enrolled: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    """About to be deleted: a writer killed then may or may not have done it."""


def kill_writer(folder: Path, generation: int, dice: random.Random, promises: Promises) -> None:
    """Let one writer run for a while, kill it with SIGKILL, and add what it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.gallery_writer", str(folder), str(generation)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(dice.randint(1, MAX_ACKNOWLEDGED))]
    process.kill()
    lines += process.stdout.read().split("\n")[:-1]  # what stands before the last line end
    process.stdout.close()
    process.wait()
    sets = {"+": promises.enrolled, "-": promises.deleted, "?": promises.asked}
    for line in lines:
        if word := line.strip():
            sets[word[0]].add(word[1:])


def verify(folder: Path, promises: Promises) -> int:
    """Check every promise that was ever made.

    Returns:
        How many entries there are.
    """
    with sqlite3.connect(folder / "kill.db") as raw:
        assert raw.execute("PRAGMA quick_check").fetchone() == ("ok",)
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        rows = [row[0] for row in raw.execute("SELECT subject FROM templates")]
        keys = {row[0] for row in raw.execute("SELECT subject FROM data_keys")}
    raw.close()
    present = set(rows)
    assert len(rows) == len(present), "an enrolment was doubled"
    assert promises.enrolled - promises.asked <= present, "an acknowledged enrolment was lost"
    assert not promises.deleted & present, "an acknowledged deletion came back"
    assert keys == present, "a key outlived its data, or data their key"
    database = Database(folder / "kill.db")
    # The snapshot may be of any age or half-written: what it gives must be the truth all the same.
    gallery = Gallery(database, KEYS, "list", MODEL, snapshot=folder / "kill.index")
    plain = Gallery(database, KEYS, "list", MODEL)
    for subject in random.Random(0).sample(sorted(present), min(20, len(present))):
        probe = template_of(subject)
        assert gallery.search(probe, 1)[0].subject == subject
        assert plain.search(probe, 1)[0].subject == subject
    for subject in sorted(promises.deleted)[-20:]:
        assert subject not in {hit.subject for hit in gallery.search(template_of(subject), 5)}
    gallery.refresh()
    assert gallery._index is not None
    assert len(gallery._index) == len(present)
    vectors = gallery._index.rows().vectors
    assert np.isfinite(vectors).all()
    database.close()
    return len(present)
