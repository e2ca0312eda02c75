"""How well does a colour trace follow what was shown, and how well would it follow other draws?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.liveness.light.colours import CELL_MS, HUES, draw_many, linear
from veridical.liveness.permutation import DRAWS, rank
from veridical.types import Colours

__all__ = [
    "Draws",
    "LightResponse",
    "Matcher",
    "chroma",
    "contrast_of",
    "follow",
    "free_of",
    "gain_at",
]

LAG_STEP_MS = 20.0
LAGS_MS = np.arange(0.0, 401.0, LAG_STEP_MS)
"""How much later than asked a colour may be on the skin: painted, exposed, recorded. The times are
the server's own; who could bend them by a tenth of a second would choose among eight answers."""
LATE_MS = np.arange(420.0, 2501.0, 40.0)
"""Lags that are looked at only to tell an applicant why nothing was found."""
SLOW_S = 3.0
"""Changes slower than this, from peak to peak, are the camera's white balance or a cloud."""
OUTLIER = 4.0

_HUES = np.array([linear(hue) for hue in HUES], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """The sequence that was shown, and others drawn by the same rule.

    Attributes:
        true: (cells, 2) contrast shown, red less green and blue less green, in linear light.
        others: (n, cells, 2) float32 the same of the others.
    """

    true: NDArray[np.float64]
    others: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        colours: Colours,
        chance: np.random.Generator,
        count: int = DRAWS,
        screen: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> "Draws":
        """Draw `count` others of the same length, for a screen of these strengths."""
        cells = int(colours.end_ms // CELL_MS)
        hues = draw_many(cells, count, chance)
        contrast = _contrast(_HUES * screen).astype(np.float32)
        middles_ms = (np.arange(cells) + 0.5) * CELL_MS
        return cls(contrast_of(colours, middles_ms, screen), contrast[hues])


@dataclass(frozen=True, slots=True)
class LightResponse:
    """What a trace answered.

    Attributes:
        p: Share of all draws that fit at least as well: the false accept rate of a clip that was
            fixed before the draw, when it is accepted at this value.
        p_inverted: The same of the colours turned round: one that answers blue with yellow.
        correlation: Of the trace with what was shown, -1..1.
        lag_ms: How much later than asked it fits best.
        gain: Change of the logarithm of the trace for one of contrast: about the light of a white
            screen as a share of all other light.
        gains: The same for red against green and for blue against green.
    """

    p: float
    p_inverted: float
    correlation: float
    lag_ms: float
    gain: float
    gains: tuple[float, float]


def chroma(light: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logarithms of red by green and blue by green: (n, 3) linear light to (n, 2)."""
    logs = np.log(np.maximum(np.asarray(light, np.float64), 1e-4))
    return logs[:, (0, 2)] - logs[:, 1:2]


def contrast_of(
    colours: Colours,
    times_ms: NDArray[np.floating],
    screen: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> NDArray[np.float64]:
    """Contrast shown at any times: (n, 2); before the first and after the last as these."""
    at = np.searchsorted(colours.starts_ms, times_ms, side="right") - 1
    shown = np.array([linear(one) for one in colours.shown]) * screen
    return _contrast(shown)[np.maximum(at, 0)]


def _contrast(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return light[:, (0, 2)] - light[:, 1:2]


def free_of(times_ms: NDArray[np.float64], beside: NDArray[np.floating]) -> NDArray[np.float64]:
    """What a trace may not be explained by: slow changes, and what moves beside it.

    Args:
        times_ms: (n,) times of the trace.
        beside: (n, k) such as where the face is.

    Returns:
        (n, m) with orthonormal columns; `trace - basis @ (basis.T @ trace)` is free of them.
    """
    span_ms = max(float(times_ms[-1] - times_ms[0]), 1.0)
    place = (times_ms - times_ms[0]) / span_ms
    slow = np.arange(1 + int(2 * span_ms / 1000 / SLOW_S))
    columns = np.concatenate([np.cos(np.pi * place[:, None] * slow), beside], axis=1)
    scale = np.linalg.norm(columns, axis=0)
    columns = columns[:, scale > 1e-9] / scale[scale > 1e-9]
    left, stretch, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, stretch > 1e-6 * stretch[0]])


class Matcher:
    """Holds one trace ready to be compared with any sequence.

    The measure is the correlation of the two chroma signals with the contrast shown, one positive
    gain, each signal weighed by its own noise, at each of several lags.

    Args:
        trace: (n, 2) chroma.
        times_ms: (n,) from the start of the recording.
        basis: (n, m) of `free_of`.
        cells: Length of the sequences.
        lags_ms: Lags that are tried.
    """

    def __init__(
        self,
        trace: NDArray[np.float64],
        times_ms: NDArray[np.float64],
        basis: NDArray[np.float64],
        cells: int,
        lags_ms: NDArray[np.float64] = LAGS_MS,
    ) -> None:
        free = trace - basis @ (basis.T @ trace)
        bound = OUTLIER * np.maximum(1.4826 * np.median(np.abs(free), axis=0), 1e-6)
        free = np.clip(free, -bound, bound)
        free -= basis @ (basis.T @ free)
        # From frame to frame: few of these steps are changes of the light.
        noise = np.median(np.abs(np.diff(free, axis=0)), axis=0)
        weight = 1 / np.maximum(noise, 1e-6) ** 2
        weighed = free * weight
        at = ((times_ms[:, None] - lags_ms) // CELL_MS).astype(np.intp)
        inside = (at >= 0) & (at < cells)
        sums = np.zeros((len(lags_ms), cells, 2))
        lag = np.broadcast_to(np.arange(len(lags_ms)), at.shape)
        frame = np.broadcast_to(np.arange(len(at))[:, None], at.shape)
        np.add.at(sums, (lag[inside], at[inside]), weighed[frame[inside]])
        size = max(float(np.sqrt((free * weighed).sum())), 1e-12)
        self._table = (sums.reshape(len(lags_ms), -1).T / size).astype(np.float32)
        self._power = _power(at[:, len(lags_ms) // 2], basis, weight, cells)

    def __call__(self, contrast: NDArray[np.floating]) -> NDArray[np.float32]:
        """(n, lags) correlations with sequences, (n, cells, 2)."""
        flat = np.asarray(contrast, np.float32).reshape(len(contrast), -1)
        own = np.einsum("ij,ij->i", flat @ self._power, flat)
        return np.asarray(flat @ self._table / np.sqrt(np.maximum(own, 1e-9))[:, None])


def follow(
    trace: NDArray[np.float64],
    times_ms: NDArray[np.float64],
    basis: NDArray[np.float64],
    draws: Draws,
    lags_ms: NDArray[np.float64] = LAGS_MS,
) -> LightResponse:
    """Rank the shown sequence among the others by how well the trace follows each.

    Args:
        trace: (n, 2) chroma.
        times_ms: (n,) from the start of the recording.
        basis: (n, m) of `free_of`.
        draws: What was shown, and what could have been.
        lags_ms: Lags that are tried; each sequence counts at the one that fits it best.
    """
    match = Matcher(trace, times_ms, basis, len(draws.true), lags_ms)
    true, others = match(draws.true[None])[0], match(draws.others)
    best = int(true.argmax())
    free = trace - basis @ (basis.T @ trace)
    at = ((times_ms - lags_ms[best]) // CELL_MS).astype(np.intp)
    gains = _gains(free, at, basis, draws.true)
    return LightResponse(
        rank(float(true.max()), others.max(1)),
        rank(float(-true.min()), -others.min(1)),
        float(true[best]),
        float(lags_ms[best]),
        float(np.mean(gains)),
        gains,
    )


def gain_at(
    trace: NDArray[np.float64],
    times_ms: NDArray[np.float64],
    basis: NDArray[np.float64],
    draws: Draws,
    lag_ms: float,
) -> float:
    """Answer of a trace at one lag; see `LightResponse.gain`."""
    free = trace - basis @ (basis.T @ trace)
    at = ((times_ms - lag_ms) // CELL_MS).astype(np.intp)
    return float(np.mean(_gains(free, at, basis, draws.true)))


def _power(
    at: NDArray[np.intp], basis: NDArray[np.float64], weight: NDArray[np.float64], cells: int
) -> NDArray[np.float32]:
    """(2 cells, 2 cells): what a sequence's own power is made of, once it is freed as the trace."""
    inside = (at >= 0) & (at < cells)
    counts = np.bincount(at[inside], minlength=cells)
    part = np.zeros((cells, basis.shape[1]))
    np.add.at(part, at[inside], basis[inside])
    left = np.diag(counts) - part @ part.T
    return np.asarray(np.kron(left, np.diag(weight)), np.float32)


def _gains(
    free: NDArray[np.float64],
    at: NDArray[np.intp],
    basis: NDArray[np.float64],
    contrast: NDArray[np.float64],
) -> tuple[float, float]:
    """Slope of each chroma signal over the contrast shown."""
    shown = contrast[np.clip(at, 0, len(contrast) - 1)]
    shown = shown - basis @ (basis.T @ shown)
    slope = (shown * free).sum(0) / np.maximum((shown**2).sum(0), 1e-9)
    return float(slope[0]), float(slope[1])
