"""Is a clip one unbroken take of one person? One-sided, as all cues are: no sign proves nothing."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from veridical.liveness.continuity.picture import Steps, steps_of
from veridical.liveness.cues import Limits
from veridical.models.tables import load_table
from veridical.result import EvidenceValue, Measurement, ModelRef
from veridical.types import Clip, View

__all__ = ["ContinuityCheck", "ContinuitySettings"]

SETTINGS_FILE = Path(__file__).parent / "continuity.toml"
LEAST_FRAMES = 12

OVER_GAP = 6.0
"""Step over a gap, in usual steps, that a gap of a few frames does not explain."""

Embed = Callable[[Sequence[View]], NDArray[np.float32]]
"""Vectors of the faces in several frames: (n, d) float32; given by the face room."""


@dataclass(frozen=True, slots=True)
class ContinuitySettings:
    """When a sign counts, by its name: see `continuity.toml`.

    Attributes:
        limits: From where on each sign says something.
    """

    limits: Mapping[str, Limits]

    @classmethod
    def read(cls, path: Path = SETTINGS_FILE) -> Self:
        """Read the shipped limits, or a file of the same form."""
        signs = load_table(path).table("signs")
        return cls(
            {
                name: Limits(signs.table(name).number("clear"), signs.table(name).number("certain"))
                for name in signs.values
            }
        )


class ContinuityCheck:
    """Looks for cuts, insertions and joints in a clip, and for a change of person at them.

    Args:
        settings: When a sign counts.
        embed: Makes vectors of faces; None compares no persons.
        models: The models behind `embed`.
    """

    name = "capture.continuity"

    def __init__(
        self,
        settings: ContinuitySettings,
        embed: Embed | None = None,
        models: tuple[ModelRef, ...] = (),
    ) -> None:
        self._settings = settings
        self._embed = embed
        self._models = models

    def __call__(self, clip: Clip, followed: Sequence[View]) -> Measurement:
        """Measure one clip.

        Args:
            clip: The capture, with every frame of it.
            followed: Frames of it in which the face was followed, in order.

        Returns:
            Score 0..1: 1 when nothing was found, 0 for a clear cut; the reason names the gravest
            sign. Not assessed with `too_few_frames`.
        """
        start = time.perf_counter()
        if len(clip.frames) < LEAST_FRAMES:
            evidence: dict[str, EvidenceValue] = {"frames": len(clip.frames)}
            return Measurement(self.name, None, "too_few_frames", evidence)
        steps = steps_of(clip, followed)
        signs = signs_of(steps)
        if self._embed is not None:
            signs["person_changes"] = self._change(steps, followed)
        caps = {name: self._settings.limits[name].cap(value) for name, value in signs.items()}
        worst = min(caps, key=lambda name: caps[name])
        evidence = {
            "frames": len(clip.frames),
            "frames_with_face": len(steps.head_times_ms) + 1,
            "gaps": int(steps.gap.sum()),
            "at_ms": _when(steps),
            **{f"sign_{name}": None if v is None else round(v, 3) for name, v in signs.items()},
        }
        return Measurement(
            self.name,
            caps[worst],
            worst if caps[worst] < 1 else "",
            evidence,
            self._models if self._embed is not None else (),
            (time.perf_counter() - start) * 1000,
        )

    def _change(self, steps: Steps, followed: Sequence[View]) -> float | None:
        """How unlike the faces on both sides of suspected jumps are: 0 alike, 1 unrelated.

        None where nothing is suspected: faces cost more than all other signs together.
        """
        limits = self._settings.limits
        views = [view for view in followed if view.mesh is not None and view.subject is not None]
        places = {
            place
            for values, times, limit in (
                (steps.whole, steps.times_ms, limits["picture_jumps"]),
                (steps.head, steps.head_times_ms, limits["head_jumps"]),
            )
            for index in np.argsort(values)[-1:]
            if values[index] > limit.clear
            if 2 <= (place := _after(views, float(times[index]))) < len(views) - 1
        }
        if self._embed is None or not places:
            return None
        unlike = []
        for place in sorted(places):
            one, other, beside = self._embed([views[place - 1], views[place + 1], views[place - 2]])
            # What the net makes of two neighbours says how much of a difference means nothing.
            unlike.append(1 - _cosine(one, other) / max(_cosine(one, beside), 0.3))
        return max(unlike)


def signs_of(steps: Steps) -> dict[str, float | None]:
    """Strength of every sign that needs no network; None where it could not be looked for."""
    whole, head = steps.whole[~steps.gap], steps.head[~steps.head_gap]
    return {
        "picture_jumps": float(whole.max()) if len(whole) else None,
        "head_jumps": float(head.max()) if len(head) else None,
        "odd_frame": float(steps.odd.max()) if len(steps.odd) else None,
        "jumps_over_gaps": float(_large(steps.whole[steps.gap])),
    }


def _large(over_gaps: NDArray[np.float64]) -> int:
    """How many gaps the picture jumps over by much more than the time would explain."""
    return int((over_gaps > OVER_GAP).sum())


def _when(steps: Steps) -> int | None:
    """When the whole picture jumps most, in milliseconds."""
    whole = np.where(steps.gap, 0.0, steps.whole)
    return round(float(steps.times_ms[int(whole.argmax())])) if len(whole) else None


def _after(views: Sequence[View], time_ms: float) -> int:
    """Index of the first view from a time on."""
    return next((i for i, view in enumerate(views) if view.time_ms >= time_ms), len(views))


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-9))
