"""Is a living person before the camera, judged without asking them to do anything?

Small networks look for the traces of a re-capture in each frame, cues without a network look for
moire, flat motion and machine-made time, and all of them may admit doubt: a capture they cannot
judge is not assessed, with the reason.
"""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Self

import numpy as np

from veridical.errors import ModelError
from veridical.liveness.cues import ALL_CUES, Cue, Limits
from veridical.liveness.ensemble import Ensemble, SilentSettings, Vote, read_settings
from veridical.liveness.quality import Quality, QualityGate, assess_quality
from veridical.liveness.scorer import FrameScorer, ScorerInput
from veridical.models import ModelStore, Profile
from veridical.result import EvidenceValue, Measurement
from veridical.types import Clip, View

__all__ = ["Examination", "FrameJudgement", "SilentCheck"]

UNAVAILABLE = ("model.missing", "model.not_commercial")
"""Error codes of a network that is not there: the others judge without it."""
ONE_FORGIVEN_FROM = 4
NO_ATTACK_ABOVE = 0.5
"""Scores above this are not given a reason: nothing was found. Decides nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameJudgement:
    """What was found in one view.

    Attributes:
        view: The view.
        quality: What it offers; None without a subject.
        reason: Why it is not judged; empty when it can be.
        scores: Each network's score by name; empty when it was not judged.
        fused: The ensemble's score, 0..1; None when it was not judged.
        in_view: Mean share of the networks' windows that the picture offers, 0..1.
    """

    view: View
    quality: Quality | None
    reason: str
    scores: Mapping[str, float]
    fused: float | None
    in_view: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """Everything that was found in a capture: what a reviewer's report shows.

    Attributes:
        frames: One judgement per view, in order.
        vote: The networks' score over the judged frames; None when the capture is not assessed.
        cues: Value of every cue by name; None where it could not be looked for.
        caps: Highest score each cue leaves, 0..1; 1 where it says nothing.
        score: The lowest of vote and caps; None when not assessed.
        reason: Why it is not assessed, or what lowered the score.
    """

    frames: tuple[FrameJudgement, ...]
    vote: float | None
    cues: Mapping[str, float | None]
    caps: Mapping[str, float]
    score: float | None
    reason: str


class SilentCheck:
    """Passive presentation attack detection over one picture or a clip.

    Args:
        scorers: The networks by name: the members of `ensemble`.
        ensemble: How their scores are fused.
        settings: What is asked of a capture, how frames vote, limits of the cues.
        cues: Signs that can lower the score, or stand in the evidence when they have no limits.
    """

    name = "liveness.silent"

    def __init__(
        self,
        scorers: Mapping[str, FrameScorer],
        ensemble: Ensemble,
        settings: SilentSettings,
        cues: Sequence[Cue] = (),
    ) -> None:
        self._scorers = dict(scorers)
        self._ensemble = ensemble
        self._vote = settings.vote
        self._gate = QualityGate(settings.quality)
        self._cues = tuple(cues)
        self._limits: Mapping[str, Limits] = settings.cues
        self._models = tuple(scorer.ref for scorer in scorers.values())

    @classmethod
    def load(cls, store: ModelStore, profile: Profile) -> Self:
        """Build the check from a model set's `silent` role, with every cue.

        Without some of the networks the others judge, and the verdict's assurance says so.

        Raises:
            ModelError: All members are missing or refused, one is altered, or the set is not
                described.
        """
        settings = read_settings()
        members = profile.roles["silent"]
        whole = settings.ensemble(members)
        scorers: dict[str, FrameScorer] = {}
        missing: dict[str, ModelError] = {}
        for name in members:
            try:
                session = store.session(name)
            except ModelError as error:
                if error.code not in UNAVAILABLE:
                    raise
                missing[name] = error
            else:
                scorers[name] = FrameScorer(session, ScorerInput.from_card(store.card(name)))
        ensemble = whole.without(missing)
        if ensemble is None:
            raise next(iter(missing.values()))
        return cls(scorers, ensemble, settings, ALL_CUES)

    def __call__(self, views: Sequence[View], clip: Clip | None = None) -> Measurement:
        """Measure one capture.

        Args:
            views: One view of a picture, or 8 to 15 spread over a clip, in order of time.
            clip: The clip the views come from; None for a picture.

        Returns:
            Score 0..1, higher is more bona fide; None with a reason when it cannot be judged.
        """
        start = time.perf_counter()
        found = self.examine(views, clip)
        return self.summarise(found, (time.perf_counter() - start) * 1000)

    def summarise(self, found: Examination, elapsed_ms: float = 0.0) -> Measurement:
        """Say in numbers what an examination found."""
        return Measurement(
            self.name, found.score, found.reason, self._evidence(found), self._models, elapsed_ms
        )

    def examine(self, views: Sequence[View], clip: Clip | None = None) -> Examination:
        """Look at a capture and keep everything that was found; see `__call__`."""
        frames = [self._look(view) for view in views]
        usable = [index for index, frame in enumerate(frames) if not frame.reason]
        if not usable or len(usable) < self._vote.usable_share_at_least * len(frames):
            reasons = Counter(frame.reason for frame in frames if frame.reason)
            reason = reasons.most_common(1)[0][0] if reasons else "no_face"
            return Examination(tuple(frames), None, {}, {}, None, reason)
        alone = len(frames) == 1
        for index in spread_views(usable, self._vote.views_at_most):
            frames[index] = self._judge(frames[index], alone=alone)
        score = vote([f.fused for f in frames if f.fused is not None], self._vote)
        if math.isnan(score):
            return Examination(tuple(frames), None, {}, {}, None, "not_a_number")
        seen = [frames[index].view for index in usable]
        cues = {cue.name: cue(seen, clip) for cue in self._cues}
        caps = {n: self._limits[n].cap(value) for n, value in cues.items() if n in self._limits}
        return Examination(
            tuple(frames), score, cues, caps, min([score, *caps.values()]), self._why(score, caps)
        )

    def _look(self, view: View) -> FrameJudgement:
        quality = assess_quality(view)
        reason = self._gate(quality) if quality else view.reason or "no_face"
        return FrameJudgement(view, quality, reason, {}, None)

    def _judge(self, frame: FrameJudgement, *, alone: bool) -> FrameJudgement:
        view = frame.view
        if view.subject is None:
            return frame
        box = view.subject.box
        scores = {
            name: scorer.steady(view.image, box) if alone else scorer(view.image, box)
            for name, scorer in self._scorers.items()
        }
        in_view = fmean(scorer.in_view(view.image, box) for scorer in self._scorers.values())
        fused = doubt(self._ensemble.fuse(scores), in_view)
        return FrameJudgement(view, frame.quality, "", scores, fused, in_view)

    def _why(self, score: float, caps: Mapping[str, float]) -> str:
        """Name what lowered the score most; empty when nothing speaks against the capture."""
        lowest = min(caps, key=lambda name: caps[name], default="")
        if lowest and caps[lowest] < score:
            return next(cue.reason for cue in self._cues if cue.name == lowest)
        return "" if score > NO_ATTACK_ABOVE else "presentation_attack"

    def _evidence(self, found: Examination) -> dict[str, EvidenceValue]:
        judged = [frame for frame in found.frames if frame.fused is not None]
        evidence: dict[str, EvidenceValue] = {
            "ensemble": self._ensemble.name,
            "assurance": self._ensemble.assurance,
            "views": len(found.frames),
            "views_judged": len(judged),
        }
        for reason, count in Counter(f.reason for f in found.frames if f.reason).items():
            evidence[f"views_{reason}"] = count
        if judged:
            fused = np.array([frame.fused for frame in judged], np.float64)
            evidence["in_view"] = float(np.median([frame.in_view for frame in judged]))
            evidence["frame_median"] = float(np.median(fused))
            evidence["low_share"] = float((fused < self._vote.low_below).mean())
            for name in self._scorers:
                scores = [frame.scores[name] for frame in judged]
                evidence[f"median_{name}"] = float(np.median(scores))
        for name, value in found.cues.items():
            evidence[f"cue_{name}"] = value
        return evidence


def doubt(score: float, in_view: float) -> float:
    """Pull a score towards one half by what the networks could not see.

    The window of a closely framed face is smaller than the one a network was trained on. What is
    lost makes its answer less telling, in both directions.

    Args:
        score: 0..1.
        in_view: Share of the window that was in the picture, 0..1.
    """
    return 0.5 + (score - 0.5) * in_view


def vote(scores: Sequence[float], rule: Vote) -> float:
    """Make one score of the frames' scores.

    The median, so that no lucky frame passes an attack and no blurred one fails an applicant; and
    never more than `trail_at_most` above the lowest quintile, so that a capture in which more than
    a fifth of the frames looks like an attack is not carried by the rest.

    Returns:
        0..1; NaN when there is no frame or any score is NaN.
    """
    if not scores:
        return math.nan
    values = np.sort(np.asarray(scores, np.float64))
    # The lowest frame that is left when a fifth of them is forgiven, from four frames on at least
    # one: nobody is failed by a single blurred frame. NaN sorts last, so it is asked for first.
    forgiven = max(int(0.2 * len(values)), int(len(values) >= ONE_FORGIVEN_FROM))
    lowest = math.nan if np.isnan(values).any() else values[forgiven]
    return float(min(np.median(values), lowest + rule.trail_at_most))


def spread_views(items: Sequence[int], at_most: int) -> list[int]:
    """Choose up to `at_most` items, evenly spread, the ends included."""
    if len(items) <= at_most:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, at_most)]
