"""What does a score mean? Applies what `veridical calibrate` fitted.

A calibration file holds, for one check and one model set, how often the measured attacks or
strangers reached each score, and the log-likelihood ratio of a score. Reading it needs neither
numpy nor scipy: it happens at every start.
"""

import json
import math
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from veridical.errors import InputError
from veridical.models.fitted import read_fitted
from veridical.result import ErrorRate, OperatingPoint

__all__ = ["FORMAT", "Calibration", "CalibrationSet", "load_calibrations"]

FORMAT = "veridical.calibration/1"


@dataclass(frozen=True, slots=True)
class Calibration:
    """The meaning of one check's scores.

    Attributes:
        check: Whose scores, such as `face.match`.
        sha256: Hash of the file.
        rate_kind: Which error rate the scores are told in: `fmr`, `apcer`, ...
        data: Which data, in words.
        n: Independent trials behind the rates.
        models: The models that made the scores, as `name@sha256`.
        accept_at: Fitted threshold.
        reject_below: Fitted threshold.
        scores: Rising scores at which rates are known.
        rates: Share of trials at or above each score.
        low: Lower bound of each rate's 95 % interval.
        high: Upper bound.
        llr_scores: Rising scores at which the log-likelihood ratio is known.
        llr_values: Natural log-likelihood ratios, not falling.
        covariates: Weight and mean of each covariate, added to the ratio.
    """

    check: str
    sha256: str
    rate_kind: str
    data: str
    n: int
    models: tuple[str, ...]
    accept_at: float
    reject_below: float
    scores: tuple[float, ...]
    rates: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    llr_scores: tuple[float, ...]
    llr_values: tuple[float, ...]
    covariates: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """Read a calibration file, TOML or JSON by its suffix.

        Raises:
            InputError: `calibration.missing`: there is no such file; `calibration.malformed`: it
                is none, or its numbers contradict each other.
        """
        return read_fitted(
            path,
            what="calibration file",
            made_by="veridical calibrate",
            area="calibration",
            wanted_format=FORMAT,
            decode=json.loads if path.suffix == ".json" else tomllib.loads,
            checked=cls._checked,
        )

    @classmethod
    def _checked(cls, raw: Mapping[str, Any], sha256: str) -> "Calibration":
        point, table, curve = raw["operating_point"], raw["error_rate"], raw["llr"]
        made = cls(
            check=str(raw["check"]),
            sha256=sha256,
            rate_kind=str(table["kind"]),
            data=str(raw["data"]["description"]),
            n=int(table["n"]),
            models=tuple(map(str, raw["data"]["models"])),
            accept_at=float(point["accept_at"]),
            reject_below=float(point["reject_below"]),
            scores=tuple(map(float, table["scores"])),
            rates=tuple(map(float, table["rates"])),
            low=tuple(map(float, table["low"])),
            high=tuple(map(float, table["high"])),
            llr_scores=tuple(map(float, curve["scores"])),
            llr_values=tuple(map(float, curve["values"])),
            covariates={
                str(name): (float(weight), float(mean))
                for name, (weight, mean) in curve.get("covariates", {}).items()
            },
        )
        known = len(made.scores)
        if not known or {len(made.rates), len(made.low), len(made.high)} != {known}:
            raise ValueError("scores, rates, low and high must be of one length")
        if len(made.llr_scores) != len(made.llr_values) or len(made.llr_scores) < 2:
            raise ValueError("llr wants two or more scores with a value each")
        if not (_rising(made.scores) and _rising(made.llr_scores)):
            raise ValueError("scores must rise")
        if not made.accept_at >= made.reject_below:
            raise ValueError("accept_at must not lie below reject_below")
        return made

    def point(self) -> OperatingPoint:
        """The fitted operating point."""
        return OperatingPoint(self.accept_at, self.reject_below, f"calibration:{self.sha256[:12]}")

    def error_rate(self, score: float) -> ErrorRate | None:
        """What accepting from this score on costs.

        Between two known scores the lower one answers, whose rate is the higher: a score never
        looks better than was measured.

        Returns:
            The rate; None for a score that is not a number.
        """
        if math.isnan(score):
            return None
        place = max(0, bisect_right(self.scores, score) - 1)
        value, low, high = self.rates[place], self.low[place], self.high[place]
        if score < self.scores[0]:
            value, high = 1.0, 1.0
        return ErrorRate(self.rate_kind, value, (low, high), self.n, self.data)

    def llr(self, score: float, covariates: Mapping[str, float] | None = None) -> float:
        """Natural log-likelihood ratio of a score: above 0 it speaks for the applicant.

        Linear between known scores and constant beyond them, where nothing was measured.

        Args:
            score: The score.
            covariates: Values of the covariates it was fitted with; their means where absent.

        Returns:
            The ratio; NaN for a score that is not a number.
        """
        given = covariates or {}
        shift = sum(
            weight * (given.get(name, mean) - mean)
            for name, (weight, mean) in self.covariates.items()
        )
        return _interpolated(score, self.llr_scores, self.llr_values) + shift


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """The calibrations a policy names, by check."""

    calibrations: Mapping[str, Calibration] = field(default_factory=dict)

    def operating_point(self, check: str) -> OperatingPoint | None:
        """The fitted operating point of a check; None without a calibration."""
        found = self.calibrations.get(check)
        return found.point() if found else None

    def error_rate(self, check: str, score: float | None) -> ErrorRate | None:
        """What a check's score means; None without a calibration or a score."""
        found = self.calibrations.get(check)
        return found.error_rate(score) if found and score is not None else None


def load_calibrations(paths: Mapping[str, Path]) -> CalibrationSet:
    """Read the calibration files a policy names.

    Args:
        paths: Check to file.

    Raises:
        InputError: As `Calibration.load`; `calibration.other_check`: a file is of another check.
    """
    found: dict[str, Calibration] = {}
    for check, path in paths.items():
        found[check] = Calibration.load(path)
        if found[check].check != check:
            raise InputError(
                f"calibration file {path.name!r} is of {found[check].check}, wanted for {check}",
                "calibration.other_check",
            )
    return CalibrationSet(found)


def _rising(values: tuple[float, ...]) -> bool:
    return all(a < b for a, b in pairwise(values))


def _interpolated(x: float, places: tuple[float, ...], values: tuple[float, ...]) -> float:
    if math.isnan(x):
        return math.nan
    right = bisect_right(places, x)
    if right == 0 or right == len(places):
        return values[0] if right == 0 else values[-1]
    left_x, right_x = places[right - 1], places[right]
    share = (x - left_x) / (right_x - left_x)
    return values[right - 1] + share * (values[right] - values[right - 1])
