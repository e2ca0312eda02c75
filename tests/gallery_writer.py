"""Processes that enrol for ever and acknowledge each subject.

`+` enrolled, `?` about to be deleted, `-` deleted.
Killed by `test_gallery_kill.py` and `tests/soak/test_gallery_soak.py`.
"""

import os
import sys
from pathlib import Path
from typing import TextIO

import numpy as np

from veridical.gallery import Attributes, Gallery
from veridical.store import Database, MasterKeys
from veridical.types import Template

__all__ = ["KEYS", "MODEL", "template_of"]

MODEL = "writer@000000000000"
DIMENSIONS = 64
KEYS = MasterKeys({"test": bytes(range(32))})


def template_of(subject: str) -> Template:
    """The template that this subject is always enrolled with."""
    rng = np.random.default_rng([ord(letter) for letter in subject])
    vector = rng.standard_normal(DIMENSIONS).astype(np.float32)
    return Template(np.asarray(vector / np.linalg.norm(vector), np.float32), MODEL)


def write(folder: Path, generation: str, acknowledged: TextIO) -> None:
    """Enrol, now and then search, delete and save, until somebody ends it."""
    gallery = Gallery(
        Database(folder / "kill.db"), KEYS, "list", MODEL, snapshot=folder / "kill.index"
    )
    number = 0
    while True:
        number += 1
        subject = f"g{generation}-{number}"
        gallery.enrol(subject, template_of(subject), Attributes(1980, "F"))
        acknowledged.write(f"+{subject}\n")
        if number % 5 == 0:
            gone = f"g{generation}-{number - 3}"
            acknowledged.write(f"?{gone}\n")
            acknowledged.flush()
            gallery.delete(gone)
            acknowledged.write(f"-{gone}\n")
        if number % 7 == 0:
            gallery.save_snapshot()
        acknowledged.flush()


def main() -> None:
    """Start one writer after another, each in a process of its own that is quick to start.

    For every line on the standard input, a generation, a child is forked that acknowledges into
    the named pipe `acknowledged`; its number is printed, and a line more when it has ended.
    """
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        child = os.fork()
        if not child:
            with (folder / "acknowledged").open("w", encoding="ascii") as acknowledged:
                write(folder, line.strip(), acknowledged)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)
        sys.stdout.write("ended\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
