"""Has a reason become more frequent? A CUSUM over the hours.

Each observation adds the log-likelihood ratio of "the odds of this reason are r times those of the
baseline" against "they are as they were"; the sum never falls below 0. Counts of an hour are all it
needs, so it is computed afresh from what is stored and keeps no state of its own.

Without a rise, the mean number of observations to a false alarm at level h is at least exp(h),
whatever the rate (G. Lorden, Annals of Mathematical Statistics 42, 1971, theorem 2), and mostly far
more, for the sum leaves 0 only with an event; looking at whole hours can only make alarms rarer.

Source: E. S. Page, Biometrika 41, 1954; M. R. Reynolds and Z. G. Stoumbos, Journal of Quality
    Technology 31, 1999 (Bernoulli observations); S. H. Steiner et al., Biostatistics 1, 2000 (odds
    ratio as alternative).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import betaincinv

from veridical.verification.drift.rules import RiseRule
from veridical.verification.drift.series import Tally

__all__ = ["Rise", "rise_of"]


@dataclass(frozen=True, slots=True)
class Rise:
    """How far a reason has risen.

    Attributes:
        level: Of the CUSUM, in nats.
        rate: Share since the level last was 0; the whole period's where it is.
        was: Share in the baseline.
        n: Observations behind `rate`.
    """

    level: float
    rate: float
    was: float
    n: int


def rise_of(baseline: Tally, hours: Sequence[Tally], reason: str, rule: RiseRule) -> Rise:
    """Follow one reason through the hours.

    Args:
        baseline: Counts by reason.
        hours: Counts by reason of each hour, the oldest first.
        reason: Which.
        rule: Operating point.
    """
    before, total = baseline.get(reason, 0), sum(baseline.values())
    # The baseline's rate is itself an estimate: its upper bound, after Clopper and Pearson.
    bound = float(betaincinv(before + 1, total - before, rule.bound)) if before < total else 1.0
    rate = max(bound, rule.least_rate)
    gain = math.log(rule.odds_ratio)
    cost = math.log(1 - rate + rate * rule.odds_ratio)
    level, count, n = 0.0, 0, 0
    for hour in hours:
        here, size = hour.get(reason, 0), sum(hour.values())
        level += here * gain - size * cost
        if level <= 0:
            level, count, n = 0.0, 0, 0
            continue
        level = min(level, rule.most)
        count, n = count + here, n + size
    if not n:
        count, n = sum(h.get(reason, 0) for h in hours), sum(sum(h.values()) for h in hours)
    return Rise(level, count / n if n else 0.0, before / total if total else 0.0, n)
