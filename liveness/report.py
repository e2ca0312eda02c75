"""What does a reviewer need to see of one silent liveness measurement? One HTML file, no network.

The file shows the applicant's face: it is to be kept and destroyed like the capture itself.
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import jinja2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from veridical.liveness.cues import Limits
from veridical.liveness.cues.flat import residuals
from veridical.liveness.cues.screen import spectrum
from veridical.liveness.silent import Examination, FrameJudgement
from veridical.result import Measurement, OperatingPoint, Status
from veridical.types import Face, View

__all__ = ["silent_report"]

TEMPLATES = Path(__file__).parent / "templates"
STRIP_HEIGHT_PX = 150
NETWORK_COLOURS = ("#7b8794", "#a26769", "#5b8e7d", "#b08968")
FUSED_COLOUR, LIMIT_COLOUR, BAD_COLOUR = "#1f5fbf", "#9aa5b1", "#c0392b"

MEANINGS = {
    "screen_pattern": "Peaks of a display's grid in the spectrum of the face, in nepers. "
    "Speaks for a screen; blur and compression hide it.",
    "flat_motion": "Change of the face's shape beyond a plane's motion, percent of the eye "
    "distance, negated. Near 0 speaks for a photograph.",
    "one_plane": "Share of the background that moves exactly as the face does. "
    "Near 1 speaks for a held photograph.",
    "held_frame": "Sides on which a long straight edge frames the face. 4 speaks for the rim of a "
    "device or a sheet.",
    "frozen_frames": "Longest time one picture stands, in milliseconds.",
    "looped_frames": "Longest stretch shown twice, forwards or backwards, in milliseconds.",
    "second_face": "Size of a second face by the judged one. For the reviewer only.",
    "still_eyes": "Range of the lids' opening, negated; near 0: no blink. For the reviewer only.",
}


@dataclass(frozen=True, slots=True)
class _Cue:
    """One row of the table of cues."""

    name: str
    value: str
    limits: str
    cap: str
    speaks: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class _Frame:
    """One picture of the strip."""

    picture: str
    time: str
    score: str
    reason: str
    level: str


def silent_report(
    found: Examination,
    measurement: Measurement,
    limits: Mapping[str, Limits],
    point: OperatingPoint | None = None,
) -> str:
    """Draw what was found as one self-contained HTML page.

    Args:
        found: What `SilentCheck.examine` kept.
        measurement: What the check answered about it.
        limits: Limits of the cues, by name.
        point: The operating point that judges the score; None draws no thresholds.

    Returns:
        HTML text without a reference to anything outside.
    """
    status = Status.NOT_ASSESSED
    if measurement.score is not None and point is not None:
        status = point.status(measurement.score)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("silent.html").render(
        score="not assessed" if measurement.score is None else f"{measurement.score:.3f}",
        status=str(status) if point is not None or measurement.score is None else "measured",
        reason=measurement.reason,
        point=f"accept from {point.accept_at:g}, reject below {point.reject_below:g}"
        if point
        else "no operating point given",
        evidence=[(name, _words(value)) for name, value in measurement.evidence.items()],
        models=[(model.name, model.sha256[:16]) for model in measurement.models],
        frames=[_frame(frame, point) for frame in found.frames],
        scores=_scores_plot(found, point),
        spectrum=_spectrum_plot(found, limits.get("screen_pattern")),
        motion=_motion_plot(found, limits.get("flat_motion")),
        cues=[_cue(name, found, limits.get(name)) for name in found.cues],
    )


def _words(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-" if value is None else str(value)


def _cue(name: str, found: Examination, limits: Limits | None) -> _Cue:
    value, cap = found.cues[name], found.caps.get(name, 1.0)
    return _Cue(
        name=name,
        value="not looked for" if value is None else f"{value:.3g}",
        limits=f"{limits.clear:g} to {limits.certain:g}" if limits else "none",
        cap=f"{cap:.2f}" if limits else "-",
        speaks=cap < 1.0,
        meaning=MEANINGS.get(name, ""),
    )


def _frame(frame: FrameJudgement, point: OperatingPoint | None) -> _Frame:
    level = "none"
    if frame.fused is not None:
        level = str(point.status(frame.fused)) if point else "measured"
    return _Frame(
        picture=_thumbnail(frame.view),
        time=f"{frame.view.time_ms / 1000:.2f} s",
        score="" if frame.fused is None else f"{frame.fused:.2f}",
        reason=frame.reason,
        level=level,
    )


def _thumbnail(view: View) -> str:
    """The frame with the judged face framed, as a data URI."""
    scale = STRIP_HEIGHT_PX / view.image.height
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = (max(1, round(view.image.width * scale)), STRIP_HEIGHT_PX)
    small = cv2.resize(view.image.pixels, size, interpolation=interpolation)
    for face in view.faces:
        colour = (255, 255, 255) if face is view.subject else (230, 120, 60)
        cv2.rectangle(small, *_corners(face, scale), colour, 1, cv2.LINE_AA)
    _, data = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def _corners(face: Face, scale: float) -> tuple[tuple[int, int], tuple[int, int]]:
    box = face.box
    return (
        (round(box.left * scale), round(box.top * scale)),
        (round(box.right * scale), round(box.bottom * scale)),
    )


def _svg(figure: Figure) -> str:
    """A figure as SVG without a prologue, to stand in HTML."""
    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "veridical"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]


def _scores_plot(found: Examination, point: OperatingPoint | None) -> str:
    """Each network's and the ensemble's score over time; empty when nothing was judged."""
    judged = [frame for frame in found.frames if frame.fused is not None]
    if not judged:
        return ""
    figure = Figure(figsize=(7.4, 2.7), layout="constrained")
    axes = figure.add_subplot()
    times = [frame.view.time_ms / 1000 for frame in judged]
    for colour, name in zip(NETWORK_COLOURS, judged[0].scores, strict=False):
        scores = [frame.scores[name] for frame in judged]
        axes.plot(times, scores, "o-", color=colour, linewidth=1, markersize=3, label=name)
    fused = [frame.fused for frame in judged if frame.fused is not None]
    axes.plot(times, fused, "o-", color=FUSED_COLOUR, linewidth=2.2, markersize=5, label="ensemble")
    if point:
        axes.axhline(point.accept_at, color=LIMIT_COLOUR, linestyle="--", linewidth=1)
        axes.axhline(point.reject_below, color=BAD_COLOUR, linestyle="--", linewidth=1)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("time, s")
    axes.set_ylabel("score")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def _spectrum_plot(found: Examination, limits: Limits | None) -> str:
    """The spectrum of the middle judged face; empty when the face is too small."""
    judged = [frame for frame in found.frames if frame.fused is not None]
    subject = judged[len(judged) // 2].view.subject if judged else None
    if subject is None:
        return ""
    height = spectrum(judged[len(judged) // 2].view.image, subject.box)
    if height is None:
        return ""
    figure = Figure(figsize=(3.6, 3.3), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.imshow(
        np.fft.fftshift(height, axes=0),
        cmap="magma",
        vmin=0.0,
        vmax=limits.certain if limits else 3.0,
        extent=(0.0, 0.5, 0.5, -0.5),
        aspect="auto",
    )
    figure.colorbar(drawn, ax=axes, shrink=0.8, label="nepers above the ring's median")
    axes.set_xlabel("cycles per pixel, across")
    axes.set_ylabel("down")
    return _svg(figure)


def _motion_plot(found: Examination, limits: Limits | None) -> str:
    """How much the face's shape changed between pairs of views; empty without a clip's meshes."""
    values = residuals([frame.view for frame in found.frames if not frame.reason])
    if values is None:
        return ""
    figure = Figure(figsize=(3.8, 3.3), layout="constrained")
    axes = figure.add_subplot()
    axes.hist(values, bins=16, color=FUSED_COLOUR, alpha=0.85)
    axes.axvline(float(np.percentile(values, 75)), color="#1b2430", linewidth=1.6, label="75 %")
    if limits:
        axes.axvspan(0, -limits.certain, color=BAD_COLOUR, alpha=0.25, label="a photograph")
        axes.axvspan(-limits.certain, -limits.clear, color=BAD_COLOUR, alpha=0.10)
    axes.set_xlim(left=0)
    axes.set_xlabel("change of shape, % of the eye distance")
    axes.set_ylabel("pairs of views")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)
