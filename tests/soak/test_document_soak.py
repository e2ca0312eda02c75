"""Ten thousand pictures that no camera made: nothing raises, nothing takes over five seconds.

Every picture follows from its number; nineteen in twenty are small, so that ten thousand can run.
State lies in the folder `VERIDICAL_SOAK_DIR`, or in a
temporary one without (then it starts anew); broken off, it goes on where it stopped.
"""

import json
import os
import time
from datetime import date
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from veridical.media import read_image
from veridical.models import ModelStore
from veridical.ocr import DocumentAuthenticCheck, DocumentReadCheck, DocumentReader
from veridical.types import Image

PICTURES = int(os.environ.get("VERIDICAL_SOAK_PICTURES", "10000"))
LONGEST_S = 5.0
SMALL_PX, LARGE_PX, LARGE_EVERY = 320, 1600, 20
TODAY = date(2026, 1, 1)


def mutated(pixels: NDArray[np.uint8], rng: Generator, longest_px: int) -> NDArray[np.uint8]:
    """One to three things done to a picture brought down to a size."""
    shrink = min(1.0, longest_px / max(pixels.shape))
    size = (max(1, round(pixels.shape[1] * shrink)), max(1, round(pixels.shape[0] * shrink)))
    pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        height, width = pixels.shape[:2]
        kind = int(rng.integers(9))
        if kind == 0:
            top, left = int(rng.integers(height)), int(rng.integers(width))
            pixels = pixels[top : top + int(rng.integers(1, height + 1)), left:]
        elif kind == 1:
            size = (int(rng.integers(1, longest_px)), int(rng.integers(1, longest_px)))
            pixels = cv2.resize(pixels, size).astype(np.uint8)
        elif kind == 2:
            pixels = np.rot90(pixels, int(rng.integers(4)))
        elif kind == 3:
            pixels = pixels ^ np.uint8(rng.integers(1, 256))
        elif kind == 4:
            noise = rng.normal(0, rng.uniform(5, 120), pixels.shape)
            pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
        elif kind == 5:
            pixels = pixels[rng.permutation(height)] if rng.random() < 0.3 else pixels[::-1]
        elif kind == 6 and max(height, width) < 0.6 * longest_px:
            pixels = np.tile(pixels, (2, 2, 1))
        elif kind == 7:
            corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
            moved = corners + rng.normal(0, 0.2, (4, 2)).astype(np.float32) * [width, height]
            matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
            pixels = cv2.warpPerspective(pixels, matrix, (width, height)).astype(np.uint8)
        else:
            pixels = cv2.GaussianBlur(
                np.ascontiguousarray(pixels), (0, 0), rng.uniform(0.5, 8)
            ).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def test_ten_thousand_mutated_pictures(store: ModelStore, shared: Path, tmp_path: Path) -> None:
    folder = Path(os.environ.get("VERIDICAL_SOAK_DIR", tmp_path)) / "documents"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "pictures.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    results = [json.loads(line) for line in lines]
    files = sorted(
        path
        for path in (shared / "data" / "documents").rglob("*")
        if path.suffix in (".jpg", ".png")
    )
    reader = DocumentReader.load(store, store.profile("registry"))
    read, authentic = DocumentReadCheck(), DocumentAuthenticCheck()
    with log.open("a", encoding="utf-8") as out:
        for number in range(len(results), PICTURES):
            source = read_image(files[number % len(files)]).pixels
            longest_px = SMALL_PX if number % LARGE_EVERY else LARGE_PX
            image = Image(mutated(source, np.random.default_rng(number), longest_px))
            start = time.process_time()
            document = reader(image, today=TODAY)
            read(document, None, TODAY)
            authentic(image, document)
            spent_s = round(time.process_time() - start, 3)
            results.append({"number": number, "kind": document.kind, "cpu_s": spent_s})
            out.write(json.dumps(results[-1]) + "\n")
            out.flush()
    slow = [result for result in results if result["cpu_s"] > LONGEST_S]
    figures = {"pictures": len(results), "longest_s": max(r["cpu_s"] for r in results)}
    (folder / "result.json").write_text(json.dumps(figures), encoding="utf-8")
    assert slow == []
