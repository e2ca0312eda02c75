"""Does each digit follow the moment it was shown, as a person who reads it does?

Compared are two explanations of the delays: a person who sees each digit and says it, and a voice
that keeps a schedule of its own, started as well as it could be. The ratio of their likelihoods
is the score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reader", "ScheduleModel", "schedule_llr"]


@dataclass(frozen=True, slots=True)
class Reader:
    """How long people take from seeing a digit to saying it.

    Delays of one person are log-normal about the person's own mean. The numbers are an assumption
    from the naming-time literature, not a measurement of applicants; `veridical adapt lips`
    replaces them.

    Attributes:
        median_ms: Median delay.
        sigma: Standard deviation of the delay's natural logarithm.
        person_sd_ms: Standard deviation of the persons' own offsets.
        outlier_share: Digits whose delay says nothing: a cough, or, for one digit in fifty as
            measured (docs/measurements/lips.md), a start that was heard in the wrong place.
    """

    median_ms: float = 450.0
    sigma: float = 0.35
    person_sd_ms: float = 120.0
    outlier_share: float = 0.04


@dataclass(frozen=True, slots=True)
class ScheduleModel:
    """What delays look like, read and not read.

    Attributes:
        reader: A person who reads.
        onset_sd_ms: Error of the measured onset of a digit.
        least_gap_sd_ms: How much gaps of any schedule vary at least. How much those of another
            schedule vary is taken from the one shown: both were drawn alike.
        start_sd_ms: How well a replay's start can be placed.
    """

    reader: Reader = Reader()
    onset_sd_ms: float = 40.0
    least_gap_sd_ms: float = 60.0
    start_sd_ms: float = 300.0


_OUTLIER_SPAN_MS = 4000.0
_ANYTHING = 0.05
_OFFSETS = np.linspace(-3.0, 3.0, 31)
_LEAST_DELAY_MS = 40.0


def schedule_llr(
    onsets_ms: Sequence[float],
    shown_ms: Sequence[float],
    model: ScheduleModel = ScheduleModel(),
) -> float:
    """Natural log of how much better reading explains the delays than a schedule of one's own.

    Args:
        onsets_ms: When each digit began to sound.
        shown_ms: When each was shown, on the same clock.
        model: What delays look like.

    Raises:
        ValueError: The two differ in length, are fewer than two, or hold a number that is not
            finite.
    """
    onsets, shown = np.asarray(onsets_ms, np.float64), np.asarray(shown_ms, np.float64)
    if onsets.shape != shown.shape or onsets.ndim != 1 or len(onsets) < 2:
        raise ValueError(f"two onsets or more, one per digit shown, got {onsets.shape}")
    if not (np.isfinite(onsets).all() and np.isfinite(shown).all()):
        raise ValueError("onsets and times shown must be finite")
    delays = onsets - shown
    gap_sd_ms = max(
        float(np.diff(shown).std(ddof=1)) if len(shown) > 2 else 0.0, model.least_gap_sd_ms
    )
    return _log_read(delays, model) - _log_own_schedule(delays, gap_sd_ms, model)


def _log_read(delays: NDArray[np.float64], model: ScheduleModel) -> float:
    """Log density of delays of one reader, the reader's offset unknown."""
    reader = model.reader
    offsets = _OFFSETS * reader.person_sd_ms
    log_prior = -0.5 * _OFFSETS**2
    log_prior -= _log_sum(log_prior)
    own = np.maximum(delays[None] - offsets[:, None], _LEAST_DELAY_MS)
    # The onset's own error widens the log-normal by its share of the median.
    sigma = float(np.hypot(reader.sigma, model.onset_sd_ms / reader.median_ms))
    z = np.log(own / reader.median_ms) / sigma
    density = np.exp(-0.5 * z**2) / (own * sigma * np.sqrt(2 * np.pi))
    # Below the least delay nobody has read anything yet: only an outlier explains it.
    density[delays[None] - offsets[:, None] < _LEAST_DELAY_MS] = 0.0
    mixed = (1 - reader.outlier_share) * density + reader.outlier_share / _OUTLIER_SPAN_MS
    return _log_sum(log_prior + np.log(mixed).sum(1))


def _log_own_schedule(delays: NDArray[np.float64], gap_sd_ms: float, model: ScheduleModel) -> float:
    """Log density of delays that wander off: a random walk of gaps about an unknown start."""
    count = len(delays)
    reader = model.reader
    mean = reader.median_ms * np.exp(reader.sigma**2 / 2)
    spread = mean * np.sqrt(np.expm1(reader.sigma**2))
    place = np.arange(count)
    covariance = (
        # Each step is the difference of two gaps drawn alike.
        2 * gap_sd_ms**2 * np.minimum(place[:, None], place[None])
        + model.start_sd_ms**2
        + np.eye(count) * (spread**2 + model.onset_sd_ms**2)
    )
    apart = delays - mean
    _, log_determinant = np.linalg.slogdet(covariance)
    squares = float(apart @ np.linalg.solve(covariance, apart))
    wandering = -0.5 * (squares + float(log_determinant) + count * float(np.log(2 * np.pi)))
    # Anything at all may also happen here, so that the absurd never looks like reading.
    anything = -count * float(np.log(_OUTLIER_SPAN_MS))
    return float(np.logaddexp(np.log1p(-_ANYTHING) + wandering, np.log(_ANYTHING) + anything))


def _log_sum(logs: NDArray[np.float64]) -> float:
    """Logarithm of the sum of exponentials."""
    top = float(logs.max())
    return top + float(np.log(np.exp(logs - top).sum()))
