"""Do these lips make this sound?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.liveness.lips.heard import Heard
from veridical.liveness.lips.sound import BANDS, STEP_MS, log_mel, loudness
from veridical.liveness.lips.track import GRID_MS, MouthTrack
from veridical.models import Session
from veridical.result import ModelRef

__all__ = ["LAG_PLACES", "Agreement", "LipSync", "best_lag", "correlate"]

LAG_PLACES = 4
"""Places of 40 ms that lips and sound may be apart by the fault of a camera."""
CURVE_PLACES = 15
"""How far the curve of agreement over lag is drawn."""
MARGIN_MS = 400.0
"""Picture kept before and after the speech: lips open before they sound."""
LEAST_PLACES = 40
MEL_A_PLACE = int(GRID_MS / STEP_MS)
QUIET = 1e-3
"""Least standard deviation: a trait that does not move is not blown up."""

# Predicted well and moved much, so counted more: opening, jaw, area, width.
WEIGHTS = np.array([1, 1, 0.8, 0.4, 0.4, 0.3, 0.3, 0.6, 1, 1, 0.3, 0.5], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """How well lips and sound go together.

    Attributes:
        times_ms: (n,) float64, the even grid.
        measured: (n, 12) float32, lip traits, mean 0 and standard deviation 1.
        predicted: (n, 12) float32, what the sound lets expect, on the same scale.
        similarity: Mean similarity of lip code and sound code at the best lag, -1..1.
        correlation: Weighted mean correlation of measured and predicted at its best lag, -1..1.
        lag_ms: How much later the sound is than the lips where similarity is best.
        curve: (31,) float32, similarity at lags of -600..600 ms.
        activity: Correlation of lip speed and loudness, -1..1; needs no training at all.
    """

    times_ms: NDArray[np.float64]
    measured: NDArray[np.float32]
    predicted: NDArray[np.float32]
    similarity: float
    correlation: float
    lag_ms: float
    curve: NDArray[np.float32]
    activity: float


class LipSync:
    """Compares lips and sound by a network of our own.

    Args:
        session: `lips` (1, n, 12) and `sound` (1, n, 128), each with mean 0 and standard
            deviation 1 over time, to `lip_code` and `sound_code` (1, n, 48) of unit length and
            `expected_lips` (1, n, 12).

    Source: the loss follows J. S. Chung and A. Zisserman, "Out of time: automated lip sync in the
    wild", ACCV workshops 2016, on lip landmarks instead of pictures.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def model(self) -> ModelRef:
        """The network behind it."""
        return self._session.ref

    def __call__(self, track: MouthTrack, heard: Heard) -> Agreement | None:
        """Compare.

        Args:
            track: The mouth.
            heard: The sound, on the same clock.

        Returns:
            What was found; None when lips and speech share less than 1.6 s.
        """
        mel = log_mel(heard.audio)
        times = _common_grid(track, heard, len(mel) * STEP_MS)
        if len(times) < LEAST_PLACES:
            return None
        measured = standardise(track.on_grid(times))
        around = np.round(times[:, None] / STEP_MS + np.arange(MEL_A_PLACE) - 1.5).astype(np.intp)
        stacked = mel[np.clip(around, 0, len(mel) - 1)]
        sound = standardise(stacked.reshape(len(times), MEL_A_PLACE * BANDS))
        lip_code, sound_code, expected = self._session.run(
            {"lips": measured[None], "sound": sound[None]}
        )
        curve = similarity_curve(lip_code[0], sound_code[0], CURVE_PLACES)
        near = curve[CURVE_PLACES - LAG_PLACES : CURVE_PLACES + LAG_PLACES + 1]
        predicted = standardise(expected[0])
        speed = np.abs(np.diff(measured, axis=0, prepend=measured[:1])) @ WEIGHTS
        loud = loudness(mel)[np.clip(around[:, 1], 0, len(mel) - 1)]
        return Agreement(
            times_ms=times,
            measured=measured,
            predicted=predicted,
            similarity=float(near.max()),
            correlation=best_lag(measured, predicted),
            lag_ms=float((int(near.argmax()) - LAG_PLACES) * GRID_MS),
            curve=curve,
            activity=float(_correlation(_smooth(speed)[:, None], loud[:, None])[0]),
        )


def standardise(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean 0 and standard deviation 1 over time, column by column."""
    centred = values - values.mean(0)
    return np.asarray(centred / (centred.std(0, ddof=1) + QUIET), np.float32)


def similarity_curve(
    lips: NDArray[np.float32], sound: NDArray[np.float32], places: int
) -> NDArray[np.float32]:
    """Mean inner product of two (n, d) codes at lags of -places..places: (2 * places + 1,)."""
    products = lips @ sound.T
    lags = range(-places, places + 1)
    return np.array([np.diagonal(products, lag).mean() for lag in lags], np.float32)


def best_lag(measured: NDArray[np.float32], predicted: NDArray[np.float32]) -> float:
    """Highest weighted mean correlation over the allowed lags."""
    found = []
    for lag in range(-LAG_PLACES, LAG_PLACES + 1):
        count = len(measured) - abs(lag)
        lips = measured[max(0, -lag) : max(0, -lag) + count]
        found.append(correlate(lips, predicted[max(0, lag) : max(0, lag) + count]))
    return max(found)


def correlate(measured: NDArray[np.float32], predicted: NDArray[np.float32]) -> float:
    """Weighted mean over the traits of Pearson's correlation, -1..1."""
    return float((_correlation(measured, predicted) * WEIGHTS).sum() / WEIGHTS.sum())


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Pearson's correlation of each pair of columns; 0 where one stands still."""
    x = a.astype(np.float64) - a.mean(0)
    y = b.astype(np.float64) - b.mean(0)
    return np.asarray((x * y).sum(0) / np.sqrt((x**2).sum(0) * (y**2).sum(0) + 1e-9))


def _smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.convolve(values, np.full(5, 0.2, np.float32), "same")


def _common_grid(track: MouthTrack, heard: Heard, sound_ms: float) -> NDArray[np.float64]:
    """Times every 40 ms that hold lips and sound, from just before speech to just after."""
    seen = track.times_ms[track.seen]
    if not len(seen) or not heard.segments_s:
        return np.zeros(0)
    start = max(float(seen[0]), heard.segments_s[0][0] * 1000 - MARGIN_MS)
    end = min(float(seen[-1]), heard.segments_s[-1][1] * 1000 + MARGIN_MS, sound_ms)
    return np.asarray(np.arange(start, end, GRID_MS), np.float64)
