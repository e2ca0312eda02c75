"""Is a face captured well enough to compare, and if not, what should the applicant do?"""

import time
from collections.abc import Sequence

import numpy as np

from veridical.face.components import Component, measure_components
from veridical.face.embed import FaceEmbedder
from veridical.result import EvidenceValue, Measurement, ModelRef
from veridical.types import View

__all__ = ["FaceQualityCheck", "advice", "ask_again", "unified_quality"]

WEIGHTS = {
    "recognisability": 2.0,
    "inter_eye_distance": 0.3,
    "head_size": 0.3,
    "inside_picture": 0.5,
    "yaw": 1.0,
    "pitch": 1.0,
    "eyes_open": 0.3,
    "sharpness": 1.0,
    "noise": 0.5,
    "compression": 0.3,
    "luminance_mean": 1.0,
    "under_exposure": 0.5,
    "over_exposure": 0.5,
    "illumination_uniformity": 0.3,
    "eyes_visible": 0.5,
    "lower_face_visible": 1.0,
}
"""How much each aspect bears on the unified score: judged, not fitted; docs/measurements/face.md
shows what the score is worth. Roll is not among them because alignment undoes it, an open mouth
because the applicant speaks, colour because many documents have none."""

ADVICE = {
    "inter_eye_distance": "face_too_small",
    "inside_picture": "face_cut_off",
    "yaw": "look_straight",
    "pitch": "look_straight",
    "eyes_open": "eyes_closed",
    "sharpness": "blurred",
    "noise": "too_dark",
    "compression": "blurred",
    "luminance_mean": "too_dark",
    "under_exposure": "too_dark",
    "over_exposure": "too_bright",
    "illumination_uniformity": "turn_to_light",
    "eyes_visible": "face_covered",
    "lower_face_visible": "face_covered",
}
"""What the applicant is told when this aspect costs most: only what can be acted on."""

POOR = 50.0
"""Quality of an aspect below which it is named as what makes a face hard to recognise."""

FITS = 0.5
"""Score of the mesh below which it lies on a face that does not look into the camera."""

NEAR_EYES = 0.25
"""Distance of the detector's eye points by the face's height below which a head is turned aside;
looking straight they are 0.4 to 0.5 apart."""

BRIGHT = 0.5
"""Mean luminance above which a poor one means too much light."""


class FaceQualityCheck:
    """Measures how well the applicant's face was captured, after ISO/IEC 29794-5.

    Args:
        embedder: Adds the recogniser's own view of a face, the length of its vector, which tells
            more about match errors than all aspects together (docs/measurements/face.md). Without
            it the score rests on the aspects alone.
    """

    name = "face.quality"

    def __init__(self, embedder: FaceEmbedder | None = None) -> None:
        self._embedder = embedder

    def __call__(self, views: View | Sequence[View]) -> Measurement:
        """Measure a picture, or the typical frame of a clip.

        Args:
            views: One view, or the views of one clip.

        Returns:
            `face.quality`: the unified score 0..100 of the view in the middle of all views, its
            components in the evidence (`x` is the quality 0..100 and `x_raw` what was measured;
            None where it could not be assessed), and as reason the aspect that costs most. Not
            assessed with the views' own reason when most of them have no single face.
        """
        start = time.perf_counter()
        views = [views] if isinstance(views, View) else list(views)
        usable = [view for view in views if view.subject is not None]
        evidence: dict[str, EvidenceValue] = {
            "views": len(views),
            "views_with_one_face": len(usable),
        }
        if not usable or len(usable) * 2 < len(views):
            reasons = [view.reason or "no_face" for view in views if view.subject is None]
            reason = max(reasons, key=reasons.count) if reasons else "no_face"
            return Measurement(self.name, None, reason, evidence, self._models, _since(start))
        measured = [measure_components(view) for view in usable]
        if self._embedder is not None:
            vectors = self._embedder.frame_vectors(usable)
            seen = [self._embedder.recognisability(vector) for vector in vectors]
            measured = [
                (Component("recognisability", *each), *rest)
                for each, rest in zip(seen, measured, strict=True)
            ]
        scores = [unified_quality(components) for components in measured]
        middle = int(np.argsort(scores, kind="stable")[(len(scores) - 1) // 2])
        components = measured[middle]
        evidence["faces"] = len(usable[middle].faces)
        for component in components:
            evidence[component.name] = _rounded(component.quality, 0)
            evidence[f"{component.name}_raw"] = _rounded(component.raw, 3)
        return Measurement(
            self.name,
            scores[middle],
            advice(usable[middle], components),
            evidence,
            self._models,
            _since(start),
        )

    @property
    def _models(self) -> tuple[ModelRef, ...]:
        return () if self._embedder is None else self._embedder.models


def unified_quality(components: Sequence[Component]) -> float:
    """Join the aspects to one score, 0..100: the product of their shares, each to its weight.

    An aspect at 0 makes the whole nearly 0: no amount of sharpness mends a hidden face. Aspects
    that could not be assessed do not count.
    """
    counted = [
        (WEIGHTS[component.name], component.quality)
        for component in components
        if component.name in WEIGHTS and component.quality is not None
    ]
    return 100 * float(np.prod([max(quality / 100, 1e-3) ** weight for weight, quality in counted]))


def advice(view: View, components: Sequence[Component]) -> str:
    """Name the reason of the aspect that costs the unified score most.

    A head seen from the side has eyes near each other, and a mesh that does not fit: it is told to
    look straight and not to come closer.

    Args:
        view: What was measured.
        components: Its aspects, or those of them that are asked about; at least one with advice.
    """
    if _is_from_the_side(view):
        return "look_straight"
    loss = {
        component.name: -WEIGHTS[component.name] * float(np.log(max(component.quality, 0.1) / 100))
        for component in components
        if component.name in ADVICE and component.quality is not None
    }
    worst = max(loss, key=lambda name: loss[name])
    raw = {component.name: component.raw for component in components}[worst]
    if worst == "luminance_mean" and raw is not None and raw > BRIGHT:
        return "too_bright"
    return ADVICE[worst]


def ask_again(view: View, components: Sequence[Component]) -> str:
    """What to ask of an applicant whose face is large enough and hardly recognised all the same.

    Only an aspect that is really poor is named; where none is, all that can be said is to look
    straight into the camera with the whole face in view.
    """
    poor = [
        component
        for component in components
        if component.name in ADVICE
        and component.name != "inter_eye_distance"
        and component.quality is not None
        and component.quality < POOR
    ]
    return advice(view, poor) if poor else "look_straight"


def _is_from_the_side(view: View) -> bool:
    if view.subject is None:
        return False
    if view.mesh is not None:
        return view.mesh.presence < FITS
    return view.subject.inter_eye_px < NEAR_EYES * view.subject.box.height


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
