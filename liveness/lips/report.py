"""What does a reviewer see of lips and sound? One page, without a picture of anybody."""

import io
from collections.abc import Mapping
from html import escape

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from veridical.liveness.lips.check import Finding
from veridical.liveness.lips.heard import Heard
from veridical.liveness.lips.sync import CURVE_PLACES, LAG_PLACES
from veridical.liveness.lips.track import GRID_MS, MouthTrack
from veridical.result import EvidenceValue, OperatingPoint
from veridical.types import Challenge

__all__ = ["lips_report"]

SOUND, LIPS, EXPECTED, SHOWN = "#5c677d", "#1f5fbf", "#d1495b", "#2e8b57"
WAVE_POINTS = 1500
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b2430}table{border-collapse:collapse}td{padding:.15rem 1rem .15rem 0}"
    "svg{max-width:100%;height:auto}.pass{color:#2e8b57}.fail{color:#d1495b}"
    ".review{color:#b8860b}"
)


def lips_report(
    found: Finding,
    evidence: Mapping[str, EvidenceValue],
    track: MouthTrack,
    heard: Heard | None,
    challenge: Challenge | None,
    point: OperatingPoint | None,
) -> str:
    """Draw the timeline of one clip.

    Args:
        found: What the check found.
        evidence: Its figures.
        track: The mouth.
        heard: The sound; None without.
        challenge: What was asked; None when nothing was.
        point: The operating point; None leaves the verdict open.

    Returns:
        An HTML page that loads nothing from anywhere.
    """
    status = "not_assessed"
    if found.score is not None:
        status = str(point.status(found.score)) if point else "review"
    shown_score = "" if found.score is None else f", log-likelihood ratio {found.score:.2f}"
    limits = (
        f"accept from {point.accept_at:g}, reject below {point.reject_below:g}" if point else ""
    )
    asked = escape(" ".join(challenge.words)) if challenge else "nothing"
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{'–' if value is None else escape(str(value))}</td></tr>"
        for name, value in evidence.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>liveness.lips</title>'
        f"<style>{_STYLE}</style><h1>liveness.lips: <span class={status}>{status}</span></h1>"
        f"<p>Asked: {asked}{shown_score}. {limits} {escape(found.reason)}</p>"
        f"{_timeline(found, track, heard, challenge)}<table>{rows}</table>"
        "<p>Green marks: when each digit was shown. Grey marks: when it began to sound. Lips and "
        "expectation are in standard deviations over the clip. A generated talking head can agree "
        "with its sound better than a person does: agreement is no proof of life by itself.</p>"
    )


def _timeline(
    found: Finding, track: MouthTrack, heard: Heard | None, challenge: Challenge | None
) -> str:
    """Waveform, lips measured and expected, and agreement over lag, as SVG."""
    figure = Figure(figsize=(9.5, 6.4), layout="constrained")
    sound, lips, lag = figure.subplots(3, 1, height_ratios=(1, 1.4, 1))
    if heard is not None and len(heard.audio.samples):
        _draw_sound(sound, heard)
    marks = challenge.schedule_ms if challenge else ()
    for time_ms in marks:
        sound.axvline(time_ms / 1000, color=SHOWN, linewidth=1.2)
    for time_ms in heard.onsets_ms if heard else ():
        sound.axvline(time_ms / 1000, color=SOUND, linewidth=1.2, linestyle=":")
    sound.set_ylabel("sound")
    agreement = found.agreement
    if agreement is None:
        times_s = track.times_ms / 1000
        lips.plot(times_s, track.shape[:, 0], color=LIPS, label="opening, inter-ocular distances")
    else:
        times_s = agreement.times_ms / 1000
        lips.plot(times_s, agreement.measured[:, 0], color=LIPS, label="opening measured")
        lips.plot(times_s, agreement.predicted[:, 0], color=EXPECTED, label="expected from sound")
        lags_ms = np.arange(-CURVE_PLACES, CURVE_PLACES + 1) * GRID_MS
        lag.plot(lags_ms, agreement.curve, color=LIPS)
        lag.axvspan(-LAG_PLACES * GRID_MS, LAG_PLACES * GRID_MS, color="#dfe4ea", zorder=0)
        lag.axvline(agreement.lag_ms, color=EXPECTED, linewidth=1)
    lips.legend(loc="upper right", frameon=False)
    lips.set_ylabel("lips")
    lips.set_xlabel("seconds")
    lag.set_ylabel("similarity")
    lag.set_xlabel("sound later than lips, ms")
    lips.sharex(sound)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue().partition("?>")[2].partition(">")[2]


def _draw_sound(axes: Axes, heard: Heard) -> None:
    """The envelope: loudest and softest sample of each slice."""
    samples = heard.audio.samples
    step = max(1, len(samples) // WAVE_POINTS)
    slices: NDArray[np.float32] = samples[: len(samples) // step * step].reshape(-1, step)
    times_s = np.arange(len(slices)) * step / heard.audio.rate_hz
    axes.fill_between(times_s, slices.min(1), slices.max(1), color=SOUND, linewidth=0)
    for start, end in heard.segments_s:
        axes.axvspan(start, end, color="#eef2f7", zorder=0)
