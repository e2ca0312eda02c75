"""How often does a head follow a drawn course by chance, and how often does who is asked pass?

Chance is measured on real and generated heads that nobody asked anything. Genuine movement is
simulated: the head of a real clip, and on top of it what a person does who sees the arrows.
"""

import hashlib
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import Rate, Trials, subject_bootstrap
from veridical.catalogue.points import points_of
from veridical.errors import InputError
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import hash_data
from veridical.evaluation.plots import bars
from veridical.evaluation.protocols.light import Filmed, read_filmed, reduced
from veridical.evaluation.request import Evaluation, Request, Section
from veridical.face.pose import head_pose
from veridical.face.track import FaceTracker
from veridical.liveness.challenge import draw_movement
from veridical.liveness.motion import HeadTrack, MotionCheck, head_track
from veridical.liveness.motion.course import CELL_MS, HELD_MS, courses, draw_many
from veridical.media import read_clip
from veridical.result import OperatingPoint
from veridical.types import Turns
from veridical.verification.settings import Settings

__all__ = ["MotionMaker", "Mover", "distinguishable", "evaluate_motion", "motion_figures"]

COLUMNS = ("condition", "score", "reason", "p", "correlation", "relief", "cpu_ms")
KEY = b"evaluation only, never a server"
COURSES = 40
"""Courses each clip is held against."""
SIDE_PX = 400
ALIKE = 0.8
"""Courses whose answers correlate above this, at their best delay, cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Mover:
    """How simulated people turn their heads; assumed, not measured.

    Attributes:
        delay_ms: Median time from arrow to movement.
        delay_sd: Standard deviation of its logarithm from turn to turn.
        yaw_deg: Least and most of a turn to the side.
        pitch_deg: Least and most of a nod.
        rise_ms: Time a turn takes.
        cross: Share of a turn that goes into the other axis, at most.
    """

    delay_ms: float = 550.0
    delay_sd: float = 0.3
    yaw_deg: tuple[float, float] = (15.0, 35.0)
    pitch_deg: tuple[float, float] = (8.0, 20.0)
    rise_ms: float = 500.0
    cross: float = 0.25


@dataclass(frozen=True, slots=True)
class MotionMaker:
    """Builds the measuring worker in its process.

    Attributes:
        settings: The installation.
        seed: Of what is drawn.
    """

    settings: Settings
    seed: int = 0

    def __call__(self) -> "MotionWorker":
        """Load face tracking."""
        engines = Engines.open(self.settings)
        tracker = FaceTracker(engines.need(Engines.detector), engines.need(Engines.mesher))
        return MotionWorker(tracker, self.seed)


class MotionWorker:
    """Clip in, a row for each course it is held against out."""

    def __init__(self, tracker: FaceTracker, seed: int) -> None:
        self._tracker = tracker
        self._seed = seed

    def __call__(self, work: Filmed) -> Sequence[Mapping[str, object]]:
        """Measure one clip."""
        try:
            clip = reduced(read_clip(work.file, max_side_px=SIDE_PX))
        except InputError as error:
            return [{"condition": "unread", "reason": error.code}]
        name = hashlib.sha256(f"{self._seed} {work.file.name}".encode()).digest()
        track = head_track(self._tracker(clip), head_pose)
        return held_against(track, work.label, random.Random(int.from_bytes(name[:8])))  # noqa: S311


def held_against(
    track: HeadTrack, label: str, chance: random.Random
) -> Sequence[Mapping[str, object]]:
    """Hold one head against drawn courses, as it is and, of a genuine one, as if it followed."""
    if len(track.times_ms) < 2:
        return [{"condition": "unread", "reason": "no_face"}]
    check, rows = MotionCheck(KEY), []
    for _ in range(COURSES):
        challenge = draw_movement(source=chance)
        if challenge.turns is None:
            continue
        ways = {("unasked" if label == "genuine" else label): _lasting(track, challenge.turns)}
        if label == "genuine":
            ways["followed"] = followed(ways["unasked"], challenge.turns, Mover(), chance)
        for condition, head in ways.items():
            start = time.process_time()
            found = check.examine(head, challenge)
            rows.append(
                {
                    "condition": condition,
                    "score": found.score,
                    "reason": found.reason,
                    "p": found.p,
                    "correlation": found.correlation,
                    "relief": head.relief,
                    "cpu_ms": (time.process_time() - start) * 1000,
                }
            )
    return rows


def _lasting(track: HeadTrack, turns: Turns) -> HeadTrack:
    """A head that goes on as long as the course does: forth and back through its own clip."""
    span_ms = float(track.times_ms[-1] - track.times_ms[0])
    step_ms = span_ms / max(len(track.times_ms) - 1, 1)
    times_ms = np.arange(0, turns.end_ms + step_ms, step_ms)
    place = np.abs((times_ms + span_ms) % (2 * span_ms) - span_ms) + track.times_ms[0]
    turned = np.stack(
        [np.interp(place, track.times_ms, track.turned_deg[:, axis]) for axis in (0, 1)], axis=1
    )
    frames = round(len(times_ms) / max(track.seen_share, 1e-3))
    return replace(track, times_ms=times_ms, turned_deg=turned, frames=frames)


def followed(track: HeadTrack, turns: Turns, mover: Mover, chance: random.Random) -> HeadTrack:
    """What a head does on top of its own movement when its person follows a course; simulated."""
    turned = track.turned_deg - np.median(track.turned_deg, axis=0)
    for direction, start_ms in zip(turns.directions, turns.starts_ms, strict=True):
        sideways = direction in ("left", "right")
        sign = 1.0 if direction in ("left", "up") else -1.0
        size = chance.uniform(*(mover.yaw_deg if sideways else mover.pitch_deg))
        go_ms, back_ms = (
            mover.delay_ms * float(np.exp(chance.gauss(0, mover.delay_sd))) for _ in range(2)
        )
        there = _rise(track.times_ms, start_ms + go_ms, mover.rise_ms)
        back = _rise(track.times_ms, start_ms + HELD_MS + back_ms, mover.rise_ms)
        shape = np.maximum(there - back, 0)
        other = chance.uniform(-mover.cross, mover.cross) * size
        turned = turned + shape[:, None] * (
            (sign * size, other) if sideways else (other, sign * size)
        )
    return replace(track, turned_deg=turned, relief=None)


def _rise(times_ms: NDArray[np.float64], start_ms: float, length_ms: float) -> NDArray[np.float64]:
    """Least jerk from 0 to 1 (T. Flash and N. Hogan, J. Neuroscience 5(7), 1985)."""
    t = np.clip((times_ms - start_ms) / length_ms, 0, 1)
    return np.asarray(10 * t**3 - 15 * t**4 + 6 * t**5)


def distinguishable(turns: int = 3, drawn: int = 3000) -> float:
    """How many courses can be told apart: one by the chance that two draws look alike."""
    ways, starts = draw_many(turns, drawn, np.random.default_rng(0))
    cells = int(starts.max()) + 2 * HELD_MS // CELL_MS
    whole = courses(ways, starts, cells)
    whole -= whole.mean(1, keepdims=True)
    flat = whole.reshape(drawn, -1)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    asked = whole[:300]
    best = np.full((len(asked), drawn), -1.0, np.float32)
    for delay in range(-6, 7):
        moved = np.roll(asked, delay, axis=1).reshape(len(asked), -1)
        moved = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        best = np.maximum(best, moved @ flat.T)
    alike = (best >= ALIKE).sum() - len(asked)  # less each with itself
    return float(len(asked) * (drawn - 1) / max(int(alike), 1))


def evaluate_motion(
    request: Request, settings: Settings, maker: Maker[Filmed] | None = None
) -> Evaluation:
    """Evaluate the movement challenge over an index of clips in which nobody was asked to move.

    Args:
        request: What was asked.
        settings: The installation.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The index cannot be used.
        ModelError: A model is missing.
    """
    engines = Engines.open(settings)
    models = tuple(engines.card(role).ref for role in ("detector", "mesh"))
    clips = read_filmed(request)
    data = hash_data(request.index, [clip.file for clip in clips])
    stamp_run(
        request.out,
        {
            "kind": "motion",
            "data": data,
            "limit": request.limit,
            "profile": engines.profile.name,
            "seed": request.seed,
            "models": [f"{model.name}@{model.sha256}" for model in models],
        },
    )
    scores = ScoreFile(request.out / "scores.csv", COLUMNS)
    score_units(
        [Unit(str(number), clip) for number, clip in enumerate(clips)],
        maker or MotionMaker(settings, request.seed),
        scores,
        title="motion",
        workers=request.workers,
    )
    point = points_of(engines)["liveness.motion"]
    evaluation = motion_figures(list(scores.rows()), clips, point, request.seed)
    evaluation.profile = engines.profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len(clips)
    evaluation.options = {"courses": COURSES}
    return evaluation


def motion_figures(
    rows: Sequence[Mapping[str, str]],
    clips: Sequence[Filmed],
    point: OperatingPoint,
    seed: int,
) -> Evaluation:
    """Work the figures out of scores; no model is needed.

    Args:
        rows: Rows of the score file.
        clips: In order of their numbers.
        point: Operating point in force.
        seed: Of the intervals.
    """
    figures = Figures("motion")
    figures.put("accept_at", point.accept_at)
    figures.put("courses_told_apart", distinguishable())
    kinds: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        kinds.setdefault(row["condition"], []).append(row)
    kinds.pop("unread", None)
    people = {speaker: at for at, speaker in enumerate(sorted({clip.speaker for clip in clips}))}
    shares: dict[str, Rate] = {}
    for kind, chosen in kinds.items():
        passed = np.array(
            [bool(r["score"]) and float(r["score"]) >= point.accept_at for r in chosen]
        )
        who = np.array([people[clips[int(row["unit"])].speaker] for row in chosen], np.int64)
        shares[kind] = rate = Rate(int(passed.sum()), len(passed))
        bounds = None
        if rate.errors > 0:
            bounds = subject_bootstrap(Trials.counted(who, who, passed, len(people)), seed)
        put = figures.share if kind == "followed" else figures.rate
        put(f"accepted|{kind}", rate, bounds)
        ranked = [float(row["p"]) for row in chosen if row["p"]]
        chance = Rate(sum(p <= 10**-point.accept_at for p in ranked), len(ranked))
        figures.share(f"p_at_most_where_it_moved|{kind}", chance if ranked else None)
        figures.put(f"people|{kind}", len({*who.tolist()}))
        figures.put(f"not_assessed|{kind}", sum(not row["score"] for row in chosen) / len(chosen))
        reliefs = [float(row["relief"]) for row in chosen if row["relief"]]
        figures.put(f"relief|{kind}|p5", float(np.quantile(reliefs, 0.05)) if reliefs else None)
        figures.put(f"relief|{kind}|p50", float(np.median(reliefs)) if reliefs else None)
    times = [float(row["cpu_ms"]) for row in rows if row["cpu_ms"] and row["p"]]
    figures.put("cpu_ms", float(np.median(times)) if times else None)
    figures.notes += [
        "genuine movement is simulated on the tracks of real heads: no figure of it is a claim",
        "courses held against one clip are not independent: intervals are drawn by person",
    ]
    return Evaluation(
        figures,
        headline=(
            ("accepted|unasked", "accepted by chance"),
            ("accepted|followed", "accepted when followed (simulated)"),
            ("courses_told_apart", "courses that can be told apart"),
        ),
        sections=[
            Section("Accepted", "Heads held against drawn courses.", bars(shares, "accepted"))
        ],
    )
