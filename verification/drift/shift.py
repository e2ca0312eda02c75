"""Has a distribution shifted? The population stability index, with what its sample sizes excuse.

With p and q the shares of B groups in n and m observations, PSI = sum (q - p) ln(q / p). Without a
shift it is about (1/n + 1/m) times a chi-square variable of B - 1 degrees of freedom: its mean,
(B - 1)(1/n + 1/m), is a bias that small samples alone bring about, and fixed rules such as 0.1 and
0.25 raise false alarms in small samples and sleep through shifts in large ones.

Source: B. Yurdakul, "Statistical properties of population stability index", dissertation, Western
    Michigan University, 2018, chapter 3; the critique of fixed rules also in C. J. Potgieter et
    al., "The population resemblance statistic", arXiv 2307.11878.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import chdtri

from veridical.verification.drift.rules import ShiftRule
from veridical.verification.drift.series import Tally, merged

__all__ = ["Shift", "groups_of", "shift_of"]

_UNSEEN = 0.5
"""Added to every group, so that an empty one does not make the index infinite."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A recent window against the baseline.

    Attributes:
        psi: The index less its bias; near 0, and as often below, without a shift.
        raise_at: From where an alert is raised.
        clear_at: Below which it is cleared.
        n: Observations in the window.
    """

    psi: float
    raise_at: float
    clear_at: float
    n: int


def shift_of(baseline: Tally, hours: Sequence[Tally], bins: int, rule: ShiftRule) -> list[Shift]:
    """Compare the newest hours with the baseline.

    Args:
        baseline: Counts by bin.
        hours: Counts by bin of each hour, the oldest first.
        bins: How many bins there are.
        rule: Operating point.

    Returns:
        One comparison a window that holds enough; none for a baseline that knows one value only.
    """
    groups = groups_of(baseline, bins, rule.groups)
    if len(groups) < 2:
        return []
    found: list[Shift] = []
    wanted = list(rule.windows)
    window: dict[str, int] = {}
    for place, hour in enumerate(reversed(hours), 1):
        if not wanted:
            break
        window = merged((window, hour))
        n = sum(window.values())
        full = [size for size in wanted if size <= n]
        wanted = [size for size in wanted if size > n]
        if full or (place == len(hours) and n >= rule.least_n):
            found.append(_compare(baseline, window, groups, rule))
    return found


def groups_of(baseline: Tally, bins: int, count: int) -> list[range]:
    """Cut the bins into groups of about equal counts; a bin that is one by itself stays alone."""
    least = sum(baseline.values()) / count
    groups: list[range] = []
    start, held = 0, 0
    for place in range(bins):
        here = baseline.get(str(place), 0)
        if here >= least and held * 4 >= least:  # not enough to stand alone: it joins
            groups.append(range(start, place))
            start, held = place, 0
        held += here
        if held >= least:
            groups.append(range(start, place + 1))
            start, held = place + 1, 0
    if groups and start < bins:
        groups[-1] = range(groups[-1].start, bins) if held * 4 < least else groups[-1]
        if groups[-1].stop < bins:
            groups.append(range(start, bins))
    return groups


def _compare(baseline: Tally, window: Tally, groups: Sequence[range], rule: ShiftRule) -> Shift:
    was, now = ([_count(tally, group) for group in groups] for tally in (baseline, window))
    n, m = sum(was), sum(now)
    smoothing = _UNSEEN * len(groups)
    psi = 0.0
    for before, after in zip(was, now, strict=True):
        p, q = (before + _UNSEEN) / (n + smoothing), (after + _UNSEEN) / (m + smoothing)
        psi += (q - p) * math.log(q / p)
    scale, freedom = 1 / n + 1 / m, len(groups) - 1
    bias = freedom * scale
    return Shift(
        psi=psi - bias,
        raise_at=max(rule.least_psi, float(chdtri(freedom, rule.raise_p)) * scale - bias),
        clear_at=max(rule.least_psi / 2, float(chdtri(freedom, rule.clear_p)) * scale - bias),
        n=m,
    )


def _count(tally: Tally, group: range) -> int:
    return sum(tally.get(str(place), 0) for place in group)
