"""A process that enrols for ever and acknowledges each subject on its standard output.

`+` enrolled, `?` about to be deleted, `-` deleted.
Killed by `test_gallery_kill.py` and `tests/soak/test_gallery_soak.py`.
"""

import sys
from pathlib import Path

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


def main() -> None:
    """Enrol, now and then search, delete and save, until somebody ends it."""
    folder, generation = Path(sys.argv[1]), sys.argv[2]
    gallery = Gallery(
        Database(folder / "kill.db"), KEYS, "list", MODEL, snapshot=folder / "kill.index"
    )
    number = 0
    while True:
        number += 1
        subject = f"g{generation}-{number}"
        gallery.enrol(subject, template_of(subject), Attributes(1980, "F"))
        sys.stdout.write(f"+{subject}\n")
        if number % 5 == 0:
            gone = f"g{generation}-{number - 3}"
            sys.stdout.write(f"?{gone}\n")
            sys.stdout.flush()
            gallery.delete(gone)
            sys.stdout.write(f"-{gone}\n")
        if number % 7 == 0:
            gallery.save_snapshot()
        sys.stdout.flush()


if __name__ == "__main__":
    main()
