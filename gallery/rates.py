"""What does a similarity mean in a list of a given size?

One comparison of two strangers rarely looks alike; a million comparisons of one innocent person
with a list nearly always hold some that do. A threshold for a list is therefore set by the rate at
which innocent people get any hit at all (FPIR, ISO/IEC 19795-1), not by the rate of one
comparison (FMR).
"""

from collections.abc import Sequence

import numpy as np

from veridical.models import Card

__all__ = ["FmrCurve"]


class FmrCurve:
    """False match rate of one recogniser as a function of the threshold, as measured.

    Between and beyond the points the logarithm of the rate is taken as linear. Beyond them that is
    an assumption: rates far below 3 / n are not measured by n comparisons.

    Args:
        similarities: Thresholds, rising, at least two.
        rates: FMR at each, falling, within 0..1 exclusive of 0.

    Raises:
        ValueError: The points do not rise and fall so.
    """

    def __init__(self, similarities: Sequence[float], rates: Sequence[float]) -> None:
        if len(similarities) != len(rates) or len(rates) < 2:
            raise ValueError("a curve needs as many rates as similarities, at least two")
        self._at = np.asarray(similarities, np.float64)
        self._log = np.log(np.asarray(rates, np.float64))
        if not (np.diff(self._at) > 0).all() or not (np.diff(self._log) < 0).all():
            raise ValueError("on a curve similarities rise and rates fall")
        if not np.isfinite(self._log).all() or (self._log > 0).any():
            raise ValueError("rates lie above 0 and at most at 1")

    @classmethod
    def from_card(cls, card: Card) -> "FmrCurve | None":
        """The curve of a recogniser's card; None where it was not measured.

        Raises:
            ValueError: The card's curve does not rise and fall as one does.
        """
        at, rates = card.parameters.get("fmr_similarities"), card.parameters.get("fmr_rates")
        if not isinstance(at, tuple) or not isinstance(rates, tuple):
            return None
        return cls([float(value) for value in at], [float(value) for value in rates])

    def fmr(self, similarity: float) -> float:
        """Share of comparisons of two strangers that reach a similarity."""
        return float(min(1.0, np.exp(self._log_rate(similarity))))

    def fpir(self, similarity: float, entries: int) -> float:
        """Share of innocent people who reach a similarity with any of so many entries.

        Entries are taken as independent, which overstates the rate somewhat.
        """
        rate = self.fmr(similarity)
        if rate >= 1.0:
            return 1.0 if entries else 0.0
        return float(-np.expm1(entries * np.log1p(-rate)))

    def threshold(self, fpir: float, entries: int) -> float:
        """Similarity that this share of innocent people reaches with any of so many entries.

        Args:
            fpir: Above 0 and below 1.
            entries: At least one.
        """
        rate = -np.expm1(np.log1p(-fpir) / entries)
        low, high = -1.0, 2.0
        for _ in range(60):  # halving an interval of 3 this often reaches the last bit
            middle = (low + high) / 2
            low, high = (middle, high) if self.fmr(middle) > rate else (low, middle)
        return high

    def _log_rate(self, similarity: float) -> float:
        at, log = self._at, self._log
        place = int(np.clip(np.searchsorted(at, similarity), 1, len(at) - 1))
        slope = (log[place] - log[place - 1]) / (at[place] - at[place - 1])
        return float(log[place] + slope * (similarity - at[place]))
