"""How long does it take to ask whether a clip was handed in before?

    python research/benchmarks/bench_fingerprints.py DATABASE_URL [--clips 83334] [--scenes 400] [--asks 300]

Fills an empty database with clips of 12 codes each. Many were made before the same walls: every
clip is one of a few hundred scenes with a sixth of its bits drawn anew, frame by frame half as
many, which is nearer than any two clips of one person in one studio were (17 bits of 256). Asked
are copies (12 bits changed a frame) and clips never seen; times are those of this machine.
"""

import argparse
import time
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from veridical.store import Database, Fingerprints
from veridical.store.fingerprints import band_values
from veridical.store.schema import BANDS, fingerprints

FRAMES = 12
BATCH_CLIPS = 2_000
SCENE_SHARE, FRAME_SHARE = 1 / 6, 1 / 12
COPY_BITS = 12


def _redrawn(bits: NDArray[np.uint8], share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    return bits ^ (rng.random(bits.shape) < share / 2)


def _clips(scenes: NDArray[np.uint8], count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Codes as bits, (count, frames, 256)."""
    base = _redrawn(scenes[rng.integers(0, len(scenes), count)], 2 * SCENE_SHARE, rng)
    return _redrawn(np.repeat(base[:, None], FRAMES, axis=1), 2 * FRAME_SHARE, rng)


def _codes(bits: NDArray[np.uint8]) -> list[bytes]:
    return [code.tobytes() for code in np.packbits(bits, axis=-1)]


def _copied(bits: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    changed = bits.copy()
    for frame in changed:
        frame[rng.choice(256, COPY_BITS, replace=False)] ^= 1
    return changed


def _now_ms() -> tuple[float, float]:
    return time.perf_counter() * 1e3, time.thread_time() * 1e3


def _since(start: tuple[float, float]) -> tuple[float, float]:
    wall, cpu = _now_ms()
    return wall - start[0], cpu - start[1]


def main() -> None:
    """Fill and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--clips", type=int, default=83_334)
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--asks", type=int, default=300)
    given = parser.parse_args()
    rng = np.random.default_rng(3)
    database = Database(given.url)
    database.upgrade()
    scenes = rng.integers(0, 2, (given.scenes, 256), np.uint8)
    kept: list[NDArray[np.uint8]] = []
    with database.writing() as connection:
        for index in fingerprints.indexes:  # built at the end: filling is not what is measured
            index.drop(connection)
        for start in range(0, given.clips, BATCH_CLIPS):
            bits = _clips(scenes, min(BATCH_CLIPS, given.clips - start), rng)
            kept.append(bits[0])
            codes = _codes(bits.reshape(-1, 256))
            bands = band_values(codes).tolist()
            rows = [
                {
                    "tenant": "default", "kind": "clip", "reference": f"{start + n // FRAMES:032x}",
                    "seen_at": int(time.time()), "code": code,
                    **{f"band_{band}": value for band, value in enumerate(values)},
                }
                for n, (code, values) in enumerate(zip(codes, bands, strict=True))
            ]  # fmt: skip
            connection.execute(insert(fingerprints), rows)
        for index in fingerprints.indexes:
            index.create(connection)
    found = Fingerprints(database, "clip", timedelta(days=90))
    print(f"{given.clips * FRAMES} codes in {BANDS} bands")
    spent: dict[str, list[tuple[float, float]]] = {"copy": [], "never seen": [], "remembered": []}
    shares: dict[str, list[float]] = {"copy": [], "never seen": []}
    for number in range(given.asks):
        copy = _codes(_copied(kept[number % len(kept)], rng))
        other = _codes(_clips(scenes, 1, rng)[0])
        for kind, codes in (("copy", copy), ("never seen", other)):
            start = _now_ms()
            shares[kind].append(found.best_share(codes, 12))
            spent[kind].append(_since(start))
        start = _now_ms()
        found.remember(f"asked-{number}", _codes(rng.integers(0, 2, (FRAMES, 256), np.uint8)))
        spent["remembered"].append(_since(start))
    for kind, times in spent.items():
        wall, cpu = np.percentile(times, [50, 99, 100], axis=0).round(2).T
        print(f"{kind}: median, p99, worst in ms: wall {wall}, CPU of this process {cpu}")
    copies, others = np.array(shares["copy"]), np.array(shares["never seen"])
    print(f"copies found (share >= 0.7): {(copies >= 0.7).sum()} of {len(copies)}")
    print(f"others at 0.3 or above: {(others >= 0.3).sum()} of {len(others)}")


if __name__ == "__main__":
    main()
