"""Thousands of transactions of mixed sizes through one verifier: its memory does not grow.

Nine in ten are small, so that ten thousand can be run; `VERIDICAL_SOAK_TRANSACTIONS` bounds them.
Growth shows only within one process, so that a run broken off starts anew.
"""

import os
import sys
from pathlib import Path

import cv2
import numpy as np

from veridical.models import ModelStore
from veridical.rehearsal.samples import Sample
from veridical.types import Image
from veridical.verification import Settings, Transaction, load_verifier

TRANSACTIONS = int(os.environ.get("VERIDICAL_SOAK_TRANSACTIONS", "10000"))
SMALLEST_PX, SMALL_PX, LARGEST_PX, LARGE_EVERY = 120, 480, 1600, 10
WARM_UP = 0.2
"""Share of the transactions before memory counts."""
MOST_GROWTH = 0.05


def resized(image: Image, longest: float) -> Image:
    """A picture at some size."""
    scale = longest / max(image.width, image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    pixels = cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA)
    return Image(np.ascontiguousarray(pixels, np.uint8))


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_memory_does_not_grow(store: ModelStore, samples: dict[str, Sample]) -> None:
    handed_in = [
        (s.transaction.document_front, s.transaction.selfie)
        for s in samples.values()
        if s.transaction.document_front is not None and s.transaction.selfie is not None
    ]
    verifier = load_verifier(Settings(policy="selfie", models_dir=store.directory))
    memory_mb: list[float] = []
    # onnxruntime keeps what its largest input took: every picture once at its largest comes first.
    for card, selfie in handed_in:
        large = Transaction(
            "large", document_front=resized(card, LARGEST_PX), selfie=resized(selfie, LARGEST_PX)
        )
        verifier.verify(large)
    for number in range(TRANSACTIONS):
        rng = np.random.default_rng(number)
        most = SMALL_PX if number % LARGE_EVERY else LARGEST_PX
        card, selfie = (
            resized(image, float(rng.uniform(SMALLEST_PX, most)))
            for image in handed_in[number % len(handed_in)]
        )
        verifier.verify(Transaction(f"t{number}", document_front=card, selfie=selfie))
        memory_mb.append(resident_mb())
    # Medians of stretches: one large picture raises the reading of its moment.
    counted = np.array(memory_mb[round(WARM_UP * TRANSACTIONS) :])
    stretch = max(1, len(counted) // 8)
    first, last = float(np.median(counted[:stretch])), float(np.median(counted[-stretch:]))
    growth = last / first - 1
    sys.stdout.write(
        f"transactions {TRANSACTIONS}, warm {first:.0f} MB, at the end {last:.0f} MB, "
        f"highest {counted.max():.0f} MB, growth {growth:.2%}\n"
    )
    assert growth < MOST_GROWTH
