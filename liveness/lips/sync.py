"""Do these lips make this sound?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.liveness.lips.adaptation import Correction
from veridical.liveness.lips.heard import Heard
from veridical.liveness.lips.sound import BANDS, STEP_MS, log_mel, loudness
from veridical.liveness.lips.track import GRID_MS, MouthTrack
from veridical.models import Session
from veridical.result import ModelRef

__all__ = [
    "CURVE_PLACES",
    "LAG_PLACES",
    "Agreement",
    "Codes",
    "LipSync",
    "common_grid",
    "compare",
    "sound_at",
    "standardise",
]

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


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """What the network makes of one stretch of lips and sound.

    Attributes:
        lips: (n, 12) float32, the traits, mean 0 and standard deviation 1.
        expected: (n, 12) float32, what the sound lets expect, on the same scale.
        lip_code: (n, d) float32, unit vectors.
        sound_code: (n, d) float32, unit vectors.
    """

    lips: NDArray[np.float32]
    expected: NDArray[np.float32]
    lip_code: NDArray[np.float32]
    sound_code: NDArray[np.float32]

    def cut(self, count: int) -> "Codes":
        """The first so many places."""
        return Codes(
            self.lips[:count],
            self.expected[:count],
            self.lip_code[:count],
            self.sound_code[:count],
        )


class LipSync:
    """Compares lips and sound by a network of our own.

    Args:
        session: `lips` (1, n, 12) and `sound` (1, n, 128), each with mean 0 and standard
            deviation 1 over time, to `lip_code` and `sound_code` (1, n, d) of unit length and
            `expected_lips` (1, n, 12).
        correction: Of the expected lips, from recordings of one's own.

    Source: the loss follows J. S. Chung and A. Zisserman, "Out of time: automated lip sync in the
    wild", ACCV workshops 2016, on lip landmarks instead of pictures.
    """

    def __init__(self, session: Session, correction: Correction | None = None) -> None:
        self._session = session
        self._correction = correction

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
        times = common_grid(track, heard, len(mel) * STEP_MS)
        if len(times) < LEAST_PLACES:
            return None
        codes = self.encode(track.on_grid(times), sound_at(mel, times))
        similarity, correlation = compare(codes, codes)
        curve = similarity_curve(codes.lip_code, codes.sound_code, CURVE_PLACES)
        near = curve[CURVE_PLACES - LAG_PLACES : CURVE_PLACES + LAG_PLACES + 1]
        speed = np.abs(np.diff(codes.lips, axis=0, prepend=codes.lips[:1])) @ WEIGHTS
        loud = np.interp(times, np.arange(len(mel)) * STEP_MS, loudness(mel)).astype(np.float32)
        return Agreement(
            times_ms=times,
            measured=codes.lips,
            predicted=codes.expected,
            similarity=similarity,
            correlation=correlation,
            lag_ms=float((int(near.argmax()) - LAG_PLACES) * GRID_MS),
            curve=curve,
            activity=float(_correlation(_smooth(speed)[:, None], loud[:, None])[0]),
        )

    def encode(self, lips: NDArray[np.float32], sound: NDArray[np.float32]) -> Codes:
        """Run the network over one stretch.

        Args:
            lips: (n, 12) float32, the traits every 40 ms.
            sound: (n, 128) float32, as `sound_at` gives it.
        """
        shown, heard = standardise(lips), standardise(sound)
        lip_code, sound_code, expected = self._session.run(
            {"lips": shown[None], "sound": heard[None]}
        )
        foretold = expected[0] if self._correction is None else self._correction(heard, expected[0])
        return Codes(shown, standardise(foretold), lip_code[0], sound_code[0])


def compare(lips: Codes, sound: Codes, moved_places: int = 0) -> tuple[float, float]:
    """Hold the lips of one stretch against the sound of another, or of the same.

    Args:
        lips: Whose lips.
        sound: Whose sound, of the same length.
        moved_places: Turn the sound round by so many steps of 40 ms first.

    Returns:
        Mean similarity of the codes and weighted mean correlation of the traits with what the
        sound lets expect, each at its best lag, -1..1.
    """
    heard = np.roll(sound.sound_code, moved_places, axis=0)
    expected = np.roll(sound.expected, moved_places, axis=0)
    curve = similarity_curve(lips.lip_code, heard, LAG_PLACES)
    return float(curve.max()), best_lag(lips.lips, expected)


def sound_at(mel: NDArray[np.float32], times_ms: NDArray[np.float64]) -> NDArray[np.float32]:
    """Four log-mel frames around each time, one after the other: (n, 128) float32."""
    around = np.round(times_ms[:, None] / STEP_MS + np.arange(MEL_A_PLACE) - 1.5).astype(np.intp)
    stacked = mel[np.clip(around, 0, len(mel) - 1)]
    return stacked.reshape(len(times_ms), MEL_A_PLACE * BANDS)


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


def common_grid(track: MouthTrack, heard: Heard, sound_ms: float) -> NDArray[np.float64]:
    """Times every 40 ms that hold lips and sound, from just before speech to just after.

    Args:
        track: The mouth.
        heard: The sound, on the same clock.
        sound_ms: Its length.
    """
    seen = track.times_ms[track.seen]
    if not len(seen) or not heard.segments_s:
        return np.zeros(0)
    start = max(float(seen[0]), heard.segments_s[0][0] * 1000 - MARGIN_MS)
    end = min(float(seen[-1]), heard.segments_s[-1][1] * 1000 + MARGIN_MS, sound_ms)
    return np.asarray(np.arange(start, end, GRID_MS), np.float64)
