"""What do finding, aligning, comparing and judging a face cost, and what are they worth?

    python research/benchmarks/bench_face.py match INDEX.csv [--limit 300] [--peer-python PYTHON]
    python research/benchmarks/bench_face.py quality INDEX.csv [--limit 1600]
    python research/benchmarks/bench_face.py same-person FOLDER-OF-LIPS
    python research/benchmarks/bench_face.py frames INDEX.csv [--limit 700]

Single thread, CPU time, fixed seed, one JSON object on standard output. INDEX has columns
`file,identity`, paths relative to it.

`match`: CPU time by stage and FNMR at FMR 1e-3, all pairs, beside `face_recognition` (dlib) on the
same pictures when PYTHON of an environment that has it is given (see `peer_dlib.py`).
`quality`: error against discard. Every picture is harmed in one of seven ways by a random amount
and compared with untouched ones of the same person; then the worst are left out by their quality.
`same-person`: the least alike stretch of one clip per speaker, and of clips in which another
speaker stands in for 2 of 8 frames.
`frames`: what several frames of a clip are worth against a document's portrait, and how many looks
at each. Frames are simulated: one picture moved, lit, blurred and compressed six times.
"""

import argparse
import csv
import itertools
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.errors import InputError
from veridical.evaluation.protocols.face import portrait_of
from veridical.face import FaceQualityCheck, look
from veridical.face.match import least_alike_stretch
from veridical.media import read_clip, read_image
from veridical.types import Image, View

SEED = 1
FMR = 1e-3
MATCH_AT = 0.36
FRAMES = 8
Floats = NDArray[np.float64]


class Bench:
    """The nets of the installed profile."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        engines = Engines.open()
        self.detector = engines.need(Engines.detector)
        self.mesher = engines.need(Engines.mesher)
        self.embedder = engines.need(Engines.embedder)
        self.cpu_ms: dict[str, list[float]] = {"detect": [], "mesh": [], "embed": []}

    def central(self, image: Image) -> View | None:
        """The face nearest the centre, whoever else is there: what an index of portraits means."""
        start = time.process_time()
        faces = self.detector(image)
        found = time.process_time()
        if not faces:
            return None
        x, y = image.width / 2, image.height / 2
        face = min(faces, key=lambda f: np.hypot(f.box.centre[0] - x, f.box.centre[1] - y))
        view = View(image, (face,), face, "", self.mesher(image, face))
        self.cpu_ms["detect"].append((found - start) * 1e3)
        self.cpu_ms["mesh"].append((time.process_time() - found) * 1e3)
        return view

    def vector(self, view: View) -> NDArray[np.float32]:
        """The template's numbers."""
        start = time.process_time()
        vector = self.embedder(view).vector
        self.cpu_ms["embed"].append((time.process_time() - start) * 1e3)
        return vector


def read_index(path: Path, limit: int) -> tuple[list[Path], NDArray[np.intp]]:
    """Files and person numbers, people with several pictures first come."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:limit]
    people = np.unique([row["identity"] for row in rows], return_inverse=True)[1]
    return [path.parent / row["file"] for row in rows], people


def fnmr_at(
    vectors: list[NDArray[np.float32] | None], people: NDArray[np.intp]
) -> dict[str, object]:
    """FNMR at `FMR` over all pairs of the pictures that gave a vector, distance as similarity."""
    kept = [i for i, vector in enumerate(vectors) if vector is not None]
    matrix = np.stack([v for v in vectors if v is not None]).astype(np.float64)
    # Minus the squared distance: for unit vectors it orders as the cosine does.
    square = (matrix**2).sum(1)
    scores = 2 * matrix @ matrix.T - square[:, None] - square[None]
    pairs = np.triu_indices(len(kept), 1)
    mated = people[kept][pairs[0]] == people[kept][pairs[1]]
    non_mated = np.sort(scores[pairs][~mated])
    threshold = non_mated[len(non_mated) - int(FMR * len(non_mated)) - 1]
    return {
        "not_found": len(vectors) - len(kept),
        "n_mated": int(mated.sum()),
        "n_non_mated": len(non_mated),
        "fnmr_at_fmr_1e-3": round(float((scores[pairs][mated] <= threshold).mean()), 5),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Minimum, median and maximum."""
    return {
        "min": round(min(values), 2),
        "median": round(float(np.median(values)), 2),
        "max": round(max(values), 2),
    }


def bench_match(index: Path, limit: int, peer_python: str | None) -> dict[str, object]:
    """Both sides on the same pictures."""
    files, people = read_index(index, limit)
    bench = Bench()
    images = [read_image(file) for file in files]
    bench.vector(view) if (view := bench.central(images[0])) else None  # warm up
    bench.cpu_ms = {stage: [] for stage in bench.cpu_ms}
    vectors = [bench.vector(view) if (view := bench.central(image)) else None for image in images]
    stages = {stage: spread(values) for stage, values in bench.cpu_ms.items()}
    total = sum(float(np.median(values)) for values in bench.cpu_ms.values())
    answer: dict[str, object] = {
        "pictures": len(files),
        "veridical": {
            **fnmr_at(vectors, people),
            "cpu_ms": stages,
            "cpu_ms_per_verification": round(2 * total, 1),
        },
    }
    if peer_python:
        script = Path(__file__).with_name("peer_dlib.py")
        run = subprocess.run(
            [peer_python, str(script)],
            input="\n".join(map(str, files)),
            capture_output=True,
            text=True,
            check=True,
        )
        peer = json.loads(run.stdout)
        theirs = [None if v is None else np.array(v, np.float32) for v in peer["vectors"]]
        answer["face_recognition"] = {
            **fnmr_at(theirs, people),
            "cpu_ms": spread(peer["cpu_ms"]),
            "cpu_ms_per_verification": round(2 * float(np.median(peer["cpu_ms"])), 1),
        }
    return answer


def harms(rng: np.random.Generator) -> tuple[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]:
    """One way to spoil a picture, by a random amount."""
    kind, much = int(rng.integers(7)), float(rng.random())

    def side(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        width = pixels.shape[1]
        lit = 1 / (1 + np.exp((np.arange(width) - width / 2) / 8))
        rest = 1 - 0.95 * much
        return (pixels * (lit * (1 - rest) + rest)[None, :, None]).astype(np.uint8)

    ways: list[tuple[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]] = [
        ("none", lambda p: p),
        ("blur", lambda p: np.asarray(cv2.GaussianBlur(p, (0, 0), 0.5 + 3.5 * much), np.uint8)),
        ("dark", lambda p: (255 * (p / 255.0) ** (1 + 3.5 * much)).astype(np.uint8)),
        ("bright", lambda p: np.clip(p * (1 + 2 * much), 0, 255).astype(np.uint8)),
        ("side light", side),
        (
            "small",
            lambda p: np.asarray(
                cv2.resize(
                    p, None, fx=1 - 0.8 * much, fy=1 - 0.8 * much, interpolation=cv2.INTER_AREA
                ),
                np.uint8,
            ),
        ),
        (
            "noise",
            lambda p: np.clip(p + rng.normal(0, 40 * much, p.shape), 0, 255).astype(np.uint8),
        ),
    ]
    return ways[kind]


def bench_quality(index: Path, limit: int) -> dict[str, object]:
    """Error against discard, by the score with and without the recogniser's own view."""
    files, people = read_index(index, limit)
    bench, rng = Bench(), np.random.default_rng(SEED)
    images = [read_image(file) for file in files]
    seen = [bench.central(image) for image in images]
    vectors = np.stack(
        [np.zeros(128, np.float32) if v is None else bench.embedder(v).vector for v in seen]
    )
    checks = {"aspects": FaceQualityCheck(), "with_recogniser": FaceQualityCheck(bench.embedder)}
    scores: list[float] = []
    quality: dict[str, list[float]] = {name: [] for name in checks}
    clean: list[float] = []
    lost = 0
    for number, image in enumerate(images):
        first = seen[number]
        if first is not None:
            clean.append(checks["with_recogniser"](first).score or 0.0)
        mates = np.flatnonzero(people == people[number])
        mates = mates[mates != number]
        if not len(mates):
            continue
        view = bench.central(Image(np.ascontiguousarray(harms(rng)[1](image.pixels))))
        if view is None:
            lost += 1
            continue
        scores.append(float((vectors[mates] @ bench.embedder(view).vector).mean()))
        for name, check in checks.items():
            quality[name].append(check(view).score or 0.0)
    missed = np.array(scores) < MATCH_AT
    curves: dict[str, object] = {}
    for name, values in quality.items():
        order = np.argsort(values)
        kept = {share: order[int(len(order) * share) :] for share in (0, 0.05, 0.1, 0.2, 0.3, 0.5)}
        curves[name] = {
            f"{share:.0%}": round(float(missed[k].mean()), 4) for share, k in kept.items()
        }
    bands = {}
    joined = np.array(quality["with_recogniser"])
    edges = (0, 1, 2, 5, 10, 20, 40, 101)
    for low, high in itertools.pairwise(edges):
        inside = (joined >= low) & (joined < high)
        if inside.any():
            bands[f"{low}..{high}"] = [int(inside.sum()), round(float(missed[inside].mean()), 4)]
    return {
        "n": len(scores),
        "no_face_after_harm": lost,
        "fnmr_at_0.36_by_share_discarded": curves,
        "n_and_fnmr_by_score": bands,
        "untouched_pictures_below_5": [int((np.array(clean) < 5).sum()), len(clean)],
    }


def frame_of(rng: np.random.Generator, image: Image) -> Image:
    """One frame of a clip that shows what a picture shows."""
    height, width = image.pixels.shape[:2]
    moved = cv2.getRotationMatrix2D(
        (width / 2, height / 2), rng.uniform(-7, 7), rng.uniform(0.8, 1.1)
    )
    moved[:, 2] += rng.uniform(-6, 6, 2)
    pixels = cv2.warpAffine(image.pixels, moved, (width, height), borderMode=cv2.BORDER_REPLICATE)
    pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.8))
    lit = pixels * rng.uniform(0.6, 1.3) + rng.normal(0, rng.uniform(1, 8), pixels.shape)
    data = cv2.imencode(
        ".jpg",
        np.clip(lit, 0, 255).astype(np.uint8)[:, :, ::-1],
        [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(35, 75))],
    )[1]
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return Image(np.ascontiguousarray(decoded[:, :, ::-1]))


def bench_frames(index: Path, limit: int) -> dict[str, object]:
    """FNMR of fused frames against degraded portraits, by frames and looks."""
    files, people = read_index(index, limit)
    bench, rng = Bench(), np.random.default_rng(SEED)
    portraits: list[NDArray[np.float32]] = []
    looks: list[NDArray[np.float32]] = []  # (frames, 2 looks, d) of each picture
    kept: list[int] = []
    for number, file in enumerate(files):
        image = read_image(file)
        clean = bench.central(image)
        if clean is None or clean.subject is None:
            continue
        portrait = bench.central(portrait_of(image, clean.subject))
        views = [bench.central(frame_of(rng, image)) for _ in range(6)]
        seen = [view for view in views if view is not None]
        if portrait is None or len(seen) < 6:
            continue
        crops = [crop for view in seen for crop in bench.embedder.looks(view)]
        vectors = bench.embedder.embed(np.stack(crops))
        looks.append(vectors.reshape(6, 2, -1))
        portraits.append(bench.embedder(portrait).vector)
        kept.append(number)
    frames = np.stack(looks)
    alternate = np.stack([frames[:, i, i % 2] for i in range(6)], 1)
    ways = {
        "1 frame, 2 looks": frames[:, 0].mean(1),
        "3 frames, 1 look": frames[:, ::2, 0].mean(1),
        "3 frames, looks by turns": alternate[:, :3].mean(1),
        "3 frames, 2 looks": frames[:, ::2].mean((1, 2)),
        "6 frames, 1 look": frames[:, :, 0].mean(1),
        "6 frames, looks by turns": alternate.mean(1),
        "6 frames, looks by turns, each of the same weight": unit(alternate).mean(1),
        "6 frames, 2 looks": frames.mean((1, 2)),
    }
    who = people[kept]
    same = who[:, None] == who[None]
    mated = same & ~np.eye(len(who), dtype=bool)
    references = np.stack(portraits)
    answer: dict[str, object] = {"pictures": len(who), "n_mated": int(mated.sum())}
    for name, vectors in ways.items():
        scores = references @ unit(vectors).T
        strangers = np.sort(scores[~same])
        answer[name] = {
            f"fnmr_at_fmr_{rate:g}": round(
                float((scores[mated] <= strangers[-int(rate * len(strangers)) - 1]).mean()), 4
            )
            for rate in (1e-2, 1e-3, 1e-4)
        } | {"fnmr_at_0.46": round(float((scores[mated] < 0.46).mean()), 4)}
    return answer


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring to unit length along the last axis."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def bench_same_person(folder: Path) -> dict[str, object]:
    """Genuine clips, and clips with a stand-in."""
    bench, rng = Bench(), np.random.default_rng(SEED)
    clips: dict[str, Path] = {}
    for name in ("silent.csv", "index.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["label"] in ("silent", "bona_fide"):
                    clips.setdefault(row["speaker"], folder / row["file"])
    people: list[NDArray[np.float32]] = []
    for path in clips.values():
        try:
            frames = read_clip(path).frames
        except InputError:
            continue
        chosen = np.linspace(0, len(frames) - 1, 12).round().astype(int)
        views = [look(frames[i], bench.detector, bench.mesher) for i in chosen]
        views = [v for v in views if v.subject is not None and v.subject.inter_eye_px >= 25]
        if len(views) >= 6:
            kept = np.linspace(0, len(views) - 1, FRAMES).round().astype(int)
            people.append(bench.embedder.frame_vectors([views[i] for i in kept]))
    genuine = [least_alike_stretch(vectors)[0] for vectors in people]
    means = np.stack([v.sum(0) / np.linalg.norm(v.sum(0)) for v in people])
    switched = []
    for i, one in enumerate(people):
        for j, other in enumerate(people):
            # Some speakers appear under two names: one person is no stand-in for himself.
            if i == j or float(means[i] @ means[j]) > 0.6:
                continue
            mixed = one.copy()
            at = int(rng.integers(FRAMES - 1))
            mixed[at : at + 2] = other[at : at + 2]
            switched.append(least_alike_stretch(mixed)[0])
    return {
        "clips": len(people),
        "genuine": [round(float(v), 3) for v in np.percentile(genuine, (0, 5, 50))],
        "switched": len(switched),
        "switched_scores": [round(float(v), 3) for v in np.percentile(switched, (50, 99, 100))],
    }


def main() -> None:
    """Run one bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, limit in (
        ("match", 300),
        ("quality", 1600),
        ("same-person", 0),
        ("frames", 700),
    ):
        one = kinds.add_parser(kind)
        one.add_argument("data", type=Path)
        one.add_argument("--limit", type=int, default=limit)
        one.add_argument("--peer-python")
    words = parser.parse_args()
    if words.kind == "match":
        answer = bench_match(words.data, words.limit, words.peer_python)
    elif words.kind == "quality":
        answer = bench_quality(words.data, words.limit)
    elif words.kind == "frames":
        answer = bench_frames(words.data, words.limit)
    else:
        answer = bench_same_person(words.data)
    about = {
        "bench": f"face {words.kind}",
        "cpu": platform.machine(),
        "python": platform.python_version(),
    }
    json.dump({**about, **answer}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
