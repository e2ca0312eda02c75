"""Did the head turn as it was asked to, when it was asked?"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.liveness.motion.course import (
    AXES,
    CELL_MS,
    SHAPE,
    courses,
    draw_many,
    places_of,
)
from veridical.liveness.motion.track import HeadTrack
from veridical.liveness.permutation import DRAWS, draws_of, rank
from veridical.result import EvidenceValue, Measurement
from veridical.types import Challenge, Turns

__all__ = ["MotionCheck", "MotionFinding", "MotionGate", "expected"]

DELAYS = np.arange(2, 15)
"""How much later than asked a head turns, in cells: 0.2 to 1.4 s to see the arrow and to move."""
PITCH_WEIGHT = 1.4
"""Heads nod less far than they turn: by about this much, both count alike."""


@dataclass(frozen=True, slots=True)
class MotionGate:
    """What a clip must offer before its movement means something.

    Attributes:
        fps_at_least: Frames a second that show the head.
        seen_share_at_least: Share of the frames in which it must be found, 0..1.
        turn_deg_at_least: How far the head must turn from its middle at all.
        short_ms: How much of the course a clip may lack at its end.
        relief_at_least: Below this a turned face is flat; see `HeadTrack.relief`.
    """

    fps_at_least: float = 6.0
    seen_share_at_least: float = 0.6
    turn_deg_at_least: float = 8.0
    short_ms: float = 600.0
    relief_at_least: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class MotionFinding:
    """Everything that was found in a clip.

    Attributes:
        score: Minus the decimal logarithm of the p value, 0 where the face is flat; None when not
            assessed.
        reason: Why it was not assessed, or what a low score means.
        track: The head.
        p: Share of all courses that the head followed at least as well.
        correlation: Of the head with the course asked for, -1..1.
        delay_ms: How much later than asked it fits best.
    """

    score: float | None
    reason: str
    track: HeadTrack | None = None
    p: float | None = None
    correlation: float | None = None
    delay_ms: float | None = None


class MotionCheck:
    """Movement challenge: a head turns along a course that was drawn for it.

    Args:
        key: The server's own secret, 16 bytes or more: other courses are drawn from it.
        gate: What a clip must offer.
        draws: Other courses the one asked for is ranked among.
    """

    name = "liveness.motion"

    def __init__(self, key: bytes, gate: MotionGate = MotionGate(), draws: int = DRAWS) -> None:
        self._key = key
        self._gate = gate
        self._draws = draws

    def __call__(self, track: HeadTrack | None, challenge: Challenge | None) -> Measurement:
        """Measure one clip.

        Args:
            track: The head in every frame that was followed.
            challenge: What was asked.

        Returns:
            Minus the decimal logarithm of the p value, 0 to 3.7: 2 is one false accept in a
            hundred for a clip that was fixed before the draw.
        """
        start = time.perf_counter()
        found = self.examine(track, challenge)
        elapsed_ms = (time.perf_counter() - start) * 1000
        return Measurement(self.name, found.score, found.reason, _evidence(found), (), elapsed_ms)

    def examine(self, track: HeadTrack | None, challenge: Challenge | None) -> MotionFinding:
        """Look at a clip and keep everything that was found; see `__call__`."""
        if challenge is None or challenge.turns is None:
            return MotionFinding(None, "motion_no_challenge")
        turns = challenge.turns
        reason = "no_face" if track is None else self._refuses(track, turns)
        if reason or track is None:
            return MotionFinding(None, reason, track)
        cells = int(turns.end_ms // CELL_MS)
        ways, starts = draw_many(
            len(turns.directions), self._draws, draws_of(self._key, challenge, "motion")
        )
        moved = _moved(track, cells)
        true = _fit(*places_of(turns), moved)[0]
        p = rank(float(true.max()), _fit(ways, starts, moved).max(1))
        best = int(true.argmax())
        flat = track.relief is not None and track.relief < self._gate.relief_at_least
        return MotionFinding(
            0.0 if flat else -float(np.log10(p)),
            "flat_motion" if flat else "turned_otherwise",
            track,
            p,
            float(true[best]),
            float(DELAYS[best] * CELL_MS),
        )

    def _refuses(self, track: HeadTrack, turns: Turns) -> str:
        """What is missing; empty when the clip can be judged."""
        gate = self._gate
        if len(track.times_ms) < 2 or track.seen_share < gate.seen_share_at_least:
            return track.reasons[0] if track.reasons else "too_few_frames"
        if track.times_ms[-1] < turns.end_ms - gate.short_ms:
            return "clip_too_short"
        if track.fps < gate.fps_at_least:
            return "frame_rate_low"
        away = np.abs(track.turned_deg - np.median(track.turned_deg, axis=0))
        if np.percentile(away.max(1), 95) < gate.turn_deg_at_least:
            return "head_still"
        return ""


def expected(turns: Turns, cells: int) -> NDArray[np.float32]:
    """What a head does that follows a course at once: (cells, 2) yaw and pitch, -1..1."""
    return np.asarray(courses(*places_of(turns), cells)[0], np.float32)


def _moved(track: HeadTrack, cells: int) -> NDArray[np.float64]:
    """(delays, cells, 2): the head at every cell, earlier by each delay, of unit power."""
    turned = track.turned_deg - np.median(track.turned_deg, axis=0)
    turned = np.clip(turned, -45, 45) * (1.0, PITCH_WEIGHT)
    times_ms = (np.arange(cells)[None] + DELAYS[:, None] + 0.5) * CELL_MS
    found = np.stack(
        [np.interp(times_ms, track.times_ms, turned[:, axis]) for axis in (0, 1)], axis=-1
    )
    found -= found.mean(1, keepdims=True)
    size = np.linalg.norm(found, axis=(1, 2), keepdims=True)
    return np.asarray(found / np.maximum(size, 1e-9))


def _fit(
    ways: NDArray[np.intp], starts: NDArray[np.integer], moved: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, delays) correlation of each course with the head.

    A course is one shape at several places that never overlap, so that what each turn adds is
    looked up: no course is drawn out.
    """
    cells = moved.shape[1]
    last = int(max(starts.max(), cells)) + len(SHAPE)
    padded = np.zeros((len(moved), last + len(SHAPE), 2))
    padded[:, :cells] = moved
    near = np.lib.stride_tricks.sliding_window_view(padded, len(SHAPE), axis=1) @ SHAPE
    product = (near @ AXES.T.astype(np.float64)).transpose(1, 2, 0)  # start, direction, delay
    inside = np.arange(len(SHAPE)) + np.arange(last)[:, None] < cells
    part, power = inside @ SHAPE, inside @ SHAPE**2
    sums = np.einsum("nt,ntk->nk", part[starts], AXES[ways])
    size = power[starts].sum(1) - (sums**2).sum(1) / cells
    return np.asarray(product[starts, ways].sum(1) / np.sqrt(np.maximum(size, 1e-9))[:, None])


def _evidence(found: MotionFinding) -> dict[str, EvidenceValue]:
    track = found.track
    evidence: dict[str, EvidenceValue] = {}
    if track is not None:
        evidence["fps"] = round(track.fps, 2)
        evidence["face_seen"] = round(track.seen_share, 3)
        evidence["relief"] = None if track.relief is None else round(track.relief, 2)
    if found.p is not None and found.correlation is not None:
        evidence["p"] = round(found.p, 5)
        evidence["correlation"] = round(found.correlation, 3)
        evidence["delay_ms"] = found.delay_ms
    return evidence
