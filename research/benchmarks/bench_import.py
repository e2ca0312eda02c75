"""How fast do templates that are there already get into a gallery?

    python research/benchmarks/bench_import.py DATABASE_URL [--size 100000] [--dimensions 256]

Wants an empty database of its own. Times are those of this machine: wall, and CPU of this process;
a server's own time is not in it.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from veridical.gallery import Gallery
from veridical.gallery.bulk import read_templates
from veridical.store import Database, MasterKeys

KEYS = MasterKeys.from_text("bench:" + "A" * 43 + "=")
MODEL = "bench@000000000000"


def main() -> None:
    """Write a file, import it, search in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=256)
    given = parser.parse_args()
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(given.size, given.dimensions)).astype(np.float32)
    database = Database(given.url)
    database.upgrade()
    entries = Gallery(database, KEYS, "bench", MODEL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "t.npy", vectors)
        (folder / "s.txt").write_text("".join(f"s{n}\n" for n in range(given.size)))
        wall, cpu = time.perf_counter(), time.process_time()
        for block in read_templates(folder / "t.npy", folder / "s.txt", MODEL):
            entries.enrol_many(block)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{given.size} templates of {given.dimensions}: {wall:.1f} s wall, {cpu:.1f} s CPU; "
        f"{given.size / wall:.0f} a second by the wall, {given.size / cpu:.0f} by CPU"
    )
    database.close()


if __name__ == "__main__":
    main()
