"""Do two captures show one person? Do all frames of one capture?"""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veridical.face.components import measure_components
from veridical.face.embed import FaceEmbedder, compare
from veridical.face.pose import inter_eye_px
from veridical.face.quality import ask_again, unified_quality
from veridical.result import EvidenceValue, Measurement
from veridical.types import Template, View

__all__ = ["FaceMatchCheck", "SamePersonCheck"]

MIN_PORTRAIT_EYES_PX = 16.0
"""Least distance between the eyes of a portrait. By height of a grey JPEG portrait and its typical
eye distance, FNMR at a score of 0.43 (469 mated comparisons, LFW): 140 px, 32: 4.5 %; 100 px, 23:
4.7 %; 85 px, 19: 8.3 %; 70 px, 16: 17 %; 60 px, 14: 26 %; 50 px, 12: 55 %."""

MIN_PROBE_EYES_PX = 25.0
"""The same of an applicant's own picture, which nothing hinders from being large."""

WELL_KNOWN = 50.0
"""Recognisability, 0..100, from which nobody need ask what else a capture lacks."""

NO_QUALITY = 0.5
"""Unified quality, 0..100, that a report shows as 0."""

SAME_PERSON_VIEWS = 8
SHORTEST_STRETCH = 2


class FaceMatchCheck:
    """Compares the applicant with a portrait, or with what was enrolled before.

    Several frames of a clip become one template: never the best of several scores, which an
    impostor could fish for.

    Args:
        embedder: Makes the templates.
        min_portrait_eyes_px: Least distance between the eyes of the reference, in pixels.
        min_probe_eyes_px: The same of a probe.
    """

    name = "face.match"

    def __init__(
        self,
        embedder: FaceEmbedder,
        *,
        min_portrait_eyes_px: float = MIN_PORTRAIT_EYES_PX,
        min_probe_eyes_px: float = MIN_PROBE_EYES_PX,
    ) -> None:
        self._embedder = embedder
        self._min_portrait_eyes_px = min_portrait_eyes_px
        self._min_probe_eyes_px = min_probe_eyes_px

    def __call__(self, reference: View | Template, probes: Sequence[View]) -> Measurement:
        """Compare a portrait, or an enrolled template, with the applicant.

        Args:
            reference: The document's portrait, or what was enrolled.
            probes: The selfie, or frames of one clip.

        Returns:
            `face.match`: the comparison score, with reason `not_mated` for what a low one means;
            not assessed with `portrait_no_face`, `portrait_too_small`, `no_face`,
            `multiple_faces`, `face_too_small`, what the views themselves give as reason, or, of a
            face the recogniser hardly knows, what `face.quality` would ask for.

        Raises:
            InputError: The template is of another model.
        """
        start = time.perf_counter()
        if isinstance(reference, Template):
            return self._compare(reference, probes, {}, start)
        if reference.subject is None:
            reason = "portrait_no_face" if reference.reason == "no_face" else reference.reason
            return self._not_assessed(reason or "portrait_no_face", {}, start)
        eyes_px = inter_eye_px(reference)
        evidence: dict[str, EvidenceValue] = {"portrait_inter_eye_px": round(eyes_px, 1)}
        if eyes_px < self._min_portrait_eyes_px:
            evidence["portrait_inter_eye_px_needed"] = self._min_portrait_eyes_px
            return self._not_assessed("portrait_too_small", evidence, start)
        length, _ = self._embedder.recognisability(self._embedder.vectors([reference])[0])
        evidence["portrait_recognisability"] = round(length, 2)
        return self._compare(self._embedder(reference), probes, evidence, start)

    def _compare(
        self,
        reference: Template,
        probes: Sequence[View],
        evidence: dict[str, EvidenceValue],
        start: float,
    ) -> Measurement:
        usable = [view for view in probes if view.subject is not None]
        evidence["probe_views"] = len(probes)
        evidence["probe_views_with_one_face"] = len(usable)
        if not usable:
            return self._not_assessed(_common_reason(probes), evidence, start)
        large = [view for view in usable if inter_eye_px(view) >= self._min_probe_eyes_px]
        if not large:
            evidence["probe_inter_eye_px"] = round(max(map(inter_eye_px, usable)), 1)
            evidence["probe_inter_eye_px_needed"] = self._min_probe_eyes_px
            return self._not_assessed("face_too_small", evidence, start)
        evidence["probe_views_used"] = len(large)
        evidence["probe_inter_eye_px"] = round(float(np.median([*map(inter_eye_px, large)])), 1)
        vectors = self._embedder.frame_vectors(large)
        lengths = [self._embedder.recognisability(vector)[0] for vector in vectors]
        evidence["probe_recognisability"] = round(float(np.mean(lengths)), 2)
        reason = self._ask_again(large, lengths)
        if reason:
            evidence["probe_recognisability_needed"] = self._embedder.least_length
            return self._not_assessed(reason, evidence, start)
        score = compare(reference, self._embedder.fused_frames(large))
        return Measurement(
            self.name, score, "not_mated", evidence, self._embedder.models, _since(start)
        )

    def _ask_again(self, views: Sequence[View], lengths: Sequence[float]) -> str:
        """What the applicant should mend before anybody can be compared; empty when nothing.

        Of a face that it could hardly recognise the net knows as little that it is another's as
        that it is the same (docs/measurements/face.md): a low score of it speaks of the capture.
        """
        typical = int(np.argsort(lengths, kind="stable")[(len(lengths) - 1) // 2])
        known = float(np.mean(lengths)) >= self._embedder.least_length
        _, quality = self._embedder.recognisability(self._embedder.frame_vectors(views)[typical])
        if known and (quality is None or quality >= WELL_KNOWN):
            return ""
        components = measure_components(views[typical])
        if known and unified_quality(components) >= NO_QUALITY:
            return ""
        return ask_again(views[typical], components)

    def _not_assessed(
        self, reason: str, evidence: dict[str, EvidenceValue], start: float
    ) -> Measurement:
        return Measurement(self.name, None, reason, evidence, self._embedder.models, _since(start))


class SamePersonCheck:
    """Says whether one person is before the camera throughout a clip.

    Every stretch of the clip is compared with the rest of it; the least alike stretch counts. A
    stretch is at least two views long, so that one blurred frame does not make a stranger.

    Args:
        embedder: Makes the templates.
        views: How many views of a clip are compared, at most.
        min_eyes_px: Least distance between the eyes of a view that takes part, in pixels.
    """

    name = "face.same_person"

    def __init__(
        self,
        embedder: FaceEmbedder,
        *,
        views: int = SAME_PERSON_VIEWS,
        min_eyes_px: float = MIN_PROBE_EYES_PX,
    ) -> None:
        self._embedder = embedder
        self._views = views
        self._min_eyes_px = min_eyes_px

    def __call__(self, views: Sequence[View]) -> Measurement:
        """Measure one clip.

        Args:
            views: Frames of one clip, in order of capture.

        Returns:
            `face.same_person`: the comparison score of the least alike stretch, with reason
            `person_switched` for what a low one means; not assessed with `too_few_frames`,
            `face_too_small` or what the views themselves give as reason.
        """
        start = time.perf_counter()
        with_face = [view for view in views if view.subject is not None]
        large = [view for view in with_face if inter_eye_px(view) >= self._min_eyes_px]
        evidence: dict[str, EvidenceValue] = {
            "views": len(views),
            "views_with_one_face": len(with_face),
        }
        models = self._embedder.models
        if len(large) < 2 * SHORTEST_STRETCH:
            reason = "too_few_frames"
            if len(with_face) >= 2 * SHORTEST_STRETCH:
                reason = "face_too_small"
            elif len(views) >= 2 * SHORTEST_STRETCH:
                reason = _common_reason(views)
            return Measurement(self.name, None, reason, evidence, models, _since(start))
        spread = np.linspace(0, len(large) - 1, min(len(large), self._views)).round().astype(int)
        chosen = [large[i] for i in spread]
        vectors = self._embedder.frame_vectors(chosen)
        score, first, last = least_alike_stretch(vectors)
        evidence["views_used"] = len(chosen)
        evidence["stretch_from_ms"] = round(chosen[first].time_ms)
        evidence["stretch_to_ms"] = round(chosen[last].time_ms)
        return Measurement(self.name, score, "person_switched", evidence, models, _since(start))


def least_alike_stretch(vectors: NDArray[np.float32]) -> tuple[float, int, int]:
    """Find the stretch of a sequence that is least like the rest of it.

    Args:
        vectors: (n, d) float32, n >= 4, in order of time, not of unit length.

    Returns:
        The cosine between the sums of the stretch and of the rest, and the stretch's first and
        last index. Both have at least two members.
    """
    count = len(vectors)
    total = vectors.sum(0)
    worst = (2.0, 0, count - 1)
    for first in range(count):
        for last in range(first + SHORTEST_STRETCH - 1, count):
            if count - (last - first + 1) < SHORTEST_STRETCH:
                break
            inside = vectors[first : last + 1].sum(0)
            rest = total - inside
            cosine = float(inside @ rest / (np.linalg.norm(inside) * np.linalg.norm(rest)))
            worst = min(worst, (cosine, first, last))
    return worst


def _common_reason(views: Sequence[View]) -> str:
    """Why most views have no subject; the first such reason where two are as frequent."""
    reasons = [view.reason or "no_face" for view in views if view.subject is None]
    return max(reasons, key=reasons.count) if reasons else "no_face"


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
