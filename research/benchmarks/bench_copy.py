"""Measure `face.copy`: copies of a portrait in many forms, and two photographs of one person.

    python research/benchmarks/bench_copy.py ../shared/data/faces --bursts ../shared/data/grid_s1
    python research/benchmarks/bench_copy.py ../shared/data/faces --cards 24

Copies: a specimen card is drawn with a photograph, read, and its portrait handed in as the selfie in
every form. Other pictures: pairs of photographs of one person, of which one is reduced to what a
document leaves of a portrait; `bursts` are frames of different takes of one session. People are split
by name: the limits come from those of one half, figures are quoted for the other.
"""

import argparse
import csv
import hashlib
import random
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import clopper_pearson
from veridical.evaluation.protocols.face import portrait_of
from veridical.face import look
from veridical.face.copy import CopyCheck
from veridical.media import read_clip, read_image
from veridical.models import fetch_member
from veridical.models.pull import CACHE_NAME
from veridical.rehearsal.compose.people import head_and_shoulders
from veridical.rehearsal.simulate import simulate
from veridical.rehearsal.specimens import pulled_fonts, render_prc_front, system_fonts
from veridical.types import Box, Image, View
from veridical.verification.settings import Settings

Pixels = NDArray[np.uint8]
PROFILES = ("clean", "jpeg", "perspective", "low_light")
PAIRS_A_PERSON = 14
BEARD = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 426, 164,
         206)  # fmt: skip
ACCEPT_AT, REJECT_BELOW = 0.02, 0.015


def half_of(person: str) -> str:
    """Which half of the people somebody belongs to."""
    plain = person.removeprefix("lfw:").replace("_", "").lower()  # two indexes, two spellings
    return "limits" if hashlib.sha256(plain.encode()).digest()[0] % 2 else "figures"


def cut(image: Image, box: Box, margin: float) -> Pixels:
    """A box of a picture with some of what is around it."""
    dx, dy = margin * box.width, margin * box.height
    rows = slice(max(0, int(box.top - dy)), int(box.bottom + dy))
    columns = slice(max(0, int(box.left - dx)), int(box.right + dx))
    return np.ascontiguousarray(image.pixels[rows, columns])


def enlarged(pixels: Pixels, times: float) -> Pixels:
    """The picture, so many times as large."""
    made = cv2.resize(pixels, None, fx=times, fy=times, interpolation=cv2.INTER_LANCZOS4)
    return np.asarray(made, np.uint8)


def before_wall(pixels: Pixels) -> Pixels:
    """The picture in the middle of a plain wall."""
    height, width = pixels.shape[:2]
    wall = np.full((2 * height, 2 * width, 3), (196, 188, 176), np.uint8)
    wall[height // 2 : height // 2 + height, width // 2 : width // 2 + width] = pixels
    return wall


def animated(pixels: Pixels, view: View, turn: float) -> Pixels:
    """The picture with its mouth opened, its head swaying and turned a little."""
    assert view.mesh is not None
    mouth = view.mesh.points[[61, 291], :2]
    half = float(np.linalg.norm(mouth[0] - mouth[1])) / 2
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    across, down = (x - mouth[:, 0].mean()) / half, (y - mouth[:, 1].mean()) / half
    fall = np.exp(-((across / 1.5) ** 2) - (np.maximum(down, 0) / 2.5) ** 2) * (down > 0)
    opening = np.float32(0.35 * abs(np.sin(1.3 * turn)) * half) * fall
    spoken = cv2.remap(
        pixels,
        x,
        (y - opening).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    sway = cv2.getRotationMatrix2D(
        (width / 2, height * 0.8), 3 * np.sin(turn), 1 + 0.02 * np.sin(2 * turn)
    )
    sway[:, 2] += (3 * np.sin(0.7 * turn), 2 * np.cos(turn))
    lean = np.float32(0.03 * np.sin(0.9 * turn) * width)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    leaning = corners + np.array([[0, lean], [0, -lean], [0, lean], [0, -lean]], np.float32)
    whole = cv2.getPerspectiveTransform(corners, leaning) @ np.vstack([sway, [0, 0, 1]])
    made = cv2.warpPerspective(spoken, whole, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(made, np.uint8)


def with_glasses(pixels: Pixels, view: View, share: float, *, dark: bool = False) -> Pixels:
    """Glasses drawn on: how thick their rims are, in distances of the eyes."""
    assert view.mesh is not None
    points, made = view.mesh.points[:, :2], pixels.copy()
    eyes = [points[list(corners)].mean(0) for corners in ((33, 133), (362, 263))]
    apart = float(np.linalg.norm(eyes[0] - eyes[1]))
    thick, colour = max(1, int(share * apart)), (30, 25, 25)
    for eye in eyes:
        place, axes = (int(eye[0]), int(eye[1])), (int(0.36 * apart), int(0.28 * apart))
        if dark:
            cv2.ellipse(made, place, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.ellipse(made, place, axes, 0, 0, 360, colour, thick, cv2.LINE_AA)
    middle, half = (eyes[0] + eyes[1]) / 2, 0.14 * apart
    ends = [(int(middle[0] + side * half), int(middle[1])) for side in (-1, 1)]
    cv2.line(made, ends[0], ends[1], colour, max(1, int(0.05 * apart)), cv2.LINE_AA)
    return made


def with_beard(pixels: Pixels, view: View) -> Pixels:
    """A beard drawn on."""
    assert view.mesh is not None
    outline = view.mesh.points[list(BEARD), :2].astype(np.int32)
    mask = np.zeros(pixels.shape[:2], np.float32)
    cv2.fillPoly(mask, [outline], 1.0)
    soft = 0.75 * cv2.GaussianBlur(mask, (0, 0), 3)[..., None]
    hair = 40 + np.random.default_rng(0).normal(0, 25, (*pixels.shape[:2], 1))
    return np.clip(pixels * (1 - soft) + hair * soft, 0, 255).astype(np.uint8)


def drawn_over(pixels: Pixels, view: View) -> Iterator[tuple[str, Pixels]]:
    """A copy with something drawn onto it."""
    thick = with_glasses(pixels, view, 0.06)
    yield "thin_glasses", with_glasses(pixels, view, 0.03)
    yield "thick_glasses", thick
    yield "dark_glasses", with_glasses(pixels, view, 0.06, dark=True)
    yield "beard", with_beard(pixels, view)
    yield "glasses_and_beard", with_beard(thick, view)


def forms(
    card: Image, box: Box, again: tuple[Image, Box] | None, source: Image, seed: int
) -> Iterator[tuple[str, Pixels]]:
    """Every form of the portrait as a selfie, but for the animated ones."""
    rng = np.random.default_rng(seed)
    small = cut(card, box, 0.1)
    big = enlarged(small, 3)
    yield "same_file", card.pixels
    yield "crop", cut(card, box, 0.0)
    yield "enlarged", big
    yield "before_wall", before_wall(big)
    _, coded = cv2.imencode(".jpg", enlarged(small, 2), [cv2.IMWRITE_JPEG_QUALITY, 20])
    yield "jpeg", np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    if again is not None:
        yield "photographed_again", enlarged(cut(again[0], again[1], 0.3), 2)
    for attack in ("screen_replay", "bordered_tablet", "print"):
        yield attack, simulate(attack, Image(big), seed).pixels
    yield (
        "sharpened",
        np.asarray(cv2.addWeighted(big, 2.5, cv2.GaussianBlur(big, (0, 0), 2), -1.5, 0), np.uint8),
    )
    yield "smoothed", np.asarray(cv2.bilateralFilter(big, 9, 40, 7), np.uint8)
    toned = (big / 255.0) ** rng.uniform(0.6, 1.6) * np.array([1.1, 1.0, 0.8])
    yield "recoloured", np.asarray(np.clip(toned, 0, 1) * 255, np.uint8)
    yield "mirrored", np.ascontiguousarray(big[:, ::-1])
    size = (big.shape[1], big.shape[0])
    turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), float(rng.choice([-15, 12, 18])), 1)
    yield (
        "turned",
        np.asarray(cv2.warpAffine(big, turn, size, borderMode=cv2.BORDER_REPLICATE), np.uint8),
    )
    yield "noise", np.clip(big + rng.normal(0, 14, big.shape), 0, 255).astype(np.uint8)
    ramp = np.linspace(0.45, 1.15, size[0])[None, :, None]
    yield "side_light", np.clip(big * ramp, 0, 255).astype(np.uint8)
    yield "photograph_itself", source.pixels


class Bench:
    """The engines and the rows."""

    def __init__(self) -> None:
        self.engines = Engines.open(Settings())
        self.detector = self.engines.need(Engines.detector)
        self.mesher = self.engines.need(Engines.mesher)
        self.check = CopyCheck()
        self.rows: list[dict[str, object]] = []

    def look(self, pixels: Pixels | Image) -> View:
        """Find the face."""
        image = pixels if isinstance(pixels, Image) else Image(np.ascontiguousarray(pixels))
        return look(image, self.detector, self.mesher)

    def add(self, kind: str, person: str, portrait: View, probes: list[View]) -> None:
        """Measure one pair."""
        found = self.check(portrait, probes)
        self.rows.append(
            {
                "kind": kind,
                "half": half_of(person),
                "person": person,
                "score": found.score,
                "reason": found.reason,
            }
        )

    def copies(self, index: Path, cards: int) -> None:
        """Cards of people, and every form of their portraits."""
        people: dict[str, str] = {}
        for name in ("colour.csv", "index.csv"):
            for row in csv.DictReader((index / name).open(encoding="utf-8")):
                people.setdefault(row["identity"], row["file"])
        chosen = (
            list(people.items())[:10] + list(people.items())[10 :: max(1, len(people) // cards)]
        )
        cache = Settings().models_dir / CACHE_NAME
        fonts = (system_fonts() or (pulled_fonts(lambda source: fetch_member(source, cache)),))[0]
        reader = self.engines.need(Engines.reader)
        for seed, (person, file) in enumerate(chosen[:cards]):
            source = read_image(index / file)
            face = self.look(source)
            if face.subject is None:
                continue
            shown = head_and_shoulders(source, face.subject.box)
            taken = [
                render_prc_front(None, shown, seed, PROFILES[(seed + more) % 4], fonts=fonts)[0]
                for more in (0, 2)
            ]
            read = [reader(card) for card in taken]
            if read[0].portrait is None or read[0].portrait_box is None:
                continue
            portrait = self.look(read[0].portrait)
            again = (taken[1], read[1].portrait_box) if read[1].portrait_box is not None else None
            for kind, pixels in forms(taken[0], read[0].portrait_box, again, source, seed):
                view = self.look(pixels)
                self.add(f"copy:{kind}", person, portrait, [view])
                if kind == "enlarged" and view.mesh is not None:
                    for more, drawn in drawn_over(pixels, view):
                        self.add(f"drawn:{more}", person, portrait, [self.look(drawn)])
            big = before_wall(enlarged(cut(taken[0], read[0].portrait_box, 0.1), 3))
            for kind, still in (("animated", big), ("photograph_animated", source.pixels)):
                view = self.look(still)
                if view.mesh is not None:
                    frames = [self.look(animated(still, view, 1.7 * k + seed)) for k in range(1, 4)]
                    self.add(f"copy:{kind}", person, portrait, frames)

    def photographs(self, index: Path, files: dict[str, list[str]], kind: str) -> None:
        """Pairs of two photographs of one person."""
        chance = random.Random(1)  # noqa: S311
        for person, pictures in files.items():
            pairs = list(combinations(sorted(set(pictures)), 2))
            chance.shuffle(pairs)
            views: dict[str, View] = {}
            for pair in pairs[:PAIRS_A_PERSON]:
                for file in pair:
                    if file not in views:
                        views[file] = self.look(read_image(index / file))
                first, second = (views[file] for file in pair)
                if first.subject is None or second.subject is None:
                    continue
                self.add(kind, person, self.look(portrait_of(first.image, first.subject)), [second])

    def bursts(self, folder: Path, pairs: int) -> None:
        """Frames of different takes of one session."""
        rows = list(csv.DictReader((folder / "index.csv").open(encoding="utf-8")))
        chosen = rows[:: max(1, len(rows) // 60)]
        views = []
        for row in chosen:
            clip = read_clip(folder / row["file"])
            view = self.look(clip.frames[len(clip.frames) * 2 // 5].pixels.copy())
            if view.subject is not None:
                views.append(view)
        chance = random.Random(1)  # noqa: S311
        for _ in range(pairs):
            first, second = chance.sample(views, 2)
            assert first.subject is not None
            self.add(
                "two:burst", "burst", self.look(portrait_of(first.image, first.subject)), [second]
            )


def files_of(path: Path) -> dict[str, list[str]]:
    """Pictures by person, of those of whom there are two."""
    found: dict[str, list[str]] = {}
    for row in csv.DictReader(path.open(encoding="utf-8")):
        found.setdefault(row["identity"], []).append(row["file"])
    return {person: files for person, files in found.items() if len(files) > 1}


def tell(rows: list[dict[str, object]]) -> None:
    """Print the figures by half and kind."""
    for half in ("limits", "figures"):
        for kind in sorted({str(row["kind"]) for row in rows}):
            found = [row for row in rows if row["kind"] == kind and row["half"] == half]
            scores = np.array(
                [float(str(row["score"])) for row in found if row["score"] is not None]
            )
            if not len(scores):
                continue
            passed, failed = int((scores >= ACCEPT_AT).sum()), int((scores < REJECT_BELOW).sum())
            low, high = clopper_pearson(passed, len(scores))
            print(
                f"{half:8} {kind:26} n={len(scores):5} none={len(found) - len(scores):3} "
                f"pass={passed:5} [{low:.4f} {high:.4f}] fail={failed:5} "
                f"scores {np.quantile(scores, [0, 0.001, 0.01, 0.5, 0.99, 1]).round(3)}"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, help="folder with index.csv, colour.csv and groups.csv")
    parser.add_argument(
        "--bursts", type=Path, help="folder with an index.csv of clips of one person"
    )
    parser.add_argument(
        "--cards", type=int, default=0, help="copies from so many cards; none: pairs"
    )
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    bench = Bench()
    if asked.cards:
        bench.copies(asked.faces, asked.cards)
    else:
        for name in ("colour", "index", "groups"):
            bench.photographs(asked.faces, files_of(asked.faces / f"{name}.csv"), f"two:{name}")
    if asked.bursts:
        bench.bursts(asked.bursts, 300)
    tell(bench.rows)
    if asked.out:
        with asked.out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(bench.rows[0]))
            writer.writeheader()
            writer.writerows(bench.rows)


if __name__ == "__main__":
    main()
