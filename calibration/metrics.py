"""What is the error rate at a threshold, and which threshold gives an error rate?

From first principles: a score at or above the threshold speaks for the applicant, so a
non-mated comparison or an attack at or above it is an error, and a mated comparison or a bona
fide presentation below it.

Words and definitions: ISO/IEC 19795-1 (FMR, FNMR, FTA, DET), ISO/IEC 30107-3 (APCER, BPCER, APNRR,
BPNRR, IAPAR). Every function takes plain score arrays, so that each figure can be worked by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.calibration.intervals import Rate

__all__ = [
    "Det",
    "PadRates",
    "auc",
    "det",
    "eer",
    "fmr",
    "fnmr",
    "iapar",
    "pad_rates",
    "threshold_at_fmr",
    "threshold_at_fnmr",
    "within_a_quarter",
]

Scores = NDArray[np.floating]


def fmr(non_mated: Scores, threshold: float) -> Rate:
    """Non-mated comparisons at or above the threshold (false match rate)."""
    return Rate(int(np.count_nonzero(non_mated >= threshold)), len(non_mated))


def fnmr(mated: Scores, threshold: float) -> Rate:
    """Mated comparisons below the threshold (false non-match rate)."""
    return Rate(int(np.count_nonzero(mated < threshold)), len(mated))


def threshold_at_fmr(non_mated: Scores, target: float) -> float | None:
    """Lowest threshold at which no more than a share `target` of these scores lies.

    Args:
        non_mated: (n,) scores.
        target: False match rate wanted, above 0 and below 1.

    Returns:
        The threshold, the next number above the highest score that must be refused; None when
        `n * target` is below 1, for then not even one error may be among the scores and their
        highest decides.

    Raises:
        ValueError: The target is not a share.
    """
    if not 0 < target < 1:
        raise ValueError(f"a target rate lies between 0 and 1, got {target}")
    allowed = int(np.floor(round(len(non_mated) * target, 9)))
    if allowed < 1:
        return None
    refused = np.partition(non_mated, len(non_mated) - allowed - 1)[len(non_mated) - allowed - 1]
    return float(np.nextafter(np.float64(refused), np.inf))


def threshold_at_fnmr(mated: Scores, target: float) -> float | None:
    """Highest threshold below which no more than a share `target` of these scores lies.

    Args:
        mated: (n,) scores.
        target: False non-match rate (or BPCER) wanted, above 0 and below 1.

    Returns:
        The threshold, one of the scores; None when `n * target` is below 1.

    Raises:
        ValueError: The target is not a share.
    """
    if not 0 < target < 1:
        raise ValueError(f"a target rate lies between 0 and 1, got {target}")
    allowed = int(np.floor(round(len(mated) * target, 9)))
    if allowed < 1:
        return None
    return float(np.partition(mated, allowed)[allowed])


@dataclass(frozen=True, slots=True, eq=False)
class Det:
    """A detection error trade-off curve.

    Attributes:
        thresholds: (k,) float64, rising: each score once, and one above all.
        fmr: (k,) float64, never rising.
        fnmr: (k,) float64, never falling.
    """

    thresholds: NDArray[np.float64]
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]


def det(mated: Scores, non_mated: Scores) -> Det:
    """Both error rates at every threshold that makes a difference.

    Raises:
        ValueError: One of the two kinds of score is missing.
    """
    if not len(mated) or not len(non_mated):
        raise ValueError("a DET curve needs mated and non-mated scores")
    # Sorted and searched in their own type: a copy of tens of millions of scores as float64 for
    # every step would be what decides how large an index can be.
    common = np.result_type(mated, non_mated)
    mated, non_mated = np.sort(mated.astype(common)), np.sort(non_mated.astype(common))
    distinct = np.union1d(np.unique(mated), np.unique(non_mated))
    below = [
        np.append(np.searchsorted(scores, distinct, side="left"), len(scores))
        for scores in (non_mated, mated)
    ]
    thresholds = distinct.astype(np.float64)
    return Det(
        np.append(thresholds, np.nextafter(thresholds[-1], np.inf)),
        1.0 - below[0] / len(non_mated),
        below[1] / len(mated),
    )


def eer(curve: Det) -> float:
    """Equal error rate: where the two rates cross, on a straight line between thresholds."""
    gap = curve.fnmr - curve.fmr
    right = int(np.argmax(gap >= 0))
    if right == 0 or gap[right] == 0:
        return float((curve.fnmr[right] + curve.fmr[right]) / 2)
    share = gap[right - 1] / (gap[right - 1] - gap[right])
    return float(curve.fnmr[right - 1] + share * (curve.fnmr[right] - curve.fnmr[right - 1]))


def auc(higher: Scores, lower: Scores) -> float | None:
    """Probability that one of `higher` scores above one of `lower`; ties count half.

    The area under the ROC curve, by ranks (H. B. Mann and D. R. Whitney, 1947). None when a kind
    is missing.
    """
    if not len(higher) or not len(lower):
        return None
    lower = np.sort(lower)
    below = np.searchsorted(lower, higher, side="left")
    not_above = np.searchsorted(lower, higher, side="right")
    return float((below + not_above).sum() / 2 / (len(higher) * len(lower)))


@dataclass(frozen=True, slots=True)
class PadRates:
    """Presentation attack detection at one threshold.

    Attributes:
        apcer: Attack presentations taken for bona fide, by PAI species, among those answered.
        apcer_max: That of the worst species: the figure to quote. None without attacks.
        bpcer: Bona fide presentations taken for attacks, among those answered.
        bpcer_with_nonresponse: The same, with those not answered counted as errors.
        apnrr: Attack presentations not answered, of all species.
        bpnrr: Bona fide presentations not answered.
    """

    apcer: Mapping[str, Rate]
    apcer_max: Rate | None
    bpcer: Rate
    bpcer_with_nonresponse: Rate
    apnrr: Rate
    bpnrr: Rate


def pad_rates(
    bona_fide: Sequence[float | None],
    attacks: Mapping[str, Sequence[float | None]],
    threshold: float,
) -> PadRates:
    """Rates of ISO/IEC 30107-3 from one score a presentation; None where there was no answer.

    An attack that got no answer did no harm and proves nothing: it is left out of APCER's
    denominator, which can only raise APCER, and is counted in APNRR.
    """
    apcer = {
        species: Rate(
            sum(score is not None and score >= threshold for score in scores),
            sum(score is not None for score in scores),
        )
        for species, scores in sorted(attacks.items())
    }
    answered = [rate for rate in apcer.values() if rate.n]
    refused = sum(score is not None and not score >= threshold for score in bona_fide)
    silent = sum(score is None for score in bona_fide)
    every_attack = [score for scores in attacks.values() for score in scores]
    return PadRates(
        apcer,
        max(answered, key=lambda rate: (rate.errors / rate.n, rate.n)) if answered else None,
        Rate(refused, len(bona_fide) - silent),
        Rate(refused + silent, len(bona_fide)),
        Rate(sum(score is None for score in every_attack), len(every_attack)),
        Rate(silent, len(bona_fide)),
    )


def iapar(accepted: Mapping[str, Sequence[bool]]) -> Mapping[str, Rate]:
    """Impostor attacks the whole system accepted, by PAI species; no answer is no acceptance.

    Impostor attack presentation accept rate, ISO/IEC 30107-3: liveness and comparison together.
    """
    return {name: Rate(sum(given), len(given)) for name, given in sorted(accepted.items())}


def within_a_quarter(group: Rate, overall: Rate) -> bool | None:
    """Whether a group fares no more than 25 % worse than everybody, as NIST SP 800-63A-4 asks.

    Only the two measured rates are compared; with few errors they say little. None when a rate is
    missing or nobody met an error.
    """
    if not group.n or not overall.errors:
        return None
    return group.errors / group.n <= 1.25 * overall.errors / overall.n
