"""Who is before the camera throughout? One pass over the frames, of which a window is held."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.consent_recording.settings import RecordingSettings
from veridical.consent_recording.timeline import Finding, Moment
from veridical.consent_recording.times import Span
from veridical.face import look
from veridical.face.pose import inter_eye_px
from veridical.face.subject import rival_size
from veridical.face.track import FaceTracker
from veridical.liveness.lips import MouthFrame, mouth_frame
from veridical.result import EvidenceValue, Measurement
from veridical.types import Clip, Image, View

__all__ = ["Seen", "absences", "alone", "live", "presence", "same_person", "watch"]

MIN_EYES_PX = 25.0
"""Least distance between the eyes of a face that is compared; see `face.match`."""
LEAST_VIEWS = 3
"""Views a window needs to be judged for signs of a re-capture."""


@dataclass(slots=True, eq=False)
class Seen:
    """What is kept of a recording's frames; no pixels but those of a few views.

    Attributes:
        shown_s: Time of every frame that was looked at.
        face: For each, whether a face was found.
        second: (time, size by the first face) of every look that found a second face.
        looked_s: Time of every look at a whole frame.
        face_s: Times of the compared faces.
        vectors: Their vectors, not of unit length.
        live: (start, end, measurement) of every window that was judged.
        mouth: The mouth of every frame that lies in a span, by segment.
        views: A few views with a subject, over the whole recording.
        too_small: Faces that were too small to compare.
    """

    shown_s: list[float] = field(default_factory=list)
    face: list[bool] = field(default_factory=list)
    second: list[tuple[float, float]] = field(default_factory=list)
    looked_s: list[float] = field(default_factory=list)
    face_s: list[float] = field(default_factory=list)
    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    live: list[tuple[float, float, Measurement]] = field(default_factory=list)
    mouth: dict[str, list[MouthFrame]] = field(default_factory=dict)
    views: list[View] = field(default_factory=list)
    too_small: int = 0


def watch(
    windows: Iterable[Clip],
    engines: Engines,
    settings: RecordingSettings,
    spans: dict[str, Span],
    duration_s: float,
    progress: Callable[[float], None],
) -> Seen:
    """Look at a recording from beginning to end.

    Args:
        windows: See `media.read_windows`.
        engines: With a detector.
        settings: How often what is looked at.
        spans: Segments whose mouth is followed.
        duration_s: Length of the recording, by its sound.
        progress: Told how far the recording was seen, 0..1.
    """
    seen = Seen(mouth={name: [] for name in spans})
    next_live = next_view = -np.inf
    for window in windows:
        first_s, last_s = window.times_ms[0] / 1000, window.times_ms[-1] / 1000
        views = _looks(window, engines, settings)
        _note_faces(seen, views, engines, settings)
        _note_mouth(seen, window, views, engines, spans)
        with_face = sum(view.subject is not None for view in views)
        if engines.silent is not None and first_s >= next_live and with_face >= LEAST_VIEWS:
            seen.live.append((first_s, last_s, engines.silent(views, window)))
            next_live = first_s + settings.liveness_every_s
        if first_s >= next_view and len(seen.views) < settings.views_kept:
            kept = next((view for view in views if view.subject is not None), None)
            if kept is not None:
                # A copy: a frame keeps the memory of its whole window.
                seen.views.append(replace(kept, image=Image(kept.image.pixels.copy())))
                next_view = first_s + duration_s / settings.views_kept
        progress(min(1.0, last_s / max(duration_s, 1e-9)))
    return seen


def _looks(window: Clip, engines: Engines, settings: RecordingSettings) -> list[View]:
    """The whole frame, every so often."""
    if engines.detector is None:
        return []
    times_s = window.times_ms / 1000
    wanted = np.arange(times_s[0], times_s[-1] + 1e-9, settings.look_every_s)
    chosen = sorted({int(i) for i in np.searchsorted(times_s, wanted).clip(0, len(times_s) - 1)})
    return [
        look(window.frames[i], engines.detector, engines.mesher, float(window.times_ms[i]))
        for i in chosen
    ]


def _note_faces(
    seen: Seen, views: Sequence[View], engines: Engines, settings: RecordingSettings
) -> None:
    """Second faces, and the vectors of the faces that are compared."""
    compared: list[View] = []
    for view in views:
        at_s = view.time_ms / 1000
        seen.looked_s.append(at_s)
        size = rival_size(view.faces)
        if size >= settings.second_face_at_least:
            seen.second.append((at_s, size))
        last_s = compared[-1].time_ms / 1000 if compared else (seen.face_s or [-np.inf])[-1]
        if view.subject is None or at_s < last_s + settings.face_every_s - 0.05:
            continue
        if inter_eye_px(view) < MIN_EYES_PX:
            seen.too_small += 1
            continue
        compared.append(view)
    if engines.embedder is not None and compared:
        seen.vectors += list(engines.embedder.frame_vectors(compared))
        seen.face_s += [view.time_ms / 1000 for view in compared]


def _note_mouth(
    seen: Seen, window: Clip, looks: Sequence[View], engines: Engines, spans: dict[str, Span]
) -> None:
    """Every frame: whether a face is there, and its mouth where a segment is spoken."""
    if engines.detector is None or engines.mesher is None:
        return
    for view in FaceTracker(engines.detector, engines.mesher)(window, looks):
        at_s = view.time_ms / 1000
        seen.shown_s.append(at_s)
        seen.face.append(view.subject is not None or len(view.faces) > 0)
        for name, span in spans.items():
            if span.start_s <= at_s <= span.end_s:
                seen.mouth[name].append(mouth_frame(view))


# --- what it comes to -----------------------------------------------------------------------------


def absences(
    shown_s: Sequence[float], face: Sequence[bool], end_s: float, gap_at_most_s: float
) -> list[tuple[str, float, float]]:
    """(kind, start, end) of every time in which no face was to be seen.

    Args:
        shown_s: Time of every frame, rising.
        face: Whether a face was found in it.
        end_s: When the recording ends.
        gap_at_most_s: What is shorter does not count.
    """
    found: list[tuple[str, float, float]] = []
    last_s = 0.0
    for at_s, there in zip([*shown_s, end_s], [*face, True], strict=True):
        if there:
            if at_s - last_s > gap_at_most_s:
                kind = "face_absent" if any(last_s < t < at_s for t in shown_s) else "no_picture"
                found.append((kind, last_s, at_s))
            last_s = at_s
    return found


def presence(seen: Seen, end_s: float, settings: RecordingSettings) -> Finding:
    """Is a face there throughout?

    Returns:
        `recording.presence`: seconds of the longest absence, negated; `face_absent`.
    """
    start = time.perf_counter()
    if not seen.shown_s:
        return Finding(Measurement("recording.presence", None, "model_missing"))
    away = absences(seen.shown_s, seen.face, end_s, settings.gap_at_most_s)
    longest = max((end - begin for _, begin, end in away), default=0.0)
    evidence: dict[str, EvidenceValue] = {
        "absences": len(away),
        "longest_absence_s": round(longest, 2),
        "present_share": round(1 - sum(e - b for _, b, e in away) / max(end_s, 1e-9), 4),
    }
    moments = tuple(Moment(kind, a, b, a - b, reason="face_absent") for kind, a, b in away)
    score = -longest if longest else 0.0
    return Finding(
        Measurement("recording.presence", score, "face_absent", evidence, (), _since(start)),
        moments,
    )


def alone(seen: Seen, settings: RecordingSettings) -> Finding:
    """Is nobody else there?

    Returns:
        `recording.alone`: seconds for which a second face was seen at a stretch, at the longest,
        negated; `second_person`.
    """
    if not seen.looked_s:
        return Finding(Measurement("recording.alone", None, "model_missing"))
    runs: list[list[tuple[float, float]]] = []
    for at_s, size in seen.second:
        if runs and at_s - runs[-1][-1][0] <= 2 * settings.look_every_s + 0.05:
            runs[-1].append((at_s, size))
        else:
            runs.append([(at_s, size)])
    moments = []
    for run in runs:
        begin, end = run[0][0], run[-1][0] + settings.look_every_s
        largest = max(size for _, size in run)
        moments.append(
            Moment(
                "second_face",
                begin,
                end,
                begin - end,
                reason="second_person",
                detail={"size": f"{largest:.0%}"},
            )
        )
    longest = max((moment.end_s - moment.start_s for moment in moments), default=0.0)
    evidence: dict[str, EvidenceValue] = {
        "looks": len(seen.looked_s),
        "with_second_face": len(seen.second),
        "longest_s": round(longest, 2),
    }
    measurement = Measurement(
        "recording.alone", -longest if longest else 0.0, "second_person", evidence
    )
    return Finding(measurement, tuple(moments))


def same_person(seen: Seen, engines: Engines, settings: RecordingSettings) -> Finding:
    """Is it one person throughout?

    Every stretch of the recording is compared with all the rest; the least alike counts.

    Returns:
        `recording.same_person`: the comparison score of that stretch; `person_switched`. Not
        assessed: `model_missing`, `face_too_small`, `too_few_frames`.
    """
    start = time.perf_counter()
    if engines.embedder is None or engines.detector is None:
        return Finding(Measurement("recording.same_person", None, "model_missing"))
    models = engines.embedder.models
    least = max(2, round(settings.least_switch_s / settings.face_every_s))
    evidence: dict[str, EvidenceValue] = {"faces": len(seen.vectors)}
    if len(seen.vectors) < 2 * least:
        reason = "face_too_small" if seen.too_small > len(seen.vectors) else "too_few_frames"
        return Finding(Measurement("recording.same_person", None, reason, evidence, models))
    score, first, last = least_alike(np.stack(seen.vectors), least)
    begin, end = seen.face_s[first], seen.face_s[last] + settings.face_every_s
    evidence |= {"stretch_from_s": round(begin, 1), "stretch_to_s": round(end, 1)}
    moment = Moment("person_switched", begin, end, score, reason="person_switched")
    measurement = Measurement(
        "recording.same_person", score, "person_switched", evidence, models, _since(start)
    )
    return Finding(measurement, (moment,))


def least_alike(vectors: NDArray[np.float32], least: int) -> tuple[float, int, int]:
    """Find the stretch of a sequence that is least like the rest of it.

    Args:
        vectors: (n, d) float32, n >= 2 * least, in order of time.
        least: Fewest members of the stretch and of the rest.

    Returns:
        The cosine between the sums of the stretch and of the rest, and the first and last index of
        the shorter of the two where it is one piece.
    """
    count = len(vectors)
    sums = np.concatenate([np.zeros_like(vectors[:1]), np.cumsum(vectors, axis=0)]).astype(float)
    worst, first, last = 2.0, 0, count - 1
    for begin in range(count):
        lengths = np.arange(least, min(count - begin, count - least) + 1)
        if not len(lengths):
            break
        inside = sums[begin + lengths] - sums[begin]
        rest = sums[-1] - inside
        norms = np.linalg.norm(inside, axis=1) * np.linalg.norm(rest, axis=1)
        cosines = (inside * rest).sum(1) / np.maximum(norms, 1e-12)
        at = int(cosines.argmin())
        if cosines[at] < worst:
            worst, first, last = float(cosines[at]), begin, begin + int(lengths[at]) - 1
    if 2 * (last - first + 1) > count:  # the rest is the shorter
        if first == 0:
            first, last = last + 1, count - 1
        elif last == count - 1:
            first, last = 0, first - 1
    return worst, first, last


def live(seen: Seen, engines: Engines) -> Finding:
    """Is a live person there, wherever one looks?

    Returns:
        `recording.liveness`: the lowest score of the windows, with its reason. Not assessed:
        `model_missing`, `no_face`, or the reason why most windows could not be judged.
    """
    if engines.silent is None or engines.detector is None:
        return Finding(Measurement("recording.liveness", None, "model_missing"))
    moments = tuple(
        Moment(
            "liveness",
            begin,
            end,
            measured.score if measured.assessed else None,
            reason=measured.reason,
            detail={"cause": measured.reason or "presentation_attack"},
        )
        for begin, end, measured in seen.live
    )
    scored = [(m.score, m.reason) for m in moments if m.score is not None]
    models = seen.live[0][2].models if seen.live else ()
    evidence: dict[str, EvidenceValue] = {"windows": len(moments), "judged": len(scored)}
    if 2 * len(scored) < len(moments) or not scored:
        reasons = [moment.reason for moment in moments if moment.score is None]
        reason = max(reasons, key=reasons.count) if reasons else "no_face"
        return Finding(Measurement("recording.liveness", None, reason, evidence, models), moments)
    score, reason = min(scored)
    evidence["median"] = round(float(np.median([score for score, _ in scored])), 3)
    elapsed = sum(measured.elapsed_ms for _, _, measured in seen.live)
    return Finding(
        Measurement("recording.liveness", score, reason, evidence, models, elapsed), moments
    )


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
