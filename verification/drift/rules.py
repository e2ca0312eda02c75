"""On which scales are scores counted, and from when on does a change count as one?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from veridical.models.tables import Table, load_table

__all__ = ["DriftRules", "Quality", "RiseRule", "Scale", "ShiftRule"]

_FILE = Path(__file__).parent / "drift.toml"
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Scale:
    """Bins of equal width; what lies outside counts in the first or last.

    Attributes:
        low: Lower edge of the first bin.
        high: Upper edge of the last bin.
        bins: How many.
    """

    low: float
    high: float
    bins: int

    def bin_of(self, value: float) -> int:
        """Number of the bin a finite value falls in, from 0."""
        inside = min(max(value, self.low), self.high)
        place = math.floor((inside - self.low) / (self.high - self.low) * self.bins)
        return min(place, self.bins - 1)


@dataclass(frozen=True, slots=True)
class Quality:
    """A measured quality that is counted beside the scores.

    Attributes:
        check: Whose evidence holds it.
        evidence: Under which name.
        scale: Its bins.
    """

    check: str
    evidence: str
    scale: Scale


@dataclass(frozen=True, slots=True)
class ShiftRule:
    """When a distribution counts as shifted.

    Attributes:
        windows: The newest hours are compared until they hold this many observations; each window
            is judged by itself, a short one for large shifts and a long one for small.
        least_n: Fewest observations that are judged.
        groups: Into how many groups of like size the baseline is cut.
        raise_p: Chance of so large an index without a shift from which an alert is raised.
        clear_p: Chance above which it is cleared.
        least_psi: Smallest index, its bias taken off, that anybody wants to hear of.
    """

    windows: tuple[int, ...]
    least_n: int
    groups: int
    raise_p: float
    clear_p: float
    least_psi: float


@dataclass(frozen=True, slots=True)
class RiseRule:
    """When a reason counts as risen: a CUSUM of log-likelihood ratios.

    Attributes:
        odds_ratio: The rise it is tuned to: the odds of the reason against those of the baseline.
        raise_at: Level from which an alert is raised, in nats.
        clear_at: Level below which it is cleared.
        most: Level it never exceeds, so that it comes down again soon after a wave.
        least_rate: A reason rarer than this in the baseline counts as if it had this rate.
        bound: One-sided level of the upper bound that is taken for the baseline's rate.
    """

    odds_ratio: float
    raise_at: float
    clear_at: float
    most: float
    least_rate: float
    bound: float


@dataclass(frozen=True, slots=True)
class DriftRules:
    """Everything that the watch for drift decides by.

    Attributes:
        scales: Bins of scores by check, with a `default`.
        qualities: Measured qualities by name.
        longest_h: Hours back from now that are compared at most.
        baseline_n: Fewest observations of a baseline.
        shift: For scores and qualities.
        rise: For reasons.
        duplicates: For reasons of near-duplicate media.
        duplicate_reasons: Which those are.
    """

    scales: Mapping[str, Scale]
    qualities: Mapping[str, Quality]
    longest_h: int
    baseline_n: int
    shift: ShiftRule
    rise: RiseRule
    duplicates: RiseRule
    duplicate_reasons: frozenset[str]

    @classmethod
    @cache
    def read(cls) -> "DriftRules":
        """The rules of this release.

        Raises:
            ModelError: Its table is malformed.
        """
        table = load_table(_FILE)
        shift, duplicates = table.table("shift"), table.table("duplicates")
        return cls(
            scales={name: _scale(found) for name, found in _tables(table.table("scales"))},
            qualities={
                name: Quality(found.text("check"), found.text("evidence"), _scale(found))
                for name, found in _tables(table.table("qualities"))
            },
            longest_h=table.whole("longest_h"),
            baseline_n=table.whole("baseline_n"),
            shift=ShiftRule(
                windows=tuple(int(n) for n in shift.numbers("windows")),
                least_n=shift.whole("least_n"),
                groups=shift.whole("groups"),
                raise_p=shift.number("raise_p"),
                clear_p=shift.number("clear_p"),
                least_psi=shift.number("least_psi"),
            ),
            rise=_rise(table.table("rise")),
            duplicates=_rise(duplicates),
            duplicate_reasons=frozenset(duplicates.texts("reasons")),
        )

    def scale(self, kind: str, name: str) -> Scale:
        """Bins of a series of scores or of a quality."""
        if kind == "quality":
            return self.qualities[name].scale
        return self.scales.get(name) or self.scales[_DEFAULT]


def _tables(table: Table) -> list[tuple[str, Table]]:
    return [(name, table.table(name)) for name in table.values]


def _scale(table: Table) -> Scale:
    return Scale(table.number("low"), table.number("high"), table.whole("bins"))


def _rise(table: Table) -> RiseRule:
    return RiseRule(
        odds_ratio=table.number("odds_ratio"),
        raise_at=table.number("raise_at"),
        clear_at=table.number("clear_at"),
        most=table.number("most"),
        least_rate=table.number("least_rate"),
        bound=table.number("bound"),
    )
