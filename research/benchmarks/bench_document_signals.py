"""How often does each signal of `document.authentic` see what it is named for, and raise an alarm?

    python research/benchmarks/bench_document_signals.py --index ../shared/data/documents/renders.jsonl

Own specimens, `--n` fronts over the eight profiles, are measured as they are and after each of
several simulated manipulations; the pictures of an index are measured as they are. Nothing here was
printed, shown on a screen or photographed: the rates say what a signal does to the simulation. A
signal names a picture when its suspicion is a half or more. Prints one JSON line a set, with the
share named by each signal and percentiles of its measurement.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import Rate
from veridical.media import read_image
from veridical.ocr import Document, DocumentAuthenticCheck
from veridical.ocr.authentic import NAMED_FROM, RAMPS, suspicion
from veridical.ocr.geometry import crop_quad
from veridical.rehearsal.specimens import PROFILES, Truth, render_prc_front, system_fonts
from veridical.types import Image

TODAY = date(2026, 1, 1)
Pixels = NDArray[np.uint8]
Manipulation = Callable[[Pixels, Truth, Generator], Pixels]


def main() -> None:
    """Measure all sets."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--n", type=int, default=24)
    asked.add_argument("--index", type=Path)
    given = asked.parse_args()
    cv2.setNumThreads(1)
    reader = Engines.open().need(Engines.reader)
    rows: dict[str, list[Mapping[str, float]]] = {}
    fonts = system_fonts()
    for number in range(given.n):
        profile = list(PROFILES)[number % len(PROFILES)]
        written = fonts[number % len(fonts)]
        image, truth = render_prc_front(None, None, 70_000 + number, profile, fonts=written)
        document = reader(image, today=TODAY)
        if document.kind == "none":
            continue
        rows.setdefault("own renders, unaltered", []).append(measure(image, document))
        for name, change in (*SAME_PLACE.items(), *OTHER_PLACE.items()):
            rng = np.random.default_rng(number)
            altered = Image(np.ascontiguousarray(change(image.pixels, truth, rng)))
            if name in OTHER_PLACE:
                again = reader(altered, today=TODAY)
                if again.kind == "none":
                    continue
            else:
                assert document.quad is not None
                card = Image(crop_quad(altered, document.quad, 540))
                again = replace(document, card=card)
            rows.setdefault(f"own renders, {name}", []).append(measure(altered, again))
    if given.index:
        for line in given.index.read_text(encoding="utf-8").splitlines():
            image = read_image(given.index.parent / json.loads(line)["file"])
            document = reader(image, today=TODAY)
            if document.kind != "none":
                name = f"{given.index.stem}, unaltered"
                rows.setdefault(name, []).append(measure(image, document))
    for name, measured in rows.items():
        print(json.dumps({"set": name, "n": len(measured), **summary(measured)}))


def measure(image: Image, document: Document) -> Mapping[str, float]:
    """The measurements of one picture, by signal; those not made are left out."""
    evidence = DocumentAuthenticCheck()(image, document).evidence
    return {name: float(value) for name in RAMPS if (value := evidence.get(name)) is not None}


def summary(rows: Iterable[Mapping[str, float]]) -> dict[str, object]:
    """Share named with its interval, and what was measured, by signal."""
    found: dict[str, object] = {}
    together = list(rows)
    for name in RAMPS:
        values = np.array([row[name] for row in together if name in row])
        if not len(values):
            continue
        named = Rate(
            int(sum(suspicion(name, value) >= NAMED_FROM for value in values)), len(values)
        )
        low, high = named.ci95
        found[name] = {
            "named": f"{named.errors}/{named.n}",
            "ci95": [round(low, 3), round(high, 3)],
            "measured": [round(float(v), 3) for v in np.percentile(values, (0, 5, 50, 95, 100))],
        }
    return found


def grey_copy(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """As from a copier, seen in slightly tinted light."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None].repeat(3, 2)
    return np.clip(grey * rng.uniform(0.94, 1.0, 3), 0, 255).astype(np.uint8)


def screen(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """The grid of a screen, sampled by a camera at a slightly turned, incommensurate pitch."""
    height, width = pixels.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    turn, pitch = rng.uniform(0.03, 0.3), rng.uniform(2.3, 3.6)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    grid = 1 + rng.uniform(0.05, 0.12) * (np.cos(6.2832 * u / pitch) + np.cos(6.2832 * v / pitch))
    return np.clip(pixels * grid[:, :, None], 0, 255).astype(np.uint8)


def place_of(truth: Truth, name: str) -> NDArray[np.float32]:
    """Corners of a field in the picture."""
    left, top, right, bottom = truth.boxes[name]
    card = np.array([[0, 0], [1, 0], [1, 54 / 85.6], [0, 54 / 85.6]], np.float32)
    matrix = cv2.getPerspectiveTransform(card, truth.quad)
    flat = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float32)
    return cv2.perspectiveTransform(flat, matrix)[0]


def spot(pixels: Pixels, at: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """A soft round mask, 0..1."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]].astype(np.float32)
    return np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * radius**2))[:, :, None]


def glare(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """Light thrown back from the name."""
    quad = place_of(truth, "name")
    radius = 0.07 * float(np.linalg.norm(truth.quad[1] - truth.quad[0]))
    light = pixels + 350 * spot(pixels, quad.mean(0), radius)
    return np.clip(light, 0, 255).astype(np.uint8)


def blurred_field(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """The row of the birth date smeared, captions and all."""
    quad = place_of(truth, "birth")
    width = float(np.linalg.norm(truth.quad[1] - truth.quad[0]))
    sigma = 0.006 * width
    x, y, across, down = cv2.boundingRect(quad)
    margin = int(0.13 * width), int(0.02 * width)
    x, y = max(0, x - margin[0]), max(0, y - margin[1])
    box = (x, y, across + 2 * margin[0], down + 2 * margin[1])
    out = pixels.copy()
    part = (slice(box[1], box[1] + box[3]), slice(box[0], box[0] + box[2]))
    out[part] = cv2.GaussianBlur(pixels, (0, 0), sigma)[part]
    return out


def cut_off(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """The picture ends within the document, 6 % from its left."""
    low, high = truth.quad.min(0), truth.quad.max(0)
    return pixels[:, max(0, int(low[0] + 0.06 * (high[0] - low[0]))) :]


def finger(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """A thumb over the middle of the upper edge."""
    middle = truth.quad[:2].mean(0)
    along = truth.quad[1] - truth.quad[0]
    size = float(np.linalg.norm(along))
    turn = float(np.rad2deg(np.arctan2(along[1], along[0])))
    out = pixels.copy()
    axes = (int(0.17 * size), int(0.09 * size))
    centre = (int(middle[0]), int(middle[1]))
    cv2.ellipse(out, centre, axes, turn, 0, 360, (205, 160, 135), -1, cv2.LINE_AA)
    return out


def beside(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """Another holder's card in the same picture."""
    other, _ = render_prc_front(None, None, int(rng.integers(1 << 30)), "clean")
    return np.vstack([pixels, other.pixels])


def pasted(pixels: Pixels, truth: Truth, portrait: Pixels) -> Pixels:
    """A picture laid over the portrait, sharp."""
    quad = place_of(truth, "portrait")
    height, width = portrait.shape[:2]
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(flat, quad)
    size = (pixels.shape[1], pixels.shape[0])
    laid = cv2.warpPerspective(portrait, matrix, size, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, size)
    return np.where(cover[:, :, None] > 127, laid, pixels).astype(np.uint8)


def other_portrait(truth: Truth, rng: Generator, noise: float) -> Pixels:
    """The face of another specimen, with sensor noise of its own."""
    other, told = render_prc_front(None, None, int(rng.integers(1 << 30)), "clean")
    quad = place_of(told, "portrait")
    face = crop_quad(other, quad.astype(np.float32), 320).astype(np.float32)
    face = face + rng.normal(0, noise, face.shape)
    return np.clip(face, 0, 255).astype(np.uint8)


def saved(pixels: Pixels, quality: int) -> Pixels:
    """Through a JPEG file."""
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def noisy_portrait(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """Another portrait with noise of 12 grey levels."""
    return saved(pasted(pixels, truth, other_portrait(truth, rng, 12.0)), 92)


def smooth_portrait(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """Another portrait, as smooth as drawn."""
    return saved(pasted(pixels, truth, other_portrait(truth, rng, 0.0)), 92)


def resaved_around(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """Another portrait in a picture that was saved at 75 before, and at 95 afterwards."""
    return saved(pasted(saved(pixels, 75), truth, other_portrait(truth, rng, 3.0)), 95)


def saved_twice(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """Nothing altered, saved at 75 and then at 95: what messengers do, no manipulation."""
    return saved(saved(pixels, 75), 95)


def moved_digit(pixels: Pixels, truth: Truth, rng: Generator) -> Pixels:
    """One digit of the number 15 % of its height lower."""
    quad = place_of(truth, "number")
    along, down = (quad[1] - quad[0]) / 18, quad[3] - quad[0]
    start = quad[0] + along * float(rng.integers(2, 16))
    cell = np.array([start, start + along, start + along + down, start + down], np.float32)
    flat = crop_quad(Image(pixels), cell, 64)
    out = pixels.astype(np.float32)
    height, width = flat.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, (cell + 0.15 * down).astype(np.float32))
    size = (pixels.shape[1], pixels.shape[0])
    laid = cv2.warpPerspective(flat, matrix, size)
    cover = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, size)[:, :, None]
    return np.clip(laid * cover + out * (1 - cover), 0, 255).astype(np.uint8)


SAME_PLACE: Mapping[str, Manipulation] = {
    "grey copy": grey_copy,
    "screen": screen,
    "glare on the name": glare,
    "birth date blurred": blurred_field,
    "noisy portrait pasted": noisy_portrait,
    "smooth portrait pasted": smooth_portrait,
    "portrait pasted, saved 75 then 95": resaved_around,
    "nothing altered, saved 75 then 95": saved_twice,
    "digit moved by 15 %": moved_digit,
}
OTHER_PLACE: Mapping[str, Manipulation] = {
    "left edge cut off": cut_off,
    "thumb on the upper edge": finger,
    "a second card": beside,
}


if __name__ == "__main__":
    main()
