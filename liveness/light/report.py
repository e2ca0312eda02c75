"""What does a reviewer see of a light challenge? One page, without a picture of anybody."""

import io
from collections.abc import Mapping
from html import escape

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from veridical.liveness.light.check import LightFinding
from veridical.liveness.light.follow import chroma, contrast_of
from veridical.result import EvidenceValue, OperatingPoint
from veridical.types import Colours

__all__ = ["light_report"]

SKIN, SHOWN, ROOM = "#1b2430", "#d1495b", "#8d99ae"
SMOOTH_S = 1.2
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b2430}table{border-collapse:collapse}td{padding:.15rem 1rem .15rem 0}"
    "svg{max-width:100%;height:auto}.pass{color:#2e8b57}.fail{color:#d1495b}"
    ".review{color:#b8860b}"
)


def light_report(
    found: LightFinding, evidence: Mapping[str, EvidenceValue], point: OperatingPoint | None
) -> str:
    """Draw the colours that were shown and the skin's colour over them.

    Args:
        found: What the check found.
        evidence: Its figures.
        point: The operating point; None leaves the verdict open.

    Returns:
        An HTML page that loads nothing from anywhere.
    """
    status = "not_assessed"
    if found.score is not None:
        status = str(point.status(found.score)) if point else "review"
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{'–' if value is None else escape(str(value))}</td></tr>"
        for name, value in evidence.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Light</title>'
        f"<style>{_STYLE}</style><h1>Light of the screen: <span class={status}>{status}</span></h1>"
        f"<p>{escape(_sentence(found, point))}</p>{_drawing(found)}<table>{rows}</table>"
        "<p>Bands: the colours as they were shown. Black: the skin's own colour, red against green "
        "and blue against green, without its slow changes. Red: what light of these colours would "
        "do to it, later by the lag that was found. Grey: the room behind. Light tells that this "
        "surface was before the screen when the colours were shown; it does not tell skin from "
        "paper or a mask, nor a face that was lit anew while it was sent.</p>"
    )


def _sentence(found: LightFinding, point: OperatingPoint | None) -> str:
    if found.face is None:
        return f"Not assessed: {found.reason}."
    told = f"Of all colour sequences, {found.face.p:.2%} fit this face as well as the one shown."
    if found.score is None:
        return f"{told} Not assessed: {found.reason}."
    limit = f" Accepted from {point.accept_at:g}." if point else ""
    return f"{told} Score {found.score:.2f}.{limit}"


def _drawing(found: LightFinding) -> str:
    """Chroma over the colours, as SVG."""
    trace, colours = found.trace, found.colours
    if trace is None or colours is None or len(trace.times_ms) < 3:
        return ""
    figure = Figure(figsize=(9.5, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    times_ms = trace.times_ms
    skin = _steady(chroma(trace.skin), times_ms)
    room = None if trace.room is None else _steady(chroma(trace.room), times_ms)
    lag_ms = found.face.lag_ms if found.face else 0.0
    shown = _steady(contrast_of(colours, times_ms - lag_ms), times_ms)
    for place, (axes, name) in enumerate(
        ((above, "red against green"), (below, "blue against green"))
    ):
        _bands(axes, colours)
        gain = found.face.gains[place] if found.face else 0.0
        if room is not None:
            axes.plot(times_ms / 1000, 100 * room[:, place], color=ROOM, linewidth=1)
        axes.plot(times_ms / 1000, 100 * gain * shown[:, place], color=SHOWN, linewidth=1.2)
        axes.plot(times_ms / 1000, 100 * skin[:, place], color=SKIN, linewidth=1.6)
        axes.set_ylabel(f"{name}, %")
    below.set_xlabel("seconds")
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue().partition("?>")[2].partition(">")[2]


def _bands(axes: Axes, colours: Colours) -> None:
    ends_ms = (*colours.starts_ms[1:], colours.end_ms)
    for colour, start_ms, end_ms in zip(colours.shown, colours.starts_ms, ends_ms, strict=True):
        axes.axvspan(
            start_ms / 1000, end_ms / 1000, color=colour, alpha=0.45, zorder=0, linewidth=0
        )


def _steady(trace: NDArray[np.float64], times_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """A trace without its slow changes, as the eye takes them off."""
    apart_s = (times_ms[:, None] - times_ms) / 1000
    share = np.exp(-0.5 * (apart_s / SMOOTH_S) ** 2)
    return np.asarray(trace - share @ trace / share.sum(1, keepdims=True))
