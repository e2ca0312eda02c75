"""Did this face answer the colours that were drawn for it, when they were shown?"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.liveness.light.follow import (
    LATE_MS,
    Draws,
    LightResponse,
    chroma,
    follow,
    free_of,
    gain_at,
)
from veridical.liveness.light.trace import SKIN, Trace, trace_of
from veridical.liveness.permutation import DRAWS, draws_of
from veridical.result import EvidenceValue, Measurement
from veridical.types import Arrival, Challenge, Colours, View

__all__ = ["LightCheck", "LightFinding", "LightGate", "Signals", "frames_apart", "signals_of"]

SETTLE_MS = 400.0
"""Start of a recording that is left out: at no lag may a frame belong to what was before it."""
APART_MS = 55.0
"""Frames nearer to each other than this are left out: colours change twice a second at most."""
NIGHT = (1.0, 0.75, 0.3)
"""Strength of red, green and blue on a screen that is set warm for the night."""


@dataclass(frozen=True, slots=True)
class LightGate:
    """What a clip must offer before its colours mean something, and where they mean nothing.

    Attributes:
        fps_at_least: Below this the changes fall between frames.
        seen_share_at_least: Share of the frames in which the face must be found, 0..1.
        readable_at_least: Share of the skin that is neither clipped nor dark, 0..1. Fewer samples
            make noise and no false accepts: which are read depends on the clip, not on the draw.
        colour_at_least: Least difference of skin from grey, in natural logarithms.
        short_ms: How much of the sequence a clip may lack at its end.
        arrival_ms: How long after its end a slice may arrive.
        p_at_most: Above this p value nothing can be told of the light: an unlit face and one in
            bright daylight look alike. Face less room must answer below it, too.
        room_at_most: Answer of the room, as a share of the face's, from which on the whole picture
            may have been tinted.
    """

    fps_at_least: float = 7.5
    seen_share_at_least: float = 0.8
    readable_at_least: float = 0.15
    colour_at_least: float = 0.02
    short_ms: float = 300.0
    arrival_ms: float = 2500.0
    p_at_most: float = 0.05
    room_at_most: float = 0.75


@dataclass(frozen=True, slots=True, eq=False)
class LightFinding:
    """Everything that was found in a clip: what a report shows.

    Attributes:
        score: Minus the decimal logarithm of the p value; None when not assessed.
        reason: Why it was not assessed, or what a low score means.
        trace: The colours of skin and room; None when nothing was asked.
        colours: What was shown; None when nothing was asked.
        face: Answer of the face.
        against_room: Answer of the face less the room; None where no room is seen.
        room: Gain of the room at the face's lag; None where no room is seen.
        unevenness: Spread of the answers over the face, as a share of their mean; None where the
            face does not answer.
        slowest_ms: Longest time a slice took after its end; None when it was not sent in slices.
    """

    score: float | None
    reason: str
    trace: Trace | None = None
    colours: Colours | None = None
    face: LightResponse | None = None
    against_room: LightResponse | None = None
    room: float | None = None
    unevenness: float | None = None
    slowest_ms: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """What of a trace is compared with the colours.

    Attributes:
        times_ms: (n,) times, without the start and what came after the last colour.
        basis: (n, m) what may not explain it; see `free_of`.
        skin: (n, 2) chroma of the skin.
        room: (n, 2) chroma of the room; None where none is seen.
        patches: Chroma of each patch of the face that is neither clipped nor dark.
    """

    times_ms: NDArray[np.float64]
    basis: NDArray[np.float64]
    skin: NDArray[np.float64]
    room: NDArray[np.float64] | None
    patches: tuple[NDArray[np.float64], ...]


class LightCheck:
    """Light challenge: skin answers colours that nobody could know before they were drawn.

    Args:
        key: The server's own secret, 16 bytes or more: other draws are drawn from it.
        gate: What a clip must offer.
        draws: Other sequences the shown one is ranked among.

    Source: the challenge after D. Tang et al., "Face Flashing", NDSS 2018; the rank as a
    permutation test, B. Phipson and G. K. Smyth, SAGMB 9(1), 2010.
    """

    name = "liveness.light"

    def __init__(self, key: bytes, gate: LightGate = LightGate(), draws: int = DRAWS) -> None:
        self._key = key
        self._gate = gate
        self._draws = draws

    def __call__(
        self,
        views: Sequence[View],
        challenge: Challenge | None,
        arrivals: Sequence[Arrival] = (),
    ) -> Measurement:
        """Measure one clip.

        Args:
            views: Frames of the clip in order, ten a second or more, each with the mesh of its
                subject: those the lips are followed in.
            challenge: What was asked.
            arrivals: When the slices of the recording arrived; empty where it came as a whole,
                which the evidence says: a clip that was lit after the draw answers as well.

        Returns:
            Minus the decimal logarithm of the p value, 0 to 3.7: 3 is one false accept in a
            thousand for a clip that was fixed before the draw.
        """
        start = time.perf_counter()
        found = self.examine(views, challenge, arrivals)
        elapsed_ms = (time.perf_counter() - start) * 1000
        return Measurement(self.name, found.score, found.reason, _evidence(found), (), elapsed_ms)

    def examine(
        self,
        views: Sequence[View],
        challenge: Challenge | None,
        arrivals: Sequence[Arrival] = (),
    ) -> LightFinding:
        """Look at a clip and keep everything that was found; see `__call__`."""
        if challenge is None or challenge.colours is None:
            return LightFinding(None, "light_no_challenge")
        colours = challenge.colours
        trace = trace_of([views[at] for at in frames_apart([view.time_ms for view in views])])
        slowest_ms = max((one.arrived_ms - one.until_ms for one in arrivals), default=None)
        reason = self._refuses(trace, colours, slowest_ms)
        if reason:
            return LightFinding(None, reason, trace, colours, slowest_ms=slowest_ms)
        return self._judge(trace, challenge, colours, slowest_ms)

    def _refuses(self, trace: Trace, colours: Colours, slowest_ms: float | None) -> str:
        """What is missing; empty when the clip can be judged."""
        gate = self._gate
        if len(trace.times_ms) < 2 or trace.seen_share < gate.seen_share_at_least:
            return trace.reasons[0] if trace.reasons else "too_few_frames"
        if trace.times_ms[-1] < colours.end_ms - gate.short_ms:
            return "clip_too_short"
        if trace.fps < gate.fps_at_least:
            return "frame_rate_low"
        if trace.readable < gate.readable_at_least:
            return "too_dark" if trace.brightness < 128 else "too_bright"
        if np.abs(np.median(chroma(trace.skin), axis=0)).max() < gate.colour_at_least:
            return "colour_missing"
        if slowest_ms is not None and slowest_ms > gate.arrival_ms:
            return "slices_late"
        return ""

    def _judge(
        self, trace: Trace, challenge: Challenge, colours: Colours, slowest_ms: float | None
    ) -> LightFinding:
        draws = Draws.of(colours, draws_of(self._key, challenge, "light"), self._draws)
        signals = signals_of(trace, colours)
        times_ms, basis, skin = signals.times_ms, signals.basis, signals.skin
        face = follow(skin, times_ms, basis, draws)
        room = against = None
        if signals.room is not None:
            room = gain_at(signals.room, times_ms, basis, draws, face.lag_ms)
            against = follow(skin - signals.room, times_ms, basis, draws)
        uneven = _unevenness(signals, draws, face)
        if face.p > self._gate.p_at_most:
            score, reason = None, self._why(signals, draws, face, challenge)
        elif room is not None and against is not None and self._everywhere(face, against, room):
            # A weak answer may drown in the room's own noise: that is no tint yet.
            sure = face.p <= self._gate.p_at_most / 10
            score, reason = None, "light_everywhere" if sure else "light_too_weak"
        else:
            score, reason = -float(np.log10(face.p)), "light_too_weak"
        return LightFinding(score, reason, trace, colours, face, against, room, uneven, slowest_ms)

    def _everywhere(self, face: LightResponse, against: LightResponse, room: float) -> bool:
        """Whether the room answers as the face does."""
        gate = self._gate
        return against.p > gate.p_at_most or room > gate.room_at_most * max(face.gain, 0.0)

    def _why(
        self, signals: Signals, draws: Draws, face: LightResponse, challenge: Challenge
    ) -> str:
        """Why no light was found where some was shown: what an applicant can mend."""
        sure = self._gate.p_at_most / 10
        if face.p_inverted <= sure:
            return "light_inverted"
        if follow(signals.skin, signals.times_ms, signals.basis, draws, LATE_MS).p <= sure:
            return "painted_late"
        if challenge.colours is not None:
            chance = draws_of(self._key, challenge, "light")
            dim = Draws.of(challenge.colours, chance, self._draws, NIGHT)
            if follow(signals.skin, signals.times_ms, signals.basis, dim).p <= sure:
                return "night_mode"
        return "light_too_weak"


def frames_apart(times_ms: Sequence[float]) -> list[int]:
    """Indices of the frames that are read: the first, and each far enough from the last."""
    chosen: list[int] = []
    for at, time_ms in enumerate(times_ms):
        if not chosen or time_ms - times_ms[chosen[-1]] >= APART_MS:
            chosen.append(at)
    return chosen


def signals_of(trace: Trace, colours: Colours) -> Signals:
    """Make what is compared out of a trace, and say what may not explain it."""
    used = (trace.times_ms >= SETTLE_MS) & (trace.times_ms < colours.end_ms)
    # A head that moves changes its shade and, by a little, its colour. Where it is adds
    # nothing, and all that is freed of takes its part of what a few changes of colour can tell.
    brightness = np.log(np.maximum(trace.skin[used].mean(1, keepdims=True), 1e-4))
    patches = trace.patches[used].transpose(1, 0, 2)
    return Signals(
        trace.times_ms[used],
        free_of(trace.times_ms[used], brightness),
        chroma(trace.skin[used]),
        None if trace.room is None else chroma(trace.room[used]),
        tuple(chroma(patch) for patch in patches if np.isfinite(patch).all()),
    )


def _unevenness(signals: Signals, draws: Draws, face: LightResponse) -> float | None:
    """Spread of the answers of five patches, as a share of their mean; None without an answer."""
    found = [
        gain_at(patch, signals.times_ms, signals.basis, draws, face.lag_ms)
        for patch in signals.patches
    ]
    if len(found) <= len(SKIN) or np.mean(found) <= 0:
        return None
    return float(np.std(found) / np.mean(found))


def _evidence(found: LightFinding) -> dict[str, EvidenceValue]:
    trace, face, room = found.trace, found.face, found.room
    evidence: dict[str, EvidenceValue] = {
        "colours": len(found.colours.shown) if found.colours else 0,
        "revealed": "at_once" if found.slowest_ms is None else "stepwise",
        "slowest_slice_ms": None if found.slowest_ms is None else round(found.slowest_ms, 1),
    }
    if trace is not None:
        evidence["fps"] = round(trace.fps, 2)
        evidence["face_seen"] = round(trace.seen_share, 3)
        evidence["readable"] = round(trace.readable, 3)
        evidence["room_seen"] = trace.room is not None
    if face is not None:
        evidence |= {
            "p": round(face.p, 5),
            "p_inverted": round(face.p_inverted, 5),
            "correlation": round(face.correlation, 3),
            "lag_ms": face.lag_ms,
            "gain": round(face.gain, 4),
            "blue_share": round(face.gains[1] / face.gains[0], 2) if face.gains[0] > 0 else None,
        }
        evidence["p_against_room"] = round(found.against_room.p, 5) if found.against_room else None
        if room is not None and face.gain > 0:
            evidence["room_share"] = round(room / face.gain, 2)
        evidence["unevenness"] = None if found.unevenness is None else round(found.unevenness, 3)
    return evidence
