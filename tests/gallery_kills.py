"""Kill a writer again and again, and hold the database to what was acknowledged."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.gallery_writer import KEYS, MODEL, template_of
from veridical.gallery import Gallery
from veridical.store import Database

__all__ = ["Promises", "Writers", "verify"]

ROOT = Path(__file__).parent.parent
MAX_ACKNOWLEDGED = 25
LONGEST_CHANGE_S = 0.02
"""Some changes with their acknowledgement: so that kills fall anywhere within one."""


@dataclass(slots=True)
class Promises:
    """What writers acknowledged."""

    enrolled: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    """About to be deleted: a writer killed then may or may not have done it."""


class Writers:
    """Starts writers, one at a time, and kills them; a context manager.

    Args:
        folder: Of the database.
    """

    def __init__(self, folder: Path) -> None:
        self._pipe = folder / "acknowledged"
        self._pipe.unlink(missing_ok=True)
        os.mkfifo(self._pipe)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.gallery_writer", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def __enter__(self) -> "Writers":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()  # the end of its input ends it
        self._pipe.unlink()

    def kill_one(self, generation: int, dice: random.Random, promises: Promises) -> None:
        """Let one writer run for a while, kill it with SIGKILL, and add what it acknowledged.

        It dies after a random number of acknowledgements and a random share of the next change.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{generation}\n")
        self._server.stdin.flush()
        writer = int(self._server.stdout.readline())
        with self._pipe.open(encoding="ascii") as acknowledged:
            lines = [acknowledged.readline() for _ in range(dice.randint(1, MAX_ACKNOWLEDGED))]
            time.sleep(dice.uniform(0, LONGEST_CHANGE_S))
            os.kill(writer, signal.SIGKILL)
            lines += acknowledged.read().split("\n")[:-1]  # what stands before the last line end
        assert self._server.stdout.readline() == "ended\n"
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
