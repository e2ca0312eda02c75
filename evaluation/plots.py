"""How do error rates look? Drawings as SVG text, for a report that is one file."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from veridical.calibration.intervals import Rate
from veridical.calibration.metrics import Det

__all__ = ["bars", "det_plot", "histogram"]

COLOURS = ("#1f5fbf", "#d1495b", "#2e8b57", "#b8860b", "#6a4c93", "#00798c", "#8d5524", "#5c677d")
INK, GRID = "#1b2430", "#dfe4ea"
CURVE_POINTS = 500

STYLE = Path(__file__).parent / "templates" / "plots.mplstyle"


def det_plot(curves: Mapping[str, tuple[Det, int, int]], words: tuple[str, str]) -> str:
    """Draw DET curves on logarithmic axes.

    Each ends where its data end: below one error in n trials nothing was measured.

    Args:
        curves: Name to curve, mated n and non-mated n.
        words: Labels of the axes, x before y.

    Returns:
        SVG text.
    """
    with mpl.rc_context(fname=STYLE):
        figure = Figure(figsize=(7.2, 4.6), layout="constrained")
        axes = figure.add_subplot()
        lowest = [1.0, 1.0]
        for colour, (name, (curve, n_mated, n_non_mated)) in zip(
            _colours(len(curves)), curves.items(), strict=True
        ):
            floor_x, floor_y = 1 / n_non_mated, 1 / n_mated
            lowest = [min(lowest[0], floor_x), min(lowest[1], floor_y)]
            x, y = _thinned(np.maximum(curve.fmr, floor_x), np.maximum(curve.fnmr, floor_y))
            axes.step(x, y, where="post", color=colour, linewidth=1.8, label=name)
        axes.plot([1e-9, 1], [1e-9, 1], color="#9aa5b1", linewidth=0.8, linestyle=(0, (4, 4)))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(max(lowest[0] * 0.8, 1e-8), 1.0)
        axes.set_ylim(max(lowest[1] * 0.8, 1e-6), 1.0)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(10))
            axis.set_major_formatter(FuncFormatter(_share))
            axis.set_minor_formatter(NullFormatter())
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_xlabel(words[0])
        axes.set_ylabel(words[1])
        _legend(axes)
        return _svg(figure)


def histogram(
    scores: Mapping[str, NDArray[np.floating]], thresholds: Mapping[str, float], label: str
) -> str:
    """Draw the score distribution of each kind, and the thresholds between them.

    Args:
        scores: Name to scores, those that speak for the applicant first.
        thresholds: Name to threshold.
        label: What the scores are.

    Returns:
        SVG text.
    """
    filled = {name: values for name, values in scores.items() if len(values)}
    with mpl.rc_context(fname=STYLE):
        figure = Figure(figsize=(7.2, 3.4), layout="constrained")
        axes = figure.add_subplot()
        if filled:
            low = min(float(values.min()) for values in filled.values())
            high = max(float(values.max()) for values in filled.values())
            edges = np.linspace(low, max(high, low + 1e-6), 61)
            for colour, (name, values) in zip(_colours(len(filled)), filled.items(), strict=True):
                counts, _ = np.histogram(values, edges)
                axes.stairs(
                    counts / len(values),
                    edges,
                    fill=True,
                    alpha=0.35,
                    color=colour,
                    label=f"{name} (n = {len(values):,})",
                )
                axes.stairs(counts / len(values), edges, color=colour, linewidth=1.2)
        _mark(axes, thresholds)
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_xlabel(label)
        axes.set_ylabel("share of scores")
        _legend(axes)
        return _svg(figure)


def bars(rates: Mapping[str, Rate], label: str, limit: tuple[str, float] | None = None) -> str:
    """Draw a rate and its 95 % interval for each of several cells, worst first as given.

    Args:
        rates: Name to rate.
        label: What the rates are.
        limit: A line to compare with: its name and place.

    Returns:
        SVG text.
    """
    with mpl.rc_context(fname=STYLE):
        figure = Figure(figsize=(7.2, 0.9 + 0.36 * max(1, len(rates))), layout="constrained")
        axes = figure.add_subplot()
        names = list(rates)
        for place, rate in enumerate(rates.values()):
            low, high = rate.ci95
            axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=5, alpha=0.3)
            if rate.value is not None:
                axes.plot(rate.value, place, "o", color=COLOURS[0], markersize=6)
        axes.set_yticks(
            range(len(names)), [f"{name}  ({rates[name].errors}/{rates[name].n})" for name in names]
        )
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        if limit is not None:
            axes.axvline(limit[1], color=COLOURS[1], linewidth=1.2, linestyle="--", label=limit[0])
            _legend(axes)
        axes.grid(axis="x", color=GRID, linewidth=0.8)
        axes.set_xlabel(label)
        return _svg(figure)


def _legend(axes: Axes) -> None:
    """Names above the drawing, where they cover nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, fontsize=9, handlelength=1.4
    )


def _colours(count: int) -> Sequence[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def _share(value: float, _: int) -> str:
    """A share as percent, or as a power of ten below a hundredth of one."""
    return f"{value:.0e}".replace("e-0", "e-") if value < 1e-4 else f"{value * 100:g} %"


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Few enough points for a drawing, even on logarithmic axes."""
    if len(x) <= CURVE_POINTS:
        return x, y
    way = np.cumsum(
        np.abs(np.diff(np.log(x), prepend=np.log(x[0])))
        + np.abs(np.diff(np.log(y), prepend=np.log(y[0])))
    )
    kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], CURVE_POINTS)))
    kept = np.minimum(kept, len(x) - 1)
    return x[kept], y[kept]


def _mark(axes: Axes, thresholds: Mapping[str, float]) -> None:
    """Draw thresholds as named lines."""
    places = iter(range(len(thresholds)))
    for name, value in sorted(thresholds.items(), key=lambda item: item[1]):
        axes.axvline(value, color=INK, linewidth=1.1, linestyle="--")
        axes.annotate(
            f"{name} {value:.3g}",
            (value, 0.97 - 0.1 * next(places)),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8.5,
            va="top",
        )


def _svg(figure: Figure) -> str:
    """The drawing without XML head, ready to stand in HTML."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
