"""What does a reviewer see of one attempt? When digits were shown and heard, lips, and pictures."""

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.analysis import Analysis, spread
from veridical.liveness.lips import Heard, MouthTrack
from veridical.types import Challenge, Image
from veridical.verification import Verdict
from veridical.verification.pictures import draw_document, draw_faces, face_at_scale, to_jpeg

__all__ = ["explain"]

PEAK_MS = 20.0
"""Slices of the sound that are drawn: finer than the shortest sound of speech."""
MOST_FRAMES = 4
LONGEST_SIDE_PX = 720


def explain(analysis: Analysis, verdict: Verdict) -> dict[str, object]:
    """What was judged, as numbers and pictures for the page of the reviewers.

    Shows faces and documents: for operators only.

    Args:
        analysis: Of the attempt; what was not computed yet is computed now.
        verdict: Its verdict.

    Returns:
        `timeline`: null without a clip, else `duration_ms`, `digits` (`word`, `shown_ms` and
        `heard_ms`, each null where unknown), `sound` (`step_ms`, `peaks` 0..1), `speech` (pairs of
        ms), `lips` (`times_ms`, `opening` in inter-ocular distances, null where no mouth is
        seen) and `colours`. `pictures`: `kind`, `time_ms` (null for a picture) and `jpeg` in
        base64. `outcome`.
    """
    return {
        "outcome": str(verdict.outcome),
        "timeline": _timeline(analysis),
        "pictures": _pictures(analysis),
    }


def _timeline(analysis: Analysis) -> dict[str, object] | None:
    clip, challenge = analysis.transaction.clip, analysis.transaction.challenge
    if clip is None:
        return None
    heard, mouth = analysis.heard, analysis.mouth
    sound_ms = heard.audio.duration_s * 1000 if heard else 0.0
    return {
        "duration_ms": max(float(clip.times_ms[-1]), sound_ms, 1.0),
        "digits": _digits(challenge, heard),
        "sound": {"step_ms": PEAK_MS, "peaks": _peaks(heard)},
        "speech": [[start * 1000, end * 1000] for start, end in heard.segments_s] if heard else [],
        "lips": _lips(mouth),
        "colours": _colours(challenge),
    }


def _colours(challenge: Challenge | None) -> list[dict[str, object]]:
    if challenge is None or challenge.colours is None:
        return []
    lit = challenge.colours
    ends = (*lit.starts_ms[1:], lit.end_ms)
    return [
        {"colour": colour, "start_ms": start, "end_ms": end}
        for colour, start, end in zip(lit.shown, lit.starts_ms, ends, strict=True)
    ]


def _digits(challenge: Challenge | None, heard: Heard | None) -> list[dict[str, object]]:
    if challenge is None:
        return []
    words = challenge.words
    shown: Sequence[float | None] = challenge.schedule_ms or [None] * len(words)
    onsets: Sequence[float | None] = heard.onsets_ms if heard else ()
    if len(onsets) != len(words):
        onsets = [None] * len(words)
    return [
        {"word": word, "shown_ms": at, "heard_ms": None if onset is None else float(onset)}
        for word, at, onset in zip(words, shown, onsets, strict=True)
    ]


def _peaks(heard: Heard | None) -> list[float]:
    if heard is None:
        return []
    step = round(heard.audio.rate_hz * PEAK_MS / 1000)
    whole = len(heard.audio.samples) // step * step
    slices: NDArray[np.float32] = np.abs(heard.audio.samples[:whole]).reshape(-1, step)
    return [round(float(peak), 4) for peak in slices.max(1)] if whole else []


def _lips(mouth: MouthTrack | None) -> dict[str, object]:
    if mouth is None:
        return {"times_ms": [], "opening": []}
    return {
        "times_ms": [round(float(time), 1) for time in mouth.times_ms],
        "opening": [
            round(float(value), 4) if seen else None
            for value, seen in zip(mouth.shape[:, 0], mouth.seen, strict=True)
        ],
    }


def _pictures(analysis: Analysis) -> list[dict[str, object]]:
    handed_in = analysis.transaction
    portrait, views = analysis.portrait, analysis.views
    found: list[dict[str, object]] = []
    for kind, image, read in (
        ("document_front", handed_in.document_front, analysis.front),
        ("document_back", handed_in.document_back, analysis.back),
    ):
        if image is not None:
            found.append(_picture(kind, draw_document(image, read)))
    moving = handed_in.clip is not None
    seen = [view for view in views if view.subject is not None]
    applicant = seen[len(seen) // 2] if seen else None
    for kind, view in (("portrait_face", portrait), ("applicant_face", applicant)):
        face = face_at_scale(view) if view is not None else None
        if face is not None:
            found.append(_picture(kind, face))
    for i in spread(len(views), MOST_FRAMES):
        kind = "clip" if moving else "selfie"
        time_ms = views[i].time_ms if moving else None
        found.append(_picture(kind, draw_faces(views[i]), time_ms))
    return found


def _picture(kind: str, image: Image, time_ms: float | None = None) -> dict[str, object]:
    jpeg = to_jpeg(image, LONGEST_SIDE_PX)
    return {"kind": kind, "time_ms": time_ms, "jpeg": base64.b64encode(jpeg).decode()}
